// The editor of yjs documents: CodeMirror over y-websocket.
import { defaultKeymap } from "@codemirror/commands"
import { Compartment, EditorState, type Extension } from "@codemirror/state"
import { EditorView, keymap, placeholder } from "@codemirror/view"
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next"
import { WebsocketProvider } from "y-websocket"
import * as Y from "yjs"
import { titleOf, type DocumentRow } from "../api"
import { type Connection, type ConnectionEvent, FIRST, hasContent, step } from "../connection"
import { h } from "../dom"
import { freeHue, me, type Person, personOf, published, rename } from "../people"
import { rightInToken, token } from "../token"
import { caretOf, carets } from "./carets"
import type { Place, Running } from "./editor"
import { makePresence, type Present } from "./presence"
import { makeStatus } from "./status"

/** The root that holds the text, the one that y-codemirror's examples use too. */
export const TEXT_ROOT = "codemirror"

const BAR_HEIGHT = 96
/** Provider 3 stops for good at 4400-4499; sending an oversized frame again is no use either. */
const TOO_BIG = 1009
/** How long the provider may take for a dead line to be alive: what was typed in that time before
 * it is lost may not have arrived. */
const DEAD_LINE_MILLISECONDS = 33_000

export function open(row: DocumentRow, place: Place): Running {
  return new YjsEditor(row, place)
}

class YjsEditor implements Running {
  private readonly doc = new Y.Doc()
  private readonly text = this.doc.getText(TEXT_ROOT)
  private readonly provider: WebsocketProvider
  private readonly editable = new Compartment()
  private readonly status
  private readonly presence
  private connection: Connection = FIRST
  private person: Person = me()
  /** Something was typed that the server may not have. */
  private unsent = false
  private typedAt = 0
  private readOnly: boolean
  private view: EditorView | null = null
  private left = false
  private readonly skeleton = skeleton()

  constructor(
    private readonly row: DocumentRow,
    private readonly place: Place,
  ) {
    this.readOnly = rightInToken(row.id) === "read"
    this.status = makeStatus(place.status, place.notice, {
      tryAgain: () => this.tryAgain(),
    })
    this.presence = makePresence(place.people, {
      rename: (name) => this.rename(name),
      goTo: (client) => this.goTo(client),
    })
    this.provider = this.connect()
    this.show()
    this.showPeople()
  }

  mayLeave(): boolean {
    return !this.unsent
  }

  leave(): void {
    this.left = true
    removeEventListener("beforeunload", this.onBeforeUnload)
    this.presence.leave()
    this.view?.destroy()
    this.provider.awareness.setLocalState(null)
    this.provider.destroy()
    this.doc.destroy()
  }

  private connect(): WebsocketProvider {
    const provider = new WebsocketProvider(
      `${location.origin.replace(/^http/, "ws")}/yjs`,
      this.row.id,
      this.doc,
      {
        connect: false,
        params: connectionParameters(),
        // Windows of one browser meet on the server like everybody else, so that what the page says
        // of the connection is true of what one sees.
        disableBc: true,
        shouldReconnect: (event) => !isFinal(event.code),
      },
    )
    provider.on("status", ({ status }) => {
      if (status === "connected") this.on({ kind: "opened" })
    })
    provider.on("sync", (synced) => {
      if (synced) this.on({ kind: "synced" })
    })
    provider.on("connection-close", (event) => {
      const code = event?.code ?? 1006
      this.on({ kind: "closed", code, reason: event?.reason ?? "", final: isFinal(code) })
    })
    // y-protocols' message 2: this connection may not do what it just tried.
    provider.messageHandlers[2] = () => {
      this.readOnly = true
      this.show()
    }
    this.doc.on("update", (_update: Uint8Array, origin: unknown) => {
      if (origin === provider) return
      this.typedAt = Date.now()
      if (provider.synced) return
      this.unsent = true
      this.show()
    })
    provider.awareness.setLocalStateField("user", published(this.person))
    provider.awareness.on("change", () => this.showPeople())
    addEventListener("beforeunload", this.onBeforeUnload)
    provider.connect()
    return provider
  }

  private on(event: ConnectionEvent): void {
    if (this.left) return
    this.connection = step(this.connection, event)
    if (event.kind === "closed" && Date.now() - this.typedAt < DEAD_LINE_MILLISECONDS) this.unsent = true
    if (this.connection.state === "live") {
      this.unsent = false
      if (this.view === null) this.start()
    }
    this.show()
  }

  /** The server's content is here for the first time: only now there is something to edit. */
  private start(): void {
    this.place.body.replaceChildren()
    const elsewhere = [...this.doc.share.keys()].filter((root) => root !== TEXT_ROOT)
    if (this.text.length === 0 && elsewhere.length > 0) this.place.notice.append(otherRoots(elsewhere))
    this.view = new EditorView({
      parent: this.place.body,
      state: EditorState.create({ doc: this.text.toString(), extensions: this.extensions() }),
    })
    if (matchMedia("(hover: hover)").matches) this.view.focus()
  }

  private extensions(): Extension[] {
    const nonce = document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? ""
    return [
      EditorView.cspNonce.of(nonce),
      // A carriage return is a character like any other: both sides have to count the same.
      EditorState.lineSeparator.of("\n"),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({
        "aria-label": titleOf(this.row),
        spellcheck: "true",
        autocapitalize: "sentences",
      }),
      EditorView.scrollMargins.of(() => ({ top: BAR_HEIGHT, bottom: 48 })),
      placeholder("Write something. Everybody here sees it at once."),
      this.editable.of(this.rights()),
      yCollab(this.text, null), // first, so that the carets below see the text after a change
      carets(this.text, this.provider.awareness),
      keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
    ]
  }

  private rights(): Extension {
    if (this.mayType()) return []
    return [
      EditorState.readOnly.of(true),
      EditorView.editable.of(false),
      EditorView.contentAttributes.of({ tabindex: "0", "aria-readonly": "true" }),
    ]
  }

  private mayType(): boolean {
    return !this.readOnly && hasContent(this.connection) && this.connection.state !== "refused"
  }

  private show(): void {
    this.status.show(this.connection, this.unsent, this.readOnly)
    this.place.people.hidden = !hasContent(this.connection)
    if (this.view === null) {
      const refused = this.connection.state === "refused"
      this.place.body.replaceChildren(...(refused ? [] : [this.skeleton]))
      return
    }
    if (this.view.state.readOnly === this.mayType()) {
      this.view.dispatch({ effects: this.editable.reconfigure(this.rights()) })
    }
  }

  private showPeople(): void {
    const { awareness } = this.provider
    const others: Present[] = []
    const taken = new Set<number>()
    for (const [client, state] of awareness.getStates()) {
      if (client === awareness.clientID || !state["user"]) continue
      const person = personOf(client, state["user"])
      // Of two with the same colour the one with the lower id keeps it.
      if (client < awareness.clientID || person.hue !== this.person.hue) taken.add(person.hue)
      others.push({ client, ...person, placed: Boolean(state["cursor"]) })
    }
    const hue = freeHue(this.person.hue, taken)
    if (hue !== this.person.hue) {
      this.person = { ...this.person, hue }
      awareness.setLocalStateField("user", published(this.person))
    }
    others.sort((a, b) => a.name.localeCompare(b.name) || a.client - b.client)
    this.presence.show(this.person, others)
  }

  private rename(name: string): void {
    if (name.trim() === "") return
    rename(name, this.person.hue)
    this.person = { name: me().name, hue: this.person.hue }
    this.provider.awareness.setLocalStateField("user", published(this.person))
  }

  private goTo(client: number): void {
    const position = caretOf(client, this.text, this.provider.awareness)
    if (position === null || this.view === null) return
    this.view.dispatch({ effects: EditorView.scrollIntoView(position, { y: "center" }) })
  }

  private tryAgain(): void {
    // What was typed stays, and goes with the token that there is now.
    this.provider.params = connectionParameters()
    this.readOnly = rightInToken(this.row.id) === "read"
    this.on({ kind: "again" })
    this.provider.connect()
  }

  private readonly onBeforeUnload = (event: BeforeUnloadEvent): void => {
    if (this.unsent) event.preventDefault()
  }
}

function connectionParameters(): Record<string, string> {
  const bearer = token()
  return bearer === null ? {} : { token: bearer }
}

function isFinal(code: number): boolean {
  return code === TOO_BIG || (code >= 4400 && code < 4500)
}

function skeleton(): HTMLElement {
  const lines = ["long", "long", "short", "gap", "long", "middle"]
  return h("div", { class: "skeleton", "aria-hidden": "true" }, ...lines.map((line) => h("i", { class: line })))
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
