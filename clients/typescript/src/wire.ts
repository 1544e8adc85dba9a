// Operations and contents between the wire's JSON and values; cutting what is too big for a frame.
//
// Knows nothing of versions and connections.
import { Delta, divides, isDocument, lengthOfOp, NOTHING, type Op, parse } from "./delta.js"
import { InvalidOperation, Malformed } from "./errors.js"

/** What an edit frame has around its operation, at most. */
const FRAME_OVERHEAD_BYTES = 160
/** Ops in one edit; servers refuse far longer ones. */
const MAX_OPS = 10_000

/** A server's operation; throws Malformed. */
export function readOperation(operation: unknown): Delta {
  try {
    return parse(operation)
  } catch (error) {
    if (error instanceof InvalidOperation) throw new Malformed(`not an operation: ${error.message}`)
    throw error
  }
}

/** The document that a welcome or a reset carries: a string for `text`, an array of inserts for
 * `richtext`. Throws Malformed. */
export function readContents(documentType: string, contents: unknown): Delta {
  switch (documentType) {
    case "text":
      if (typeof contents !== "string") throw new Malformed("not the contents of a text")
      return contents === "" ? NOTHING : readOperation([{ insert: contents }])
    case "richtext": {
      const document = readOperation(contents)
      if (!isDocument(document)) throw new Malformed("contents with something else than inserts")
      return document
    }
    default:
      throw new Malformed(`documents of type ${documentType} are not for this client`)
  }
}

/** `operation` as two that follow one another; the first fits a frame, the rest may be empty.
 *
 * Law: `first.compose(rest)` is `operation`. An op that cannot be cut (an embed) goes whole, even where
 * it is too big: the server says so then. */
export function split(operation: Delta, frameBytes: number): [first: Delta, rest: Delta] {
  let room = frameBytes - FRAME_OVERHEAD_BYTES
  if (operation.ops.length <= MAX_OPS && sizeOf(operation.ops) <= room) return [operation, NOTHING]
  const first: Op[] = []
  const rest = operation.ops.slice()
  let changes = false // a first that only skips would leave the rest as long as it was
  let index = 0
  while (index < rest.length && first.length < MAX_OPS) {
    const op = rest[index]!
    const size = sizeOf([op])
    if (size > room && canCut(op) && (room > FRAME_OVERHEAD_BYTES || !changes)) {
      const [head, tail] = cut(op, room)
      first.push(head)
      rest[index] = tail
      break
    }
    if (size > room && changes) break
    first.push(op)
    index++
    room -= size
    changes ||= op.retain === undefined || op.attributes !== undefined
  }
  const behind = first.reduce((sum, op) => sum + (op.delete === undefined ? lengthOfOp(op) : 0), 0)
  const left = rest.slice(index)
  return [normal(first), normal(behind > 0 ? [{ retain: behind }, ...left] : left)]
}

/** How many bytes of UTF-8 a value has as JSON. */
export function sizeOf(value: unknown): number {
  const text = JSON.stringify(value)
  let size = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    // Each half of a surrogate pair counts two of its four bytes.
    size += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2
  }
  return size
}

function normal(ops: readonly Op[]): Delta {
  const delta = new Delta()
  for (const op of ops) delta.push(op)
  return delta.chop()
}

function canCut(op: Op): boolean {
  return typeof op.insert === "string" && Array.from(op.insert.slice(0, 4)).length > 1
}

/** A text insert in two; the first part is halved until it fits. */
function cut(op: Op, room: number): [Op, Op] {
  const text = op.insert as string
  const formats = op.attributes ? { attributes: op.attributes } : {}
  const least = divides(text, 1) ? 2 : 1
  let end = text.length
  while (end > least && sizeOf([{ insert: text.slice(0, end), ...formats }]) > room) {
    end = Math.max(end >> 1, least)
    if (divides(text, end)) end--
  }
  return [
    { insert: text.slice(0, end), ...formats },
    { insert: text.slice(end), ...formats },
  ]
}
