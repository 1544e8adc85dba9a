// The native protocol's messages, and frames to messages: docs/protocol.md says what they mean.
//
// Owns the shapes and the reading of a server's frame. Operations and contents stay as they came;
// `wire.ts` reads those.
import { isRecord, type Op } from "./delta.js"
import { Malformed } from "./errors.js"

export type Access = "none" | "read" | "write" | "admin"

const RIGHTS: readonly string[] = ["none", "read", "write", "admin"]

export function mayWrite(access: Access): boolean {
  return access === "write" || access === "admin"
}

// From the client ----------------------------------------------------------------------------------

export interface Hello {
  readonly type: "hello"
  readonly client: string
  readonly token?: string
  readonly epoch?: string
  readonly version?: number
  readonly create?: string
}

export interface SubmitEdit {
  readonly type: "edit"
  readonly seq: number
  readonly base: number
  readonly operation: readonly Op[]
}

export interface SetPresence {
  readonly type: "presence"
  readonly state: unknown
  readonly version: number
}

export interface SendMessage {
  readonly type: "message"
  readonly body: unknown
}

export type ClientMessage = Hello | SubmitEdit | SetPresence | SendMessage | { readonly type: "ping" }

// From the server ----------------------------------------------------------------------------------

/** The newest commit of an author. */
export interface Named {
  readonly seq: number
  readonly version: number
}

export interface EditEvent {
  readonly version: number
  readonly author: string
  readonly seq: number
  readonly user: string | null
  readonly operation: unknown
}

export interface PresenceEntry {
  readonly author: string
  readonly user: string | null
  readonly state: unknown
  readonly version: number
}

export interface Limits {
  readonly frame_bytes: number
  readonly document_bytes: number
  readonly presence_bytes: number
}

interface Start {
  readonly epoch: string
  readonly version: number
  readonly document_type: string
  readonly access: Access
  readonly author: string
  readonly limits: Limits
  readonly presence: readonly PresenceEntry[]
  readonly committed?: Named
  readonly forgotten: number
  readonly contents?: unknown
}

export interface Welcome extends Start {
  readonly type: "welcome"
  readonly edits?: readonly EditEvent[]
}

export interface Reset extends Start {
  readonly type: "reset"
}

export interface ErrorReport {
  readonly type: "error"
  readonly code: string
  readonly message: string
  readonly seq?: number
  readonly committed?: Named
  readonly retry_after?: number
}

export interface PeerMessage {
  readonly type: "message"
  readonly from: string
  readonly user: string | null
  readonly body: unknown
}

export interface AccessChange {
  readonly type: "access"
  readonly access: Access
}

export interface Goodbye {
  readonly type: "goodbye"
  readonly retry_after: number
}

export type ServerMessage =
  | Welcome
  | Reset
  | { readonly type: "edits"; readonly edits: readonly EditEvent[] }
  | { readonly type: "ack"; readonly seq: number; readonly version: number }
  | { readonly type: "presence"; readonly peers: readonly PresenceEntry[]; readonly complete: boolean }
  | PeerMessage
  | AccessChange
  | ErrorReport
  | Goodbye
  | { readonly type: "pong" }

/** A frame from the server; null for a type of message that is not known yet. Throws Malformed. */
export function decode(frame: string): ServerMessage | null {
  let value: unknown
  try {
    value = JSON.parse(frame)
  } catch {
    throw new Malformed("not JSON")
  }
  const fields = new Fields(value)
  switch (fields.text("type")) {
    case "welcome": {
      const edits = fields.optional("edits", () => fields.list("edits", editEvent))
      return { type: "welcome", ...start(fields), ...(edits && { edits }) }
    }
    case "reset":
      return { type: "reset", ...start(fields) }
    case "edits":
      return { type: "edits", edits: fields.list("edits", editEvent) }
    case "ack":
      return { type: "ack", ...named(fields) }
    case "presence":
      return {
        type: "presence",
        peers: fields.list("peers", presenceEntry),
        complete: fields.value["complete"] === true,
      }
    case "message": {
      const { body = null } = fields.value
      return { type: "message", from: fields.text("from"), user: fields.user(), body }
    }
    case "access":
      return { type: "access", access: access(fields) }
    case "error":
      return error(fields)
    case "goodbye":
      return { type: "goodbye", retry_after: fields.optional("retry_after", () => fields.number("retry_after")) ?? 0 }
    case "pong":
      return { type: "pong" }
    default:
      return null
  }
}

/** An object of a frame, of which one asks what has to be there. */
class Fields {
  readonly value: Record<string, unknown>

  constructor(value: unknown) {
    if (!isRecord(value)) throw new Malformed("not an object")
    this.value = value
  }

  text(name: string): string {
    const found = this.value[name]
    if (typeof found !== "string") throw new Malformed(`${name} is not a text`)
    return found
  }

  number(name: string): number {
    const found = this.value[name]
    if (typeof found !== "number" || !(found >= 0)) throw new Malformed(`${name} is not a number`)
    return found
  }

  integer(name: string): number {
    const found = this.number(name)
    if (!Number.isSafeInteger(found)) throw new Malformed(`${name} is not an integer`)
    return found
  }

  user(): string | null {
    return this.value["user"] == null ? null : this.text("user")
  }

  list<T>(name: string, read: (fields: Fields) => T): T[] {
    const found = this.value[name]
    if (!Array.isArray(found)) throw new Malformed(`${name} is not a list`)
    return found.map((item) => read(new Fields(item)))
  }

  optional<T>(name: string, read: () => T): T | undefined {
    return this.value[name] == null ? undefined : read()
  }
}

function start(fields: Fields): Start {
  const committed = fields.optional("committed", () => named(new Fields(fields.value["committed"])))
  const { contents } = fields.value
  const limits = new Fields(fields.value["limits"])
  return {
    epoch: fields.text("epoch"),
    version: fields.integer("version"),
    document_type: fields.text("document_type"),
    access: access(fields),
    author: fields.text("author"),
    limits: {
      frame_bytes: limits.integer("frame_bytes"),
      document_bytes: limits.integer("document_bytes"),
      presence_bytes: limits.integer("presence_bytes"),
    },
    presence: fields.list("presence", presenceEntry),
    forgotten: fields.optional("forgotten", () => fields.integer("forgotten")) ?? 0,
    ...(committed && { committed }),
    ...(contents !== undefined && { contents }),
  }
}

function named(fields: Fields): Named {
  return { seq: fields.integer("seq"), version: fields.integer("version") }
}

function editEvent(fields: Fields): EditEvent {
  const { operation } = fields.value
  return { ...named(fields), author: fields.text("author"), user: fields.user(), operation }
}

function presenceEntry(fields: Fields): PresenceEntry {
  const { state = null } = fields.value
  return { author: fields.text("author"), user: fields.user(), state, version: fields.integer("version") }
}

function access(fields: Fields): Access {
  const found = fields.text("access")
  if (!RIGHTS.includes(found)) throw new Malformed(`no such right as ${found}`)
  return found as Access
}

function error(fields: Fields): ErrorReport {
  const seq = fields.optional("seq", () => fields.integer("seq"))
  const committed = fields.optional("committed", () => named(new Fields(fields.value["committed"])))
  const retryAfter = fields.optional("retry_after", () => fields.number("retry_after"))
  return {
    type: "error",
    code: fields.text("code"),
    message: fields.text("message"),
    ...(seq !== undefined && { seq }),
    ...(committed && { committed }),
    ...(retryAfter !== undefined && { retry_after: retryAfter }),
  }
}
