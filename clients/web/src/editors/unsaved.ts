// What of one's own edits of a Yjs document is not known to be stored. y-websocket does not say; but
// the server sends an update back to whoever wrote it, and only when it is stored. So what is typed is
// noted here, and crossed off as it returns: insertions by one's own clock, deletions by ranges.
import * as Y from "yjs"

type Range = readonly [from: number, to: number]

export class Unsaved {
  private typedClock = 0
  private storedClock = 0
  private deletions = new Map<number, Range[]>()

  constructor(private readonly client: number) {}

  get any(): boolean {
    return this.storedClock < this.typedClock || this.deletions.size > 0
  }

  /** This was typed here. */
  typed(update: Uint8Array): void {
    const clock = Y.parseUpdateMeta(update).to.get(this.client)
    if (clock !== undefined) this.typedClock = Math.max(this.typedClock, clock)
    for (const [client, ranges] of deletionsIn(update)) {
      this.deletions.set(client, [...(this.deletions.get(client) ?? []), ...ranges])
    }
  }

  /** The server has stored this, whoever wrote it. */
  stored(update: Uint8Array): void {
    if (!this.any) return // so that what others type costs nothing
    const clock = Y.parseUpdateMeta(update).to.get(this.client)
    if (clock !== undefined) this.storedClock = Math.max(this.storedClock, clock)
    for (const [client, ranges] of deletionsIn(update)) {
      const open = this.deletions.get(client)
      if (open === undefined) continue
      const left = ranges.reduce(without, open)
      if (left.length === 0) this.deletions.delete(client)
      else this.deletions.set(client, left)
    }
  }

  /** The server has stored everything that this state vector counts. */
  has(stateVector: Uint8Array): void {
    const clock = Y.decodeStateVector(stateVector).get(this.client)
    if (clock !== undefined) this.storedClock = Math.max(this.storedClock, clock)
  }
}

function deletionsIn(update: Uint8Array): Map<number, Range[]> {
  const found = new Map<number, Range[]>()
  for (const [client, items] of Y.decodeUpdate(update).ds.clients) {
    found.set(client, items.map(({ clock, len }): Range => [clock, clock + len]))
  }
  return found
}

/** What is left of the ranges where one of them all is taken away. */
function without(ranges: readonly Range[], [from, to]: Range): Range[] {
  return ranges.flatMap(([start, end]) => {
    const left: Range[] = []
    if (start < Math.min(end, from)) left.push([start, Math.min(end, from)])
    if (Math.max(start, to) < end) left.push([Math.max(start, to), end])
    return left
  })
}
