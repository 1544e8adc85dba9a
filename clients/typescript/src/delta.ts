// Operations and documents as values: quill-delta's Deltas, checked and in normal form.
//
// Owns what quill-delta leaves open: whether an operation fits a document, and that no surrogate pair
// is divided. A Delta that has been given away is never changed. Positions are UTF-16 code units; a
// document is a Delta of inserts alone; an embed has length 1.
import Delta, { type Op } from "quill-delta"
import { InvalidOperation } from "./errors.js"

export { Delta, type Op }

export type Attributes = Record<string, unknown>

export const NOTHING: Delta = new Delta()
/** What stands for an embed in a text. */
export const EMBED = "\uFFFC"

/** An operation of any origin in normal form; throws InvalidOperation where it is none. */
export function parse(given: unknown): Delta {
  const ops: unknown = given instanceof Delta ? given.ops : given
  if (!Array.isArray(ops)) throw new InvalidOperation("an operation is an array of ops")
  const delta = new Delta()
  for (const op of ops) delta.push(parseOp(op))
  return delta.chop()
}

/** The same, without what an insert cannot say: nulls among its attributes take nothing away. */
export function parseLocal(given: unknown): Delta {
  const delta = new Delta()
  for (const op of parse(given).ops) delta.push(op.insert === undefined ? op : withoutNulls(op))
  return delta.chop()
}

function parseOp(op: unknown): Op {
  if (!isRecord(op)) throw new InvalidOperation("an op is an object")
  const { insert, delete: deleted, retain, attributes } = op
  const kinds = Number(insert != null) + Number(deleted != null) + Number(retain != null)
  if (kinds !== 1) throw new InvalidOperation("an op is an insert, a delete or a retain")
  if (attributes != null && !isRecord(attributes)) throw new InvalidOperation("attributes are an object")
  const formats = attributes != null && Object.keys(attributes).length > 0 ? { attributes } : {}
  if (deleted != null) return { delete: lengthOf(deleted) }
  if (retain != null) return { retain: lengthOf(retain), ...formats }
  if (typeof insert !== "string" && !isRecord(insert)) {
    throw new InvalidOperation("an insert is a text or an object")
  }
  if (typeof insert === "string" && LONE_SURROGATE.test(insert)) {
    throw new InvalidOperation("a text with half of a surrogate pair")
  }
  return { insert, ...formats }
}

const LONE_SURROGATE = /\p{Surrogate}/u

function lengthOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidOperation("a length is a positive integer")
  }
  return value
}

function withoutNulls(op: Op): Op {
  if (!op.attributes || !Object.values(op.attributes).includes(null)) return op
  const kept = Object.entries(op.attributes).filter(([, value]) => value !== null)
  return kept.length > 0 ? { ...op, attributes: Object.fromEntries(kept) } : { insert: op.insert! }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

// Measuring ----------------------------------------------------------------------------------------

export function lengthOfOp(op: Op): number {
  if (typeof op.insert === "string") return op.insert.length
  return op.delete ?? (op.retain as number | undefined) ?? 1
}

export function isEmpty(delta: Delta): boolean {
  return delta.ops.length === 0
}

export function isDocument(delta: Delta): boolean {
  return delta.ops.every((op) => op.insert !== undefined)
}

/** The text of a document, with a stand-in for every embed, so that positions are the document's. */
export function textOf(document: Delta): string {
  let text = ""
  for (const { insert } of document.ops) text += typeof insert === "string" ? insert : EMBED
  return text
}

/** Whether two JSON values are equal. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => same(item, b[index]))
  }
  if (!isRecord(a) || !isRecord(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
}

// Documents ----------------------------------------------------------------------------------------

/** The document after `operation`; throws InvalidOperation if that does not fit it. */
export function apply(document: Delta, operation: Delta): Delta {
  checkFits(document, operation)
  const clean = operation.ops.some((op) => op.insert !== undefined && op.attributes)
    ? parseLocal(operation)
    : operation
  return document.compose(clean)
}

/** Throws InvalidOperation if `operation` goes past the end of `document` or divides a character. */
export function checkFits(document: Delta, operation: Delta): void {
  let index = 0 // the op of the document, which begins at `start`
  let start = 0
  let position = 0
  for (const op of operation.ops) {
    if (op.insert === undefined) position += lengthOfOp(op)
    for (; index < document.ops.length; index++) {
      const length = lengthOfOp(document.ops[index]!)
      if (start + length >= position) break
      start += length
    }
    const content = document.ops[index]?.insert
    if (content === undefined && position > start) {
      throw new InvalidOperation(`an operation past the end of its document, which has ${start} units`)
    }
    if (typeof content === "string" && divides(content, position - start)) {
      throw new InvalidOperation("a position inside a character (between two surrogates)")
    }
  }
}

/** Whether a cut at `index` would separate the halves of a surrogate pair. */
export function divides(text: string, index: number): boolean {
  return index > 0 && index < text.length && isLow(text.charCodeAt(index)) && isHigh(text.charCodeAt(index - 1))
}

export function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00
}

export function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000
}
