// The operation that turns one document into another, for when nobody recorded it.
//
// Owns the choice of what counts as unchanged: lines, then words in the lines that changed, then
// characters in those words; the same choice as the Python client's (collab/ot/diff.py). Takes bounded
// time and divides no surrogate pair. Knows nothing of who needs it.
import { Delta, divides, isLow, isRecord, lengthOfOp, type Op, same } from "./delta.js"
import { type Budget, type Hunk, hunks } from "./myers.js"

// A script with more edits, or one that takes longer to find, is not worth it: what differs is
// replaced whole. The steps are for one diff together.
const MAX_STEPS = 300_000
const MAX_EDITS = [700, 300, 150] as const

// Lines and white space as Python has them.
const LINES = /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])|[^]+/gu
const WORDS = /[\p{L}\p{N}_]+|[\s\x1c-\x1f\x85]+|[^]/gu
const SPLIT: readonly ((text: string) => string[])[] = [
  (text) => text.match(LINES) ?? [],
  (text) => text.match(WORDS) ?? [],
  (text) => Array.from(text),
]

/** An operation that turns the document `a` into the document `b`: small, if not always the smallest.
 *
 * Law: `a.compose(diff(a, b))` is `b`, for documents in normal form without null attributes. */
export function diff(a: Delta, b: Delta): Delta {
  const found = new Delta()
  const old = new Pieces(a)
  const now = new Pieces(b)
  const embeds = new Embeds()
  const [aText, bText] = [embeds.flatten(a), embeds.flatten(b)]
  let at = 0
  for (const hunk of compare(aText, bText, 0, 0, 0, { steps: MAX_STEPS })) {
    keep(found, old, now, hunk.aStart - at)
    for (const op of now.take(hunk.bEnd - hunk.bStart)) found.push(op)
    old.take(hunk.aEnd - hunk.aStart)
    if (hunk.aEnd > hunk.aStart) found.push({ delete: hunk.aEnd - hunk.aStart })
    at = hunk.aEnd
  }
  keep(found, old, now, aText.length - at)
  return found.chop()
}

/** Where `a` and `b` differ, in order; they are what begins at `aAt` and `bAt`. */
function* compare(
  a: string,
  b: string,
  aAt: number,
  bAt: number,
  level: number,
  budget: Budget,
): Generator<Hunk> {
  const prefix = commonPrefix(a, b)
  const suffix = commonSuffix(a, b, prefix)
  a = a.slice(prefix, a.length - suffix)
  b = b.slice(prefix, b.length - suffix)
  aAt += prefix
  bAt += prefix
  if (a === "" && b === "") return
  const split = SPLIT[level]
  if (a !== "" && b !== "" && split !== undefined) {
    const ids = new Map<string, number>()
    const [aWords, bWords] = [split(a), split(b)]
    const found = hunks(idsOf(aWords, ids), idsOf(bWords, ids), maxEdits(level, aWords, bWords), budget)
    if (found !== null) {
      const [aEnds, bEnds] = [endsOf(aWords), endsOf(bWords)]
      for (const hunk of found) {
        const [aStart, bStart] = [aEnds[hunk.aStart]!, bEnds[hunk.bStart]!]
        const [aPart, bPart] = [a.slice(aStart, aEnds[hunk.aEnd]!), b.slice(bStart, bEnds[hunk.bEnd]!)]
        yield* compare(aPart, bPart, aAt + aStart, bAt + bStart, level + 1, budget)
      }
      return
    }
  }
  yield { aStart: aAt, aEnd: aAt + a.length, bStart: bAt, bEnd: bAt + b.length }
}

/** Of two words with little in common single letters are not kept: nobody would see why. */
function maxEdits(level: number, aWords: readonly string[], bWords: readonly string[]): number {
  const most = MAX_EDITS[level] ?? 0
  if (level < SPLIT.length - 1) return most
  return Math.min(most, Math.floor((aWords.length + bWords.length) / 2))
}

function idsOf(words: readonly string[], ids: Map<string, number>): number[] {
  return words.map((word) => {
    const known = ids.get(word)
    if (known !== undefined) return known
    ids.set(word, ids.size)
    return ids.size - 1
  })
}

function endsOf(words: readonly string[]): number[] {
  const ends = [0]
  for (const word of words) ends.push(ends[ends.length - 1]! + word.length)
  return ends
}

function commonPrefix(a: string, b: string): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++
  return divides(a, length) || divides(b, length) ? length - 1 : length
}

/** Of what is behind `prefix`. */
function commonSuffix(a: string, b: string, prefix: number): number {
  const most = Math.min(a.length, b.length) - prefix
  let length = 0
  while (length < most && a.charCodeAt(a.length - length - 1) === b.charCodeAt(b.length - length - 1)) length++
  const cut = divides(a, a.length - length) || divides(b, b.length - length)
  return cut && isLow(a.charCodeAt(a.length - length)) ? length - 1 : length
}

/** Retain `units` that look equal, changing the attributes where they differ. */
function keep(found: Delta, old: Pieces, now: Pieces, units: number): void {
  while (units > 0) {
    const step = Math.min(units, old.left, now.left)
    const [was] = old.take(step)
    const [is] = now.take(step)
    if (was === undefined || is === undefined) return
    if (isRecord(was.insert) && !same(was.insert, is.insert)) {
      found.push(is)
      found.push({ delete: 1 })
    } else {
      found.retain(step, attributesDiff(was.attributes ?? {}, is.attributes ?? {}))
    }
    units -= step
  }
}

function attributesDiff(a: Record<string, unknown>, b: Record<string, unknown>): Record<string, unknown> | null {
  const changed: Record<string, unknown> = {}
  for (const key of Object.keys(a)) if (!Object.hasOwn(b, key)) changed[key] = null
  for (const [key, value] of Object.entries(b)) {
    if (!Object.hasOwn(a, key) || !same(a[key], value)) changed[key] = value
  }
  return Object.keys(changed).length > 0 ? changed : null
}

/** Documents as texts in which embeds are halves of pairs, which no text holds alone. High halves
 * only, so that no two of them, nor one and a text, become a pair. */
class Embeds {
  private readonly known = new Map<string, string>()

  flatten(document: Delta): string {
    let text = ""
    for (const { insert } of document.ops) {
      text += typeof insert === "string" ? insert : this.standIn(insert)
    }
    return text
  }

  /** Different ones become the same above 1,024; `keep` looks again. */
  private standIn(embed: unknown): string {
    const key = JSON.stringify(embed)
    const known = this.known.get(key)
    if (known !== undefined) return known
    const made = String.fromCharCode(0xd800 + (this.known.size % 1024))
    this.known.set(key, made)
    return made
  }
}

/** A document taken from its start; `left` is how many units the current insert still has. */
class Pieces {
  left = 0
  private index = -1
  private start = 0

  constructor(private readonly document: Delta) {
    this.next()
  }

  /** The next `units` as inserts. */
  take(units: number): Op[] {
    const taken: Op[] = []
    while (units > 0 && this.left > 0) {
      const op = this.document.ops[this.index]!
      const step = Math.min(units, this.left)
      const insert =
        typeof op.insert === "string" ? op.insert.slice(this.start, this.start + step) : op.insert!
      taken.push(op.attributes ? { insert, attributes: op.attributes } : { insert })
      units -= step
      this.start += step
      this.left -= step
      if (this.left === 0) this.next()
    }
    return taken
  }

  private next(): void {
    this.index++
    this.start = 0
    const op = this.document.ops[this.index]
    this.left = op === undefined ? 0 : lengthOfOp(op)
  }
}
