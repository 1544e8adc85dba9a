// The edits of one client on their way into the log: named, sent one at a time, counted.
//
// Owns the seqs, the frame that is resent unchanged, and the count of what is settled. Knows nothing
// of what a server says, nor of the document.
import { type Delta, isEmpty } from "./delta.js"
import type { SubmitEdit } from "./messages.js"
import { Pending } from "./pending.js"
import { split } from "./wire.js"

/** The edit that was sent and is not answered: the frame as it goes out, every time.
 *
 * `covers` counts the local edits that are settled once this one is; `rewritten` says that a reset gave
 * the seq another payload, so that either of them may be the one which is committed. */
export interface Outstanding {
  readonly seq: number
  readonly base: number
  readonly frame: string
  readonly covers: number
  readonly rewritten: boolean
}

/** `pending` is what `outstanding` and the buffer have become over the newest log.
 *
 * `made` and `settled` count local edits: all, and those of which nothing waits any more, because it
 * is durable, refused, or came to nothing. */
export class Outbox {
  pending = new Pending()
  outstanding: Outstanding | null = null
  made = 0
  settled = 0
  private due = false
  private rewriteFrom_: number | null = null

  constructor(public nextSeq: number) {}

  /** Whether something waits that has not gone out on this connection. */
  get waitsUnsent(): boolean {
    return this.settled < this.made && (this.outstanding === null || this.due)
  }

  /** One more local edit. */
  typed(operation: Delta): void {
    this.pending = this.pending.typed(operation)
    this.made++
    this.count()
  }

  /** On a new connection what is outstanding goes out again. */
  connected(): void {
    this.due = this.outstanding !== null
    this.rewriteFrom_ = null
  }

  /** The edit that is due now, once; without one outstanding, the buffer becomes it. */
  next(version: number, frameBytes: number): Outstanding | null {
    if (this.outstanding === null && !isEmpty(this.pending.buffer)) {
      const [piece, rest] = split(this.pending.buffer, frameBytes)
      this.pending = new Pending(piece, rest)
      this.write(this.nextSeq++, version, isEmpty(rest) ? this.made : this.settled, false)
    }
    if (this.outstanding === null || !this.due) return null
    this.due = false
    return this.outstanding
  }

  /** The log went on, and with it what is pending. */
  moved(pending: Pending): void {
    this.pending = pending
    this.count()
  }

  /** The outstanding edit waits for nothing any more. */
  finish(): void {
    if (this.outstanding !== null) {
      this.settled = this.outstanding.covers
      this.outstanding = null
    }
    this.rewriteFrom_ = null
    this.count()
  }

  /** Give the outstanding seq what it is over the log at `version` as its payload.
   *
   * Also where that has come to nothing: the first writing may still be on its way, and the next edit
   * must not overtake it. */
  rewrite(version: number): void {
    if (this.outstanding === null) return
    this.rewriteFrom_ = null
    this.write(this.outstanding.seq, version, this.outstanding.covers, true)
  }

  /** Its base is too old: write it anew as soon as we have version `needed`. */
  rewriteFrom(needed: number, version: number): void {
    this.rewriteFrom_ = needed
    this.reached(version)
  }

  /** We have the log up to `version`. */
  reached(version: number): void {
    if (this.rewriteFrom_ !== null && version >= this.rewriteFrom_) this.rewrite(version)
  }

  /** The log has this seq under our name; the next edits are named above it. */
  taken(seq: number): void {
    this.nextSeq = Math.max(this.nextSeq, seq + 1)
  }

  /** Go on with what an earlier page left. */
  restore(pending: Pending, outstanding: Omit<Outstanding, "covers"> | null): void {
    this.pending = pending
    this.settled = 0
    this.made = Number(outstanding !== null) + Number(!isEmpty(pending.buffer))
    if (outstanding === null) return
    const { seq, base, frame, rewritten } = outstanding
    this.outstanding = { seq, base, frame, rewritten, covers: 1 }
  }

  private write(seq: number, base: number, covers: number, rewritten: boolean): void {
    const message: SubmitEdit = { type: "edit", seq, base, operation: this.pending.outstanding.ops }
    this.outstanding = { seq, base, frame: JSON.stringify(message), covers, rewritten }
    this.due = true
  }

  private count(): void {
    if (this.outstanding === null && isEmpty(this.pending.buffer)) this.settled = this.made
  }
}
