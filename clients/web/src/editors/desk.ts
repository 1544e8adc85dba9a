// What every editor does besides editing: says what the connection is and what has become of what one
// typed, who is here, who one is, and what one may do. Knows no protocol and no editor; those tell it.
import { type Connection, type ConnectionEvent, FIRST, hasContent, step } from "../connection"
import { freeHue, me, type Person, rename, wearHue } from "../people"
import { closeSignIn } from "../signing"
import type { Place } from "./editor"
import { makePresence, type Present } from "./presence"
import { makeStatus } from "./status"

/** What an editor does when somebody asks for it at the desk. */
export interface Line<Id> {
  /** Connect anew, with whatever token there is by then. */
  reconnect(): void
  /** Show me to the others so. */
  introduce(person: Person): void
  /** Show where somebody's caret is. */
  goTo(id: Id): void
  /** Whether leaving loses nothing although something is pending: it is kept elsewhere. */
  mayLeave?(): boolean
  /** Whether typing is possible has changed, or something is here for the first time. */
  refresh(): void
}

/** Somebody else who is here. `first` is whether their colour counts before mine. */
export interface Other<Id> extends Person {
  readonly id: Id
  readonly placed: boolean
  readonly first: boolean
}

export class Desk<Id extends number | string> {
  connection: Connection = FIRST
  person: Person = me()
  /** What the server may not have yet, as far as the protocol can tell. */
  private pending = false
  private readOnly = false // until the server says so
  private denied: string | null = null
  private left = false
  private readonly status
  private readonly presence

  constructor(
    private readonly place: Place,
    private readonly line: Line<Id>,
  ) {
    this.status = makeStatus(place.status, place.notice, { tryAgain: () => this.tryAgain() })
    this.presence = makePresence<Id>(place.people, {
      rename: (name) => this.rename(name),
      goTo: (id) => line.goTo(id),
    })
  }

  /** Begin, as soon as the line can be asked. */
  open(): void {
    addEventListener("beforeunload", this.onBeforeUnload)
    this.become(this.person)
    this.show()
    this.showPeople([])
  }

  get mayType(): boolean {
    return !this.readOnly && hasContent(this.connection) && this.connection.state !== "refused"
  }

  get mayLeave(): boolean {
    return !this.pending
  }

  on(event: ConnectionEvent): void {
    if (this.left) return
    this.connection = step(this.connection, event)
    this.show()
  }

  /** Something typed here is not known to be stored, or all of it is. */
  setPending(pending: boolean): void {
    if (this.left || pending === this.pending) return
    this.pending = pending
    this.show()
  }

  /** One may only read, for this reason. Said before the connection is live, that is how one is here
   * and no news. */
  deny(reason: string): void {
    const news = this.connection.state === "live" && !this.readOnly
    if (news || this.pending) this.denied = reason
    this.readOnly = true
    this.show()
  }

  permit(): void {
    if (!this.readOnly) return
    this.readOnly = false
    this.denied = null
    this.show()
  }

  showPeople(others: readonly Other<Id>[]): void {
    const taken = new Set<number>()
    // Of two with the same colour the first keeps it.
    for (const { first, hue } of others) if (first || hue !== this.person.hue) taken.add(hue)
    const hue = freeHue(this.person.hue, taken)
    if (hue !== this.person.hue) this.become({ ...this.person, hue })
    const shown: Present<Id>[] = [...others].sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1))
    this.presence.show(this.person, shown)
  }

  tryAgain(): void {
    this.become({ name: me().name, hue: this.person.hue })
    this.readOnly = false
    this.denied = null
    this.on({ kind: "again" })
    this.line.reconnect()
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
  }

  private show(): void {
    const { readOnly, denied, pending } = this
    const kept = this.line.mayLeave?.() ?? false
    this.status.show(this.connection, { readOnly, denied, pending, kept })
    this.place.people.hidden = !hasContent(this.connection)
    this.place.mayWrite(this.mayType)
    this.line.refresh()
  }

  private rename(name: string): void {
    if (name.trim() === "") return
    rename(name, this.person.hue)
    this.become({ name: me().name, hue: this.person.hue })
  }

  private become(person: Person): void {
    this.person = person
    wearHue(person.hue)
    this.line.introduce(person)
  }

  private readonly onBeforeUnload = (event: BeforeUnloadEvent): void => {
    if (!(this.line.mayLeave?.() ?? this.mayLeave)) event.preventDefault()
  }
}
