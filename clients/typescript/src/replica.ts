// One client's copy of a document: what the log has, what is on its way, what waits.
//
// Owns the client's half of the native protocol: when an edit is sent, what proves that it is durable,
// and how unsent text survives commits of others, lost connections and resets. Pure and deterministic:
// it knows no socket, no clock and no storage. Feed it local operations and the server's messages,
// send what `toSend` returns.
import { apply, type Delta, isEmpty, NOTHING, parse } from "./delta.js"
import { ClientError, InvalidOperation, Malformed } from "./errors.js"
import type { Changed, ReplicaEvent } from "./events.js"
import {
  type Access,
  type EditEvent,
  type ErrorReport,
  type Hello,
  type Limits,
  mayWrite,
  type Named,
  type PresenceEntry,
  type Reset,
  type ServerMessage,
  type Welcome,
} from "./messages.js"
import { Outbox, type Outstanding } from "./outbox.js"
import { Company, type Selection } from "./peers.js"
import { Pending } from "./pending.js"
import type { Kept } from "./queue.js"
import { verdictOnEdit } from "./verdicts.js"
import { readContents, readOperation } from "./wire.js"

/** Where the connection stands: none of use, waiting for the welcome, welcomed. */
type Link = "down" | "greeting" | "live"

/** What may come before the welcome, or be it. */
const GREETINGS: ReadonlySet<string> = new Set(["welcome", "reset", "error", "goodbye"])

const NO_LIMIT = Number.MAX_SAFE_INTEGER

/** A document as one client has it; three states: synchronised, awaiting, awaiting with buffer.
 *
 * `local` is what the user sees, always `synced` (the log at `version` of `epoch`) with the pending
 * operations applied; `outbox` holds those, `company` the presence.
 *
 * Use: `connectionOpened()` and send its hello; `receive` every message; `edit` local operations at
 * any time after the first welcome; after each of these, send what `toSend()` returns;
 * `connectionLost()` when the connection ends. */
export class Replica {
  author = ""
  epoch: string | null = null
  version = 0
  documentType = ""
  access: Access = "none"
  limits: Limits | null = null
  synced: Delta = NOTHING
  local: Delta = NOTHING
  readonly outbox: Outbox
  readonly company = new Company()
  private link: Link = "down"
  private canResume = true

  constructor(
    public client: string,
    firstSeq = 1,
  ) {
    this.outbox = new Outbox(firstSeq)
  }

  /** Whether the server has welcomed us on a connection that still stands. */
  get live(): boolean {
    return this.link === "live"
  }

  /** Whether everything typed here is durable (or was refused). */
  get settled(): boolean {
    return this.outbox.settled === this.outbox.made
  }

  /** Whether something waits that may not be sent: we are connected, but only to read. */
  get stuck(): boolean {
    return this.live && !mayWrite(this.access) && this.outbox.waitsUnsent
  }

  /** Everything that is not durable yet, as one operation over `synced`. */
  get unsaved(): Delta {
    return this.outbox.pending.whole
  }

  // The connection ---------------------------------------------------------------------------------

  /** The first frame of a new connection. `create` counts only while we have no state. */
  connectionOpened(options: { token?: string | null; create?: string | null } = {}): Hello {
    this.link = "greeting"
    const { token, create } = options
    const hello = { type: "hello", client: this.client, ...(token != null && { token }) } as const
    if (this.epoch === null) return { ...hello, ...(create != null && { create }) }
    return this.canResume ? { ...hello, epoch: this.epoch, version: this.version } : hello
  }

  /** Whatever was sent may or may not have arrived; nobody is known to be here. */
  connectionLost(): ReplicaEvent[] {
    this.link = "down"
    return this.company.leave() ? [{ type: "peers" }] : []
  }

  /** The frames that are due on this connection now; each is handed out once per connection. */
  toSend(): { edit: Outstanding | null; presence: string | null } {
    if (!this.live) return { edit: null, presence: null }
    const frameBytes = this.limits?.frame_bytes ?? NO_LIMIT
    const edit = mayWrite(this.access) ? this.outbox.next(this.version, frameBytes) : null
    const presence = this.company.toSend(this.synced, this.outbox.pending, this.version)
    return { edit, presence: presence && JSON.stringify(presence) }
  }

  // Across pages -----------------------------------------------------------------------------------

  /** What the next page needs to send what is not saved; null where everything is. `via`: the way that
   * the outstanding edit has gone, or is about to. */
  kept(via: string | null): Kept | null {
    if (this.epoch === null || this.settled) return null
    const { outstanding, pending, nextSeq } = this.outbox
    const { client, author, epoch, version, documentType, access } = this
    return {
      ...{ client, author, epoch, version, documentType, access, nextSeq },
      synced: this.synced.ops,
      outstanding: outstanding && {
        seq: outstanding.seq,
        base: outstanding.base,
        frame: outstanding.frame,
        rewritten: outstanding.rewritten,
        operation: pending.outstanding.ops,
        via,
      },
      buffer: pending.buffer.ops,
    }
  }

  /** Go on as the client that left this; before the first connection. */
  restore(kept: Kept): void {
    const { client, author, epoch, version, documentType, access } = kept
    Object.assign(this, { client, author, epoch, version, documentType, access })
    const { outstanding } = kept
    const pending = new Pending(parse(outstanding?.operation ?? []), parse(kept.buffer))
    this.synced = parse(kept.synced)
    this.local = apply(this.synced, pending.whole)
    this.outbox.nextSeq = kept.nextSeq
    this.outbox.restore(pending, outstanding)
    this.company.trail.restart(version)
  }

  // The user ---------------------------------------------------------------------------------------

  /** Apply a local operation at once; throws InvalidOperation if it does not fit `local`, or there is
   * no document yet. Without effect where it throws. */
  edit(operation: Delta): void {
    if (this.epoch === null) throw new InvalidOperation("an edit before the first welcome")
    this.local = apply(this.local, operation)
    this.company.moved(operation)
    this.outbox.typed(operation)
  }

  /** Where a peer's selection is in `local`; null without one, or out of our reach. */
  selectionOf(author: string): Selection | null {
    return this.company.selectionOf(author, this.outbox.pending)
  }

  // The server -------------------------------------------------------------------------------------

  /** One message of the current connection, in order; what it means for the user.
   *
   * Never throws for what a server sends: a message that cannot be true ends in `reconnect`. */
  receive(message: ServerMessage): ReplicaEvent[] {
    const events: ReplicaEvent[] = []
    if (this.link === "down") return events
    if (this.link === "greeting" && !GREETINGS.has(message.type)) return events
    try {
      this.take(message, events)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.canResume = false
      this.reconnect(`${error.code}: ${error.message}`, 0, events)
    }
    return events
  }

  private take(message: ServerMessage, events: ReplicaEvent[]): void {
    switch (message.type) {
      case "edits":
        return this.follow(message.edits, events)
      case "welcome":
        return message.edits ? this.resume(message, events) : this.adopt(message, events)
      case "reset":
        return this.adopt(message, events)
      case "ack":
        return this.learnCommitted(message, events)
      case "error":
        return this.takeError(message, events)
      case "presence":
        return this.learnPeers(message.peers, events, message.complete)
      case "access":
        this.access = message.access
        events.push(message)
        return
      case "message":
      case "goodbye":
        events.push(message)
        return
      case "pong":
        return
    }
  }

  private follow(edits: readonly EditEvent[], events: ReplicaEvent[]): void {
    for (const event of edits) {
      if (event.version > this.version + 1) {
        return this.reconnect(`version ${event.version} came after ${this.version}`, 0, events)
      }
      if (event.version === this.version + 1) this.commit(event, events)
    }
  }

  private commit(event: EditEvent, events: ReplicaEvent[]): void {
    const operation = readOperation(event.operation)
    const synced = apply(this.synced, operation)
    const { outstanding, pending } = this.outbox
    const own = event.author === this.author
    const acknowledged = own && outstanding?.seq === event.seq
    const moved = acknowledged ? pending.committed(this.synced, operation) : pending.rebased(operation)
    if (own && !acknowledged) this.outbox.taken(event.seq)
    // What is visible of our own commit corrects what was there already: nobody's change.
    const { author, user } = acknowledged ? NOBODY : event
    this.moveTo(synced, moved.pending, this.changed(moved.visible, author, user, event.version), events)
    this.version = event.version
    this.company.trail.add(event.version, operation)
    this.outbox.reached(event.version)
    if (acknowledged) {
      this.outbox.finish()
      events.push({ type: "saved", seq: event.seq, version: event.version })
    }
  }

  private resume(welcome: Welcome, events: ReplicaEvent[]): void {
    if (welcome.epoch !== this.epoch) throw new Malformed("a welcome to another epoch without its contents")
    this.enter(welcome)
    this.follow(welcome.edits ?? [], events)
    if (welcome.committed) this.learnCommitted(welcome.committed, events)
    this.learnPeers(welcome.presence, events, true)
  }

  /** Take over whole contents, and rebase what is pending by what differs. */
  private adopt(message: Welcome | Reset, events: ReplicaEvent[]): void {
    const contents = readContents(message.document_type, message.contents)
    const { committed } = message
    const { outstanding, pending } = this.outbox
    const done = outstanding !== null && committed !== undefined && committed.seq >= outstanding.seq
    // Our name may be among those that the server has forgotten: nobody can tell what became of the
    // edit, so sending it again might commit it twice.
    const sameEpoch = message.epoch === this.epoch
    const unknown = outstanding !== null && sameEpoch && outstanding.base < message.forgotten
    const first = this.epoch === null
    let moved = { pending, visible: NOTHING }
    if (first) this.local = contents
    else moved = done ? pending.contained(this.synced, contents) : pending.replaced(this.synced, contents)
    this.enter(message)
    this.epoch = message.epoch
    this.moveTo(contents, moved.pending, this.changed(moved.visible, null, null, message.version), events)
    this.version = message.version
    this.documentType = message.document_type
    this.canResume = true
    this.company.trail.restart(message.version)
    if (committed) this.outbox.taken(committed.seq)
    if (done) {
      this.outbox.finish()
      events.push({ type: "saved", seq: outstanding.seq, version: committed.version })
    } else if (unknown) {
      this.giveBack("edit_fate_unknown", "whether this edit is stored is forgotten", events)
    } else {
      this.outbox.rewrite(this.version)
    }
    this.learnPeers(message.presence, events, true)
  }

  private enter(message: Welcome | Reset): void {
    this.access = message.access
    this.author = message.author
    this.limits = message.limits
    if (this.link === "greeting") {
      this.link = "live"
      this.outbox.connected()
      this.company.arrive()
    }
  }

  /** The log has our seq. If at a version still to come, the stream will show it. */
  private learnCommitted(committed: Named, events: ReplicaEvent[]): void {
    const { outstanding } = this.outbox
    if (outstanding?.seq !== committed.seq || committed.version > this.version) return
    this.takeBack(events)
    events.push({ type: "saved", seq: committed.seq, version: committed.version })
  }

  private takeError(error: ErrorReport, events: ReplicaEvent[]): void {
    const { outstanding } = this.outbox
    if (outstanding === null || error.seq !== outstanding.seq) {
      events.push(error)
      return
    }
    const { committed } = error
    switch (verdictOnEdit(error, outstanding.rewritten)) {
      case "passing":
        return this.reconnect(error.code, error.retry_after ?? 0, events)
      case "committed":
        if (committed) this.learnCommitted(committed, events)
        return
      case "rewrite":
        if (committed) this.outbox.rewriteFrom(committed.version, this.version)
        return
      case "refused":
        this.giveBack(error.code, error.message, events)
        if (committed) this.outbox.taken(committed.seq)
        return
      case "wait":
        return
    }
  }

  private learnPeers(entries: readonly PresenceEntry[], events: ReplicaEvent[], complete: boolean): void {
    if (this.company.learn(entries, this.author, complete)) events.push({ type: "peers" })
  }

  private reconnect(reason: string, retryAfter: number, events: ReplicaEvent[]): void {
    this.link = "down"
    events.push({ type: "reconnect", reason, retryAfter })
  }

  // Every transition ends here ---------------------------------------------------------------------

  private giveBack(code: string, message: string, events: ReplicaEvent[]): void {
    const operation = this.outbox.pending.outstanding
    this.takeBack(events)
    events.push({ type: "refused", code, message, operation })
  }

  private takeBack(events: ReplicaEvent[]): void {
    const { pending, visible } = this.outbox.pending.takenBack(this.synced)
    this.moveTo(this.synced, pending, this.changed(visible, null, null, this.version), events)
    this.outbox.finish()
  }

  private changed(operation: Delta, author: string | null, user: string | null, version: number): Changed {
    return { type: "changed", operation, author, user, epoch: this.epoch ?? "", version }
  }

  private moveTo(synced: Delta, pending: Pending, changed: Changed, events: ReplicaEvent[]): void {
    if (!isEmpty(changed.operation)) {
      this.local = apply(this.local, changed.operation)
      this.company.moved(changed.operation)
      events.push(changed)
    }
    this.synced = synced
    this.outbox.moved(pending)
  }
}

const NOBODY = { author: null, user: null }
