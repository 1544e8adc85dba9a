// The editor of yjs documents: CodeMirror over y-websocket.
import { EditorState } from "@codemirror/state"
import { EditorView } from "@codemirror/view"
import { readAuthMessage } from "y-protocols/auth"
import { messageYjsSyncStep1 } from "y-protocols/sync"
import { messageAuth, messageSync, WebsocketProvider } from "y-websocket"
import * as Y from "yjs"
import { titleOf, type DocumentRow } from "../api"
import { type Connection, type ConnectionEvent, FIRST, hasContent, step } from "../connection"
import { h } from "../dom"
import { freeHue, me, type Person, personOf, published, rename } from "../people"
import { closeSignIn } from "../signing"
import { token } from "../token"
import { caretOf } from "./carets"
import type { Place, Running } from "./editor"
import { makePresence, type Present } from "./presence"
import { makeStatus } from "./status"
import { editable, skeleton, textEditor } from "./text"

/** The root that holds the text, the one that y-codemirror's examples use too. */
export const TEXT_ROOT = "codemirror"

/** Provider 3 stops for good at 4400-4499; sending an oversized frame again is no use either. */
const TOO_BIG = 1009
/** How long the provider may take for a dead line to be alive: what was typed in that time before
 * it is lost may not have arrived. */
const DEAD_LINE_MILLISECONDS = 33_000
/** What was typed so shortly before a denial may be what was denied: changes of rights need up to
 * two seconds. */
const DENIED_MILLISECONDS = 5000
/** The websocket's subprotocol, which is offered together with the token: a browser can put a token
 * nowhere else but into the address. */
const SUBPROTOCOL = "collab.yjs"
const TOKEN_PREFIX = "collab.token."

export function open(row: DocumentRow, place: Place): Running {
  return new YjsEditor(row, place)
}

class YjsEditor implements Running {
  private readonly doc = new Y.Doc()
  private readonly text = this.doc.getText(TEXT_ROOT)
  private readonly provider: WebsocketProvider
  private readonly status
  private readonly presence
  private connection: Connection = FIRST
  private person: Person = me()
  /** Something was typed that the server may not have. */
  private unsent = false
  private typedAt = 0
  private readOnly: boolean
  private denied: string | null = null
  /** Something was typed that the server may have refused, on this connection or, `before`, on one
   * before the last `tryAgain`. */
  private refused = false
  private refusedBefore = false
  private view: EditorView | null = null
  private left = false
  private readonly skeleton = skeleton()

  constructor(
    private readonly row: DocumentRow,
    private readonly place: Place,
  ) {
    this.readOnly = false // until the server says so
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
    return !this.unsent && !this.refused
  }

  signedIn(): void {
    closeSignIn()
    this.tryAgain()
  }

  leave(): void {
    this.left = true
    closeSignIn()
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
        protocols: offered(),
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
    provider.messageHandlers[messageAuth] = (_encoder, decoder) => {
      readAuthMessage(decoder, this.doc, (_doc, reason) => this.deny(reason))
    }
    const sync = provider.messageHandlers[messageSync]
    provider.messageHandlers[messageSync] = (encoder, decoder, ...rest) => {
      const kind = decoder.arr[decoder.pos]
      // A server asks for what it was denied before when it would take it now.
      if (kind === messageYjsSyncStep1 && this.connection.state === "live") this.permit()
      sync?.(encoder, decoder, ...rest)
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
    const extensions = textEditor(titleOf(this.row), this.text, this.provider.awareness, this.mayType())
    this.view = new EditorView({
      parent: this.place.body,
      state: EditorState.create({ doc: this.text.toString(), extensions }),
    })
    if (matchMedia("(hover: hover)").matches) this.view.focus()
  }

  private mayType(): boolean {
    return !this.readOnly && hasContent(this.connection) && this.connection.state !== "refused"
  }

  private show(): void {
    const { readOnly, denied, unsent, refused } = this
    this.status.show(this.connection, { readOnly, denied, unsent, refused })
    this.place.people.hidden = !hasContent(this.connection)
    if (this.view === null) {
      const refused = this.connection.state === "refused"
      this.place.body.replaceChildren(...(refused ? [] : [this.skeleton]))
      return
    }
    if (this.view.state.readOnly === this.mayType()) {
      const focused = this.view.hasFocus
      this.view.dispatch({ effects: editable(this.mayType()) })
      if (focused) this.view.focus() // which an element loses that becomes another kind
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

  /** This connection may not do what it just tried, or may not write any more. Said before it is
   * live, that is how one is here and no news. */
  private deny(reason: string): void {
    const typed = Date.now() - this.typedAt < DENIED_MILLISECONDS
    this.refused ||= this.refusedBefore || typed
    const news = this.connection.state === "live" && !this.readOnly
    if (news || this.refused) this.denied = reason
    this.readOnly = true
    this.show()
  }

  private permit(): void {
    if (!this.readOnly) return
    this.readOnly = this.refused = this.refusedBefore = false
    this.denied = null
    this.show()
  }

  private tryAgain(): void {
    // What was typed stays, and goes with the token that there is now.
    this.provider.disconnect()
    this.provider.protocols = offered()
    this.person = { name: me().name, hue: this.person.hue }
    this.provider.awareness.setLocalStateField("user", published(this.person))
    this.readOnly = false
    this.denied = null
    this.refusedBefore = this.refused
    this.refused = false
    this.on({ kind: "again" })
    this.provider.connect()
  }

  private readonly onBeforeUnload = (event: BeforeUnloadEvent): void => {
    if (!this.mayLeave()) event.preventDefault()
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
