// Where unsaved edits are kept besides memory, so that they survive a reload: the port, and when what is
// written. Knows nothing of IndexedDB (`indexed_queue.ts`) and of connections.
//
// There is something in a queue only while something is unsaved. The edit that is on its way is written
// before it is sent, as it is sent: so a page that comes after this one repeats the same frame under the
// same name, and it is committed once.
import type { Op } from "./delta.js"
import type { Access } from "./messages.js"

/** What a page leaves to the next one: its client, the log's state that it had, and what is over that. */
export interface Kept {
  readonly client: string
  readonly author: string
  readonly epoch: string
  readonly version: number
  readonly documentType: string
  readonly access: Access
  readonly synced: Op[]
  readonly nextSeq: number
  readonly outstanding: {
    readonly seq: number
    readonly base: number
    readonly frame: string
    readonly rewritten: boolean
    /** What it is over `synced`. */
    readonly operation: Op[]
    /** The transport that it may have gone out on. */
    readonly via: string | null
  } | null
  readonly buffer: Op[]
}

/** The queue of one document, which this page alone has. */
export interface Queue {
  load(): Promise<Kept | null>
  /** Keep this in the place of what is there; null: nothing. Rejects where that cannot be done. */
  save(kept: Kept | null): Promise<void>
  /** Let another page have it. */
  release(): void
}

/** Opens the queue of that name; null if another page has it. Rejects where there can be none. */
export type OpenQueue = (name: string) => Promise<Queue | null>

/** Units of text and operations in one queue. */
const MOST_UNITS = 16 << 20
/** A store that takes longer keeps nobody waiting. */
const PATIENCE = 2_000

/** Writes to a queue what is new, one write after the other, never more than the newest. */
export class Keeper {
  private saved: Kept | null
  private writing: Promise<void> | null = null
  private stopped = false

  /** `now` gives what is to be kept now; `tell` is told whether the last write went well. */
  constructor(
    private readonly queue: Queue,
    saved: Kept | null,
    private readonly now: () => Kept | null,
    private readonly tell: (well: boolean) => void,
  ) {
    this.saved = saved
  }

  /** Write what is new. Resolves when what there was at this call is written, or cannot be. */
  async keep(): Promise<void> {
    if (this.writing !== null) await this.writing // which began with less
    if (this.writing === null) {
      const writing = this.write()
      this.writing = writing
      void writing.then(() => (this.writing = null)) // heard before whoever waits below
    }
    await this.writing
  }

  /** Write what is left, and let another page have the queue. */
  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    await this.keep()
    this.queue.release()
  }

  private async write(): Promise<void> {
    const kept = this.now()
    try {
      if (kept === null && this.saved === null) return
      if (kept !== null && unitsOf(kept) > MOST_UNITS) throw new Error("too much to be kept")
      await inTime(this.queue.save(kept))
      this.saved = kept
      this.tell(true)
    } catch {
      this.tell(false)
      // Better nothing than something that is no longer true.
      await inTime(this.queue.save(null)).then(
        () => (this.saved = null),
        () => undefined,
      )
    }
  }
}

function unitsOf({ synced, outstanding, buffer }: Kept): number {
  const pending = JSON.stringify(buffer).length + 2 * (outstanding?.frame.length ?? 0)
  return synced.reduce((sum, { insert }) => sum + (typeof insert === "string" ? insert.length : 64), pending)
}

async function inTime(done: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the store takes too long")), PATIENCE)
  })
  try {
    await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}
