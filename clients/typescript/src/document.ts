// A document that others edit at the same time: what users of this package hold in their hands.
//
// Owns the user's view: edits, what changed, who is here, what is saved. Knows nothing of frames and
// reconnects.
import type { ChannelEnd } from "./channel.js"
import { type Attributes, Delta, isEmpty, type Op, parseLocal, textOf } from "./delta.js"
import { type Closed, ClientError, InvalidOperation, ReadOnly } from "./errors.js"
import { Emitter, type Stop } from "./emitter.js"
import type { ReplicaEvent } from "./events.js"
import { type Access, mayWrite } from "./messages.js"
import { type DocumentEvents, Refused, type State, type Storage } from "./news.js"
import { Presence } from "./presence.js"
import { Keeper, type Queue } from "./queue.js"
import type { Replica } from "./replica.js"
import type { Way } from "./transports.js"

/** What keeps the document in touch, as far as the document has to know. */
export interface Line {
  readonly failure: Closed | null
  readonly trouble: ChannelEnd | null
  readonly welcomed: boolean
  start(): void
  stop(reason?: string): void
  wake(): void
  send(frame: string): void
}

/** What sends, as far as keeping has to know: it waits for `keep` before an edit goes out. */
export interface Sender {
  keep: (() => Promise<void>) | null
  via: Way | null
}

const UNTOLD_REFUSALS = 64

/** An open document; `connect` and `open` make one. Edits are applied at once, and durable when `flush`
 * returns. Offline, edits go on and wait. Positions are UTF-16 units, as in every string of
 * JavaScript; an embed counts 1. */
export class CollabDocument {
  readonly presence: Presence
  private readonly emitter = new Emitter<DocumentEvents>()
  private readonly waiting = new Set<() => void>()
  private refusals: Refused[] = []
  private closed = false
  private shown: { document: Delta; text: string } = { document: new Delta(), text: "" }
  private told: { state: State; saved: boolean; storage: Storage; access: Access }
  private storage_: Storage = "off"
  private ended: Closed | null = null
  private keeper: Keeper | null = null

  constructor(
    readonly id: string,
    private readonly replica: Replica,
    private readonly line: Line,
  ) {
    this.presence = new Presence(replica, () => line.wake())
    this.told = this.standing()
  }

  // What is ----------------------------------------------------------------------------------------

  /** The text as we see it now, own unsaved edits included; an embed shows as U+FFFC. */
  get text(): string {
    const { local } = this.replica
    if (this.shown.document !== local) this.shown = { document: local, text: textOf(local) }
    return this.shown.text
  }

  /** The document as we see it now, as a Delta of inserts. Do not change it. */
  get contents(): Delta {
    return this.replica.local
  }

  /** `text` or `richtext`; empty before the first welcome. */
  get type(): string {
    return this.replica.documentType
  }

  /** Which log `version` counts in: another one after the document was deleted and created. */
  get epoch(): string {
    return this.replica.epoch ?? ""
  }

  /** The newest commit that we have. */
  get version(): number {
    return this.replica.version
  }

  /** Our public name in changes and presence. */
  get author(): string {
    return this.replica.author
  }

  /** What the server last said that we may do. */
  get access(): Access {
    return this.replica.access
  }

  /** All edits that are not durable, as one operation on the newest state of the log. */
  get unsaved(): Delta {
    return this.replica.unsaved
  }

  /** Whether everything typed here is durable on the server, whatever the connection: whether one may
   * leave. */
  get saved(): boolean {
    return this.replica.settled
  }

  get state(): State {
    if (this.closed || this.line.failure !== null) return "closed"
    if (this.replica.epoch === null) return "connecting"
    if (!this.replica.live) return "offline"
    if (!mayWrite(this.replica.access)) return "read-only"
    return this.replica.settled ? "saved" : "saving"
  }

  /** Whether `edit` would take an edit now: there is a document, and we may write in it. */
  get writable(): boolean {
    const open = !this.closed && this.line.failure === null
    return open && this.replica.epoch !== null && mayWrite(this.replica.access)
  }

  get storage(): Storage {
    return this.storage_
  }

  /** Why the connection has ended for good; null while it has not. */
  get failure(): Closed | null {
    return this.line.failure
  }

  /** How the last connection ended, to be shown to people; null before any has. */
  get trouble(): ChannelEnd | null {
    return this.line.trouble
  }

  // Editing ----------------------------------------------------------------------------------------

  /** Apply an operation, whose positions are those of the current state. It shows at once.
   *
   * `origin` comes back in the change that is told of, so that who made the edit knows it.
   * Throws InvalidOperation for what does not fit the document or its type, ReadOnly, and Closed once
   * the connection has ended for good; then nothing is changed. */
  edit(operation: Delta | readonly Op[], origin: unknown = null): void {
    this.checkOpen()
    if (!mayWrite(this.replica.access) && this.replica.epoch !== null) throw new ReadOnly()
    const parsed = parseLocal(operation)
    if (this.type === "text" && parsed.ops.some(isRich)) {
      throw new InvalidOperation("a plain text has neither attributes nor embeds")
    }
    if (isEmpty(parsed)) return
    this.replica.edit(parsed)
    this.line.wake()
    const { author, epoch, version } = this
    this.emitter.emit("change", { operation: parsed, author, user: null, epoch, version, local: true, origin })
    this.tell()
  }

  insert(index: number, content: string | Record<string, unknown>, attributes?: Attributes): void {
    this.replace(index, 0, content, attributes)
  }

  delete(index: number, length: number): void {
    this.replace(index, length, "")
  }

  /** Put `content` in the place of `length` units, as one edit. */
  replace(
    index: number,
    length: number,
    content: string | Record<string, unknown>,
    attributes?: Attributes,
  ): void {
    const operation = new Delta().retain(position(index)).insert(content, attributes ?? null)
    this.edit(length === 0 ? operation : operation.delete(position(length)))
  }

  /** Change attributes of `length` units; null takes one away. Only rich text has any. */
  format(index: number, length: number, attributes: Attributes): void {
    this.edit(new Delta().retain(position(index)).retain(position(length), attributes))
  }

  /** Wait until every edit made so far is durable on the server.
   *
   * Offline it waits for the connection, however long. Rejects with Refused if an edit was refused
   * since the last flush, with ReadOnly if edits wait that may not be sent, and with the Closed that
   * ended the connection if edits are left. */
  async flush(): Promise<void> {
    const target = this.replica.outbox.made
    while (this.replica.outbox.settled < target) {
      this.checkOpen()
      if (this.replica.stuck) throw new ReadOnly()
      await new Promise<void>((wake) => this.waiting.add(wake))
    }
    const [first] = this.refusals.splice(0)
    if (first !== undefined) throw first
  }

  // Following --------------------------------------------------------------------------------------

  /** Hear of every such event from now on, until the function that is returned is called. */
  on<Name extends keyof DocumentEvents>(name: Name, listener: (event: DocumentEvents[Name]) => void): Stop {
    return this.emitter.on(name, listener)
  }

  /** Send any JSON value to all peers that are here now. Never stored; throws Offline. */
  send(body: unknown): void {
    this.checkOpen()
    this.line.send(JSON.stringify({ type: "message", body }))
  }

  /** Go on after the connection has ended for good: signed in again, allowed again. */
  reconnect(): void {
    if (this.closed) throw new ClientError("closed", "the document was closed")
    this.ended = null
    this.line.start()
    this.tell()
  }

  /** Leave the document. What is not saved by then is not sent; `flush` before. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.line.stop()
    this.tell()
    this.emitter.clear()
    void this.keeper?.stop()
  }

  // The connection's side --------------------------------------------------------------------------

  /** @internal Take what the replica made of a message. */
  hear(events: readonly ReplicaEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case "changed": {
          const { operation, author, user, epoch, version } = event
          this.emitter.emit("change", { operation, author, user, epoch, version, local: false, origin: null })
          break
        }
        case "refused": {
          const refused = new Refused(event.code, event.message, event.operation)
          if (this.refusals.length < UNTOLD_REFUSALS) this.refusals.push(refused)
          this.emitter.emit("error", refused)
          break
        }
        case "message":
          this.emitter.emit("message", { author: event.from, user: event.user, body: event.body })
          break
        case "error":
          this.emitter.emit("error", new ClientError(event.code, event.message))
          break
        case "peers":
          if (this.emitter.hears("presence")) this.emitter.emit("presence", this.presence.peers)
          break
        case "saved":
          if (this.replica.settled) this.replica.company.settled()
          break
        case "access":
        case "goodbye":
        case "reconnect":
          break
      }
    }
  }

  /** @internal Connect, unless the document was closed meanwhile. */
  begin(): void {
    if (!this.closed) this.line.start()
  }

  /** @internal Keep what is unsaved in this queue, and take over what an earlier page left there. */
  async keepIn(opening: Promise<Queue | null>, sender: Sender): Promise<void> {
    try {
      const queue = await opening
      if (queue === null) return this.storedAs("elsewhere")
      const kept = await queue.load().catch((error: unknown) => {
        queue.release()
        throw error
      })
      if (this.closed) return queue.release()
      if (kept !== null) {
        this.replica.restore(kept)
        sender.via = (kept.outstanding?.via as Way | null | undefined) ?? null
      }
      const keeper = new Keeper(
        queue,
        kept,
        () => this.replica.kept(sender.via),
        (well) => this.storedAs(well ? "kept" : "failed"),
      )
      this.keeper = keeper
      sender.keep = () => keeper.keep()
      this.storedAs("kept")
    } catch {
      this.storedAs("failed")
    }
  }

  private storedAs(storage: Storage): void {
    if (this.storage_ === storage) return
    this.storage_ = storage
    this.tell()
  }

  /** @internal Something has been heard: tell of what is another now. */
  tell(): void {
    void this.keeper?.keep()
    const { told } = this
    const now = this.standing()
    this.told = now
    if (told.access !== now.access) this.emitter.emit("access", now.access)
    if (told.state !== now.state || told.saved !== now.saved || told.storage !== now.storage) {
      this.emitter.emit("state", now.state)
    }
    const { failure } = this.line
    if (failure !== null && failure !== this.ended) {
      this.ended = failure
      this.emitter.emit("error", failure)
    }
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const wake of waiting) wake()
  }

  /** @internal Wait for the first state: the server's, or what was kept here. */
  async opened(): Promise<void> {
    while (this.replica.epoch === null) {
      this.checkOpen()
      await new Promise<void>((wake) => this.waiting.add(wake))
    }
  }

  private standing(): { state: State; saved: boolean; storage: Storage; access: Access } {
    return { state: this.state, saved: this.saved, storage: this.storage_, access: this.access }
  }

  private checkOpen(): void {
    if (this.line.failure !== null) throw this.line.failure
    if (this.closed) throw new ClientError("closed", "the document was closed")
  }
}

function isRich(op: Op): boolean {
  return op.attributes !== undefined || (op.insert !== undefined && typeof op.insert !== "string")
}

function position(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidOperation(`${value} is no position`)
  return value
}
