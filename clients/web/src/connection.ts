// What the connection is, from what a protocol's client tells of it. A pure step function, so that
// the words on the page follow from it alone; nothing here knows sockets or elements.
import { wordsOfClose, type Words } from "./words"

export type Connection =
  /** Never in sync yet: nothing to show. `why` says so if the server asked to wait. */
  | { readonly state: "connecting"; readonly failed: boolean; readonly why: Words | null }
  /** The line is there, and what the server has is on its way. */
  | { readonly state: "syncing"; readonly before: boolean }
  /** Both sides have the same. */
  | { readonly state: "live" }
  /** The line is gone; what is typed stays in this tab until it is back. */
  | { readonly state: "offline"; readonly why: Words | null }
  /** The server said no, for good. */
  | { readonly state: "refused"; readonly code: number; readonly why: Words; readonly before: boolean }

export type ConnectionEvent =
  | { readonly kind: "opened" }
  | { readonly kind: "synced" }
  | { readonly kind: "closed"; readonly code: number; readonly reason: string; readonly final: boolean }
  | { readonly kind: "again" }

export const FIRST: Connection = { state: "connecting", failed: false, why: null }

/** Whether the document has been in sync at some time in this tab. */
export function hasContent(connection: Connection): boolean {
  switch (connection.state) {
    case "connecting":
      return false
    case "live":
    case "offline":
      return true
    default:
      return connection.before
  }
}

export function step(connection: Connection, event: ConnectionEvent): Connection {
  const before = hasContent(connection)
  switch (event.kind) {
    case "opened":
      return { state: "syncing", before }
    case "synced":
      return { state: "live" }
    case "again":
      return before ? { state: "offline", why: null } : FIRST
    case "closed": {
      const why = wordsOfClose(event.code, event.reason)
      if (event.final) {
        const words = why ?? { title: "The server ended the connection", advice: event.reason }
        return { state: "refused", code: event.code, why: words, before }
      }
      return before ? { state: "offline", why } : { state: "connecting", failed: true, why }
    }
  }
}
