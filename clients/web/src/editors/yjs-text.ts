// The editor of yjs documents that are text: CodeMirror over y-websocket.
import type { EditorView } from "@codemirror/view"
import * as decoding from "lib0/decoding"
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next"
import { readAuthMessage } from "y-protocols/auth"
import { messageYjsSyncStep1 } from "y-protocols/sync"
import { messageAuth, messageSync, WebsocketProvider } from "y-websocket"
import * as Y from "yjs"
import { titleOf, type DocumentRow } from "../api"
import { h } from "../dom"
import type { Person } from "../people"
import { token } from "../token"
import { carets } from "./carets"
import { allow, scrollTo, textEditor } from "./codemirror"
import { Desk, type Line } from "./desk"
import { isSaid, type Place, type Running } from "./editor"
import { skeleton } from "./skeleton"
import { Unsaved } from "./unsaved"
import { caretOf, yjsCarets } from "./yjs-carets"
import { introduceIn, othersIn } from "./yjs-people"

/** The root that holds the text, the one that y-codemirror's examples use too. */
export const TEXT_ROOT = "codemirror"
/** The root of TipTap and of whatever is made of markdown or html. */
const RICH_ROOT = "default"

/** Provider 3 stops for good at 4400-4499; sending an oversized frame again is no use either. */
const TOO_BIG = 1009
/** The websocket's subprotocol, which is offered together with the token: a browser can put a token
 * nowhere else but into the address. */
const SUBPROTOCOL = "collab.yjs"
const TOKEN_PREFIX = "collab.token."

export function open(row: DocumentRow, place: Place): Running {
  return new YjsText(row, place)
}

class YjsText implements Running, Line<number> {
  private readonly doc = new Y.Doc()
  private readonly text = this.doc.getText(TEXT_ROOT)
  private readonly unsaved = new Unsaved(this.doc.clientID)
  private readonly provider: WebsocketProvider
  private readonly desk: Desk<number>
  private readonly skeleton = skeleton()
  private view: EditorView | null = null

  constructor(
    private readonly row: DocumentRow,
    private readonly place: Place,
  ) {
    place.body.replaceChildren(this.skeleton)
    this.provider = this.makeProvider()
    this.desk = new Desk(place, this)
    this.follow()
    this.desk.open()
    this.provider.connect()
  }

  mayLeave(): boolean {
    return this.desk.mayLeave
  }

  signedIn(): void {
    this.desk.signedIn()
  }

  leave(): void {
    this.desk.leave()
    this.view?.destroy()
    this.provider.awareness.setLocalState(null)
    this.provider.destroy()
    this.doc.destroy()
  }

  reconnect(): void {
    // What was typed stays, and goes with the token that there is now.
    this.provider.disconnect()
    this.provider.protocols = offered()
    this.provider.connect()
  }

  introduce(person: Person): void {
    introduceIn(this.provider.awareness, person)
  }

  goTo(client: number): void {
    const position = caretOf(client, this.text, this.provider.awareness)
    if (position !== null && this.view !== null) scrollTo(this.view, position)
  }

  refresh(): void {
    const { view, desk } = this
    if (view === null) this.skeleton.hidden = desk.connection.state === "refused"
    else allow(view, desk.mayType, yUndoManagerKeymap)
  }

  private makeProvider(): WebsocketProvider {
    return new WebsocketProvider(`${location.origin.replace(/^http/, "ws")}/yjs`, this.row.id, this.doc, {
      connect: false,
      protocols: offered(),
      // Windows of one browser meet on the server like everybody else, so that what the page says
      // of the connection is true of what one sees.
      disableBc: true,
      shouldReconnect: (event) => !isFinal(event.code),
    })
  }

  private follow(): void {
    const { provider, desk, doc } = this
    provider.on("status", ({ status }) => {
      if (status === "connected") desk.on({ kind: "opened" })
    })
    provider.on("sync", (synced) => {
      if (!synced) return
      desk.on({ kind: "synced" })
      if (this.view === null) this.start()
    })
    provider.on("connection-close", (event) => {
      const code = event?.code ?? 1006
      desk.on({ kind: "closed", code, reason: event?.reason ?? "", final: isFinal(code) })
    })
    provider.messageHandlers[messageAuth] = (_encoder, decoder) => {
      readAuthMessage(decoder, doc, (_doc, reason) => desk.deny(reason))
    }
    const sync = provider.messageHandlers[messageSync]
    provider.messageHandlers[messageSync] = (encoder, decoder, ...rest) => {
      const said = decoding.clone(decoder)
      sync?.(encoder, decoder, ...rest)
      this.hear(decoding.readVarUint(said), decoding.readVarUint8Array(said))
    }
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (this.view !== null) this.place.changed(() => this.text.toString())
      if (origin === provider) return
      this.unsaved.typed(update)
      desk.setPending(this.unsaved.any)
    })
    provider.awareness.on("change", () => desk.showPeople(othersIn(provider.awareness)))
  }

  /** Everything that the server says of the document is stored. */
  private hear(kind: number, payload: Uint8Array): void {
    if (kind === messageYjsSyncStep1) {
      // A server asks for what it was denied before when it would take it now.
      if (this.desk.connection.state === "live") this.desk.permit()
      this.unsaved.has(payload)
    } else {
      this.unsaved.stored(payload)
    }
    this.desk.setPending(this.unsaved.any)
  }

  /** The server's content is here for the first time: only now there is something to edit. */
  private start(): void {
    const elsewhere = [...this.doc.share.keys()].filter((root) => root !== TEXT_ROOT)
    if (this.text.length === 0 && elsewhere.length > 0) {
      if (elsewhere.includes(RICH_ROOT) && !isSaid(this.row)) return this.place.reopen("rich")
      this.place.notice.append(otherRoots(elsewhere))
    }
    const binding = {
      extensions: yCollab(this.text, null),
      undoKeys: yUndoManagerKeymap,
      carets: carets(yjsCarets(this.text, this.provider.awareness)),
    }
    this.view = textEditor(titleOf(this.row), this.text.toString(), binding, this.desk.mayType)
    this.place.body.replaceChildren(this.view.dom)
    this.place.changed(() => this.text.toString())
    if (matchMedia("(hover: hover)").matches) this.view.focus()
  }
}

function offered(): string[] {
  const bearer = token()
  return bearer === null ? [] : [SUBPROTOCOL, TOKEN_PREFIX + bearer]
}

function isFinal(code: number): boolean {
  return code === TOO_BIG || (code >= 4400 && code < 4500)
}

function otherRoots(roots: readonly string[]): HTMLElement {
  return h(
    "div",
    { class: "note" },
    h("strong", {}, "Not empty. "),
    "Another editor keeps its content in this document, under ",
    h("code", {}, roots.slice(0, 5).join(", ")),
    `. Here you see the text “${TEXT_ROOT}” only.`,
  )
}
