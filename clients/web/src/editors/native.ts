// The editors of collab's own protocol: `@collab/client` at the desk. What is edited with, a surface
// says; this knows the document and none of the editors.
import { type ClientError, Closed, type CollabDocument, open as openDocument, type Peer, Refused, type Selection } from "@collab/client"
import { type DocumentRow, titleOf } from "../api"
import { toast } from "../dom"
import { type Person, personShown, published } from "../people"
import { token, userInToken } from "../token"
import { wordsOfDenial } from "../words"
import { Desk, type Line, type Other } from "./desk"
import type { Place, Running } from "./editor"
import { skeleton } from "./skeleton"

/** An editor on a native document, bound to it. */
export interface Surface {
  readonly element: HTMLElement
  allow(mayType: boolean): void
  /** Where I am. */
  selection(): Selection | null
  /** Show a place in the text. */
  goTo(position: number): void
  focus(): void
  leave(): void
}

export interface Native {
  readonly doc: CollabDocument
  readonly title: string
  readonly place: Place
}

/** How the bindings of the client show somebody: by the class of their colour. */
export function look(peer: Peer): { readonly name: string; readonly className: string } {
  const { name, hue } = personShown(peer.author, peer.state)
  return { name, className: `hue-${hue}` }
}

export class NativeEditor implements Running, Line<string>, Native {
  readonly doc: CollabDocument
  readonly title: string
  private readonly desk: Desk<string>
  private readonly skeleton = skeleton()
  private surface: Surface | null = null
  private known: ReadonlySet<string> = new Set()

  constructor(
    row: DocumentRow,
    readonly place: Place,
    private readonly makeSurface: (native: Native) => Surface,
  ) {
    this.title = titleOf(row)
    place.body.replaceChildren(this.skeleton)
    this.doc = openDocument(location.origin, row.id, {
      token: () => token() ?? "",
      // What is not saved survives a reload, apart for each user.
      offline: { user: userInToken() ?? "" },
    })
    this.desk = new Desk(place, this)
    this.doc.on("state", () => this.follow())
    this.doc.on("presence", () => this.followPeers())
    this.doc.on("change", () => place.changed(() => this.doc.text))
    this.doc.on("error", (error) => this.hear(error))
    this.desk.open()
    this.follow()
  }

  mayLeave(): boolean {
    return this.doc.saved || this.doc.storage === "kept"
  }

  signedIn(): void {
    this.desk.signedIn()
  }

  whoIs(author: string): Person | null {
    if (author === this.doc.author) return this.desk.person
    const peer = this.doc.presence.peers.get(author)
    return peer === undefined ? null : personShown(author, peer.state)
  }

  leave(): void {
    this.desk.leave()
    this.surface?.leave()
    this.doc.close()
  }

  reconnect(): void {
    this.doc.reconnect()
  }

  introduce(person: Person): void {
    this.doc.presence.set({ ...published(person) }, this.surface?.selection() ?? null)
  }

  goTo(author: string): void {
    const selection = this.doc.presence.peers.get(author)?.selection
    if (selection) this.surface?.goTo(selection.head)
  }

  refresh(): void {
    if (this.surface === null) this.skeleton.hidden = this.desk.connection.state === "refused"
    else this.surface.allow(this.desk.mayType)
  }

  private follow(): void {
    const { doc, desk } = this
    desk.setPending(!doc.saved)
    const { code = 0, reason = "" } = doc.trouble ?? {}
    switch (doc.state) {
      case "connecting":
        if (doc.trouble !== null) desk.on({ kind: "closed", code, reason, final: false })
        break
      case "offline":
        desk.on({ kind: "closed", code, reason, final: false })
        break
      case "closed": {
        const failure = doc.failure ?? new Closed("closed", "", 0)
        desk.on({ kind: "closed", code: failure.closeCode, reason: failure.message, final: true })
        break
      }
      case "read-only":
        desk.deny("not_allowed: you may read this document only")
        desk.on({ kind: "synced" })
        break
      default:
        desk.permit()
        desk.on({ kind: "synced" })
    }
    if (doc.epoch !== "" && this.surface === null) this.start()
  }

  /** The content is here for the first time: only now there is something to edit. */
  private start(): void {
    const surface = this.makeSurface(this)
    this.surface = surface
    this.place.body.replaceChildren(surface.element)
    this.place.changed(() => this.doc.text)
    this.followPeers()
    this.refresh()
    if (matchMedia("(hover: hover)").matches) surface.focus()
  }

  private followPeers(): void {
    const { doc } = this
    const others = [...doc.presence.peers.values()].map(({ author, state, selection }): Other<string> => ({
      ...personShown(author, state),
      id: author,
      placed: selection !== null,
      first: author < doc.author,
    }))
    this.desk.showPeople(others)
    // A newcomer cannot move a caret that was told at a version from before they came.
    const came = others.some(({ id }) => !this.known.has(id))
    this.known = new Set(others.map(({ id }) => id))
    if (came) this.introduce(this.desk.person)
  }

  private hear(error: ClientError): void {
    if (!(error instanceof Refused)) return // how the connection ends, the state says
    const words = wordsOfDenial(`${error.code}: ${error.message}`)
    toast(`Taken back: ${words.title}.`)
  }
}
