// A document's content as runs of text that know who wrote them and what became of them. Pure.

export interface Op {
  readonly insert?: string | Readonly<Record<string, unknown>>
  readonly retain?: number
  readonly delete?: number
  readonly attributes?: Readonly<Record<string, unknown>>
}

export type Fate = "kept" | "inserted" | "deleted"

export interface Run {
  readonly insert: string | Readonly<Record<string, unknown>>
  readonly attributes: Readonly<Record<string, unknown>>
  readonly fate: Fate
  /** Whose it is: a key that the caller knows people by; null if nobody is said to have written it. */
  readonly author: string | null
}

/** A stretch of the content, in UTF-16 units, and who wrote it. */
export interface Stretch {
  readonly length: number
  readonly author: string | null
}

export function runsOf(contents: readonly Op[]): Run[] {
  return contents.flatMap(({ insert, attributes = {} }) =>
    insert === undefined ? [] : [{ insert, attributes, fate: "kept" as const, author: null }],
  )
}

/** The content and what an operation does to it: what it deletes stays, as deleted. */
export function compared(contents: readonly Op[], operation: readonly Op[]): Run[] {
  const rest = new Reader(runsOf(contents))
  const runs: Run[] = []
  for (const { insert, retain, delete: deleted, attributes } of operation) {
    if (insert !== undefined) runs.push({ insert, attributes: attributes ?? {}, fate: "inserted", author: null })
    else if (deleted !== undefined) runs.push(...rest.take(deleted).map((run): Run => ({ ...run, fate: "deleted" })))
    else runs.push(...rest.take(retain ?? 0).map((run) => ({ ...run, attributes: changed(run.attributes, attributes) })))
  }
  return [...runs, ...rest.take(Number.MAX_SAFE_INTEGER)]
}

/** The same runs, cut where authors change. What was deleted is in no stretch, and nobody's. */
export function authored(runs: readonly Run[], stretches: readonly Stretch[]): Run[] {
  const authors = stretches.flatMap(({ length, author }) => [{ left: length, author }])
  const found: Run[] = []
  for (const run of runs) {
    if (run.fate === "deleted") {
      found.push(run)
      continue
    }
    const rest = new Reader([run])
    let size = sizeOf(run)
    while (size > 0) {
      const next = authors[0]
      const step = Math.min(size, next?.left ?? size)
      found.push(...rest.take(step).map((part) => ({ ...part, author: next?.author ?? null })))
      size -= step
      if (next !== undefined) next.left -= step
      if (next?.left === 0) authors.shift()
    }
  }
  return found
}

function sizeOf({ insert }: Run): number {
  return typeof insert === "string" ? insert.length : 1
}

class Reader {
  private index = 0
  private offset = 0

  constructor(private readonly runs: readonly Run[]) {}

  /** The next so many units, or what there is; an embed is one. */
  take(length: number): Run[] {
    const taken: Run[] = []
    while (length > 0 && this.index < this.runs.length) {
      const run = this.runs[this.index] as Run
      const size = sizeOf(run)
      const step = Math.min(length, size - this.offset)
      const insert = typeof run.insert === "string" ? run.insert.slice(this.offset, this.offset + step) : run.insert
      taken.push({ ...run, insert })
      length -= step
      this.offset += step
      if (this.offset === size) {
        this.index += 1
        this.offset = 0
      }
    }
    return taken
  }
}

function changed(attributes: Run["attributes"], by: Op["attributes"]): Run["attributes"] {
  if (by === undefined) return attributes
  return Object.fromEntries(Object.entries({ ...attributes, ...by }).filter(([, value]) => value !== null))
}
