// The editor of yjs documents that are rich text: TipTap over Hocuspocus, which says what is stored.
import { HocuspocusProvider, HocuspocusProviderWebsocket, WebSocketStatus } from "@hocuspocus/provider"
import type { Editor } from "@tiptap/core"
import * as Y from "yjs"
import type { DocumentRow } from "../api"
import { titleOf } from "../api"
import { h } from "../dom"
import type { Person } from "../people"
import { token } from "../token"
import { Desk, type Line } from "./desk"
import type { Place, Running } from "./editor"
import { foreignIn } from "./foreign"
import { skeleton } from "./skeleton"
import { richEditor, richTools } from "./tiptap"
import type { Toolbar } from "./toolbar"
import { introduceIn, othersIn } from "./yjs-people"
import "../styles/rich.css"

/** The root that TipTap's collaboration extension takes, and the server for markdown and html. */
const RICH_ROOT = "default"
const MAX_DELAY_MILLISECONDS = 2500
const FIRST_DELAY_MILLISECONDS = 100
/** The close codes of the same refusals in other protocols, so that the words are the same. */
const CODES: Readonly<Record<string, number>> = {
  not_signed_in: 4401,
  not_allowed: 4403,
  document_not_found: 4404,
  wrong_type: 4415,
}
const REFUSED = 4400
const TOO_BIG = 1009

export function open(row: DocumentRow, place: Place): Running {
  return new YjsRich(row, place)
}

class YjsRich implements Running, Line<number> {
  private readonly doc = new Y.Doc()
  private readonly fragment = this.doc.getXmlFragment(RICH_ROOT)
  private readonly socket: HocuspocusProviderWebsocket
  private readonly provider: HocuspocusProvider
  private readonly awareness
  private readonly desk: Desk<number>
  private readonly skeleton = skeleton()
  private editor: Editor | null = null
  private tools: Toolbar | null = null
  /** The content cannot be shown by this editor without harm. */
  private stopped = false
  private refused = false
  private returning = false

  constructor(
    private readonly row: DocumentRow,
    private readonly place: Place,
  ) {
    place.body.replaceChildren(this.skeleton)
    this.socket = new HocuspocusProviderWebsocket({
      url: `${location.origin.replace(/^http/, "ws")}/hocuspocus`,
      autoConnect: false,
      delay: FIRST_DELAY_MILLISECONDS,
      minDelay: FIRST_DELAY_MILLISECONDS,
      maxDelay: MAX_DELAY_MILLISECONDS,
    })
    this.provider = new HocuspocusProvider({
      websocketProvider: this.socket,
      name: row.id,
      document: this.doc,
      token: () => token() ?? "",
    })
    const { awareness } = this.provider
    if (awareness === null) throw new Error("a provider has awareness unless told otherwise")
    this.awareness = awareness
    this.desk = new Desk(place, this)
    this.follow()
    this.desk.open()
    this.provider.attach()
    void this.socket.connect()
  }

  mayLeave(): boolean {
    return this.desk.mayLeave
  }

  signedIn(): void {
    this.desk.signedIn()
  }

  leave(): void {
    this.desk.leave()
    this.editor?.destroy()
    this.awareness.setLocalState(null)
    this.provider.destroy()
    this.socket.destroy()
    this.doc.destroy()
  }

  reconnect(): void {
    this.refused = false
    if (this.socket.status === WebSocketStatus.Connected) {
      this.returning = true
      this.socket.disconnect()
    } else {
      void this.socket.connect()
    }
  }

  introduce(person: Person): void {
    introduceIn(this.awareness, person)
  }

  goTo(client: number): void {
    const { hue } = othersIn(this.awareness).find(({ id }) => id === client) ?? {}
    const caret = this.place.body.querySelector(`.peer-caret.hue-${hue}`)
    caret?.scrollIntoView({ block: "center" })
  }

  refresh(): void {
    const { editor, desk } = this
    if (editor === null) {
      this.skeleton.hidden = desk.connection.state === "refused"
      return
    }
    if (editor.isEditable !== desk.mayType) editor.setEditable(desk.mayType, false)
    editor.view.dom.setAttribute("aria-readonly", String(!desk.mayType))
    this.tools?.refresh(desk.mayType)
  }

  private follow(): void {
    const { provider, socket, desk, awareness } = this
    socket.on("status", ({ status }: { status: WebSocketStatus }) => {
      if (status === WebSocketStatus.Connected) desk.on({ kind: "opened" })
    })
    socket.on("close", ({ event }: { event: { code?: number; reason?: string } }) => this.closed(event))
    provider.on("authenticated", ({ scope }: { scope: string }) => {
      if (scope === "readonly") desk.deny("not_allowed: you may read this document only")
      else desk.permit()
    })
    provider.on("authenticationFailed", ({ reason }: { reason: string }) => {
      const code = CODES[reason.split(":")[0] ?? ""] ?? null
      // What passes (a load that failed) is tried again as if the line were gone.
      this.refused = code !== null
      desk.on({ kind: "closed", code: code ?? 1013, reason, final: code !== null })
      socket.disconnect()
      if (code === null) this.returning = true
    })
    provider.on("synced", ({ state }: { state: boolean }) => {
      if (!state) return
      desk.on({ kind: "synced" })
      if (this.editor === null && !this.stopped) this.start()
    })
    provider.on("unsyncedChanges", ({ number }: { number: number }) => this.count(number))
    awareness.on("change", () => desk.showPeople(othersIn(awareness)))
    this.doc.on("update", () => this.place.changed(() => this.editor?.getText({ blockSeparator: "\n" }) ?? ""))
    this.doc.on("beforeObserverCalls", this.guard)
  }

  /** Its handshake counts as a change, too, which is none of ours as long as nothing is typed. */
  private count(unsynced: number): void {
    if (unsynced === 0) this.desk.setPending(false)
  }

  private closed({ code = 1006, reason = "" }: { code?: number; reason?: string }): void {
    if (!this.refused) {
      const final = code === TOO_BIG || (code >= REFUSED && code < 4500 && code !== 4408 && code !== 4429)
      if (final) {
        this.refused = true
        this.socket.disconnect()
      }
      this.desk.on({ kind: "closed", code, reason, final })
    }
    if (!this.returning) return
    this.returning = false
    void this.socket.connect()
  }

  /** The server's content is here for the first time: only now there is something to edit. */
  private start(): void {
    const { desk, place } = this
    const editor = richEditor(titleOf(this.row), this.fragment, this.awareness, desk.mayType)
    const foreign = foreignIn(this.fragment, editor.schema)
    if (foreign !== null) return this.stop(foreign, editor)
    const paper = h("div", { class: "rich" })
    place.body.replaceChildren(paper)
    editor.mount(paper)
    this.editor = editor
    this.tools = richTools(place.tools, editor)
    editor.on("transaction", () => this.tools?.refresh(desk.mayType))
    this.doc.on("update", (_update: Uint8Array, origin: unknown) => {
      if (origin !== this.provider) desk.setPending(true)
    })
    this.refresh()
    place.changed(() => editor.getText({ blockSeparator: "\n" }))
    if (matchMedia("(hover: hover)").matches) editor.commands.focus()
  }

  /** Before the editor sees a change: if it does not know what came, it goes, and harms nothing. */
  private readonly guard = (transaction: Y.Transaction): void => {
    const { editor } = this
    if (editor === null || transaction.local) return
    for (const type of transaction.changed.keys()) {
      if (!(type instanceof Y.XmlFragment || type instanceof Y.XmlText)) continue
      const foreign = foreignIn(type as Y.XmlFragment, editor.schema)
      if (foreign !== null) return this.stop(foreign, editor)
    }
  }

  private stop(foreign: string, editor: Editor): void {
    this.stopped = true
    this.editor = null
    this.tools = null
    editor.destroy()
    this.place.tools.replaceChildren()
    const link = h("a", { href: `/v1/documents/${encodeURIComponent(this.row.id)}/content?format=html`, target: "_blank" }, "as a page")
    this.place.notice.append(
      h(
        "div",
        { class: "note" },
        h("strong", {}, "Another editor's content. "),
        "It holds something that this editor does not know (",
        h("code", {}, foreign),
        ") and would spoil, so it is not opened here. You can read it ",
        link,
        ".",
      ),
    )
    this.place.body.replaceChildren()
  }
}
