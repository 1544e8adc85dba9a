// What the replica tells its user: one value per kind of news. Messages of the wire that need no
// interpretation are passed on as they are.
import type { Delta } from "./delta.js"
import type { AccessChange, ErrorReport, Goodbye, PeerMessage } from "./messages.js"

/** Something that others did: `operation` turns the local state before into the one after.
 *
 * Positions are UTF-16 units of the local state, unsent text included. `author` is null where no
 * single commit is the cause: a reset, or the correction of an edit of our own. */
export interface Changed {
  readonly type: "changed"
  readonly operation: Delta
  readonly author: string | null
  readonly user: string | null
  readonly epoch: string
  readonly version: number
}

/** Our edit `seq` is durable as `version`. */
export interface Saved {
  readonly type: "saved"
  readonly seq: number
  readonly version: number
}

/** Our edit was refused for good and is no longer part of the local state.
 *
 * `operation` is what was taken back, in positions of the log's state at that moment. Where that
 * changed what the user sees, a `Changed` comes before this. */
export interface EditRefused {
  readonly type: "refused"
  readonly code: string
  readonly message: string
  readonly operation: Delta
}

/** The map of peers is not what it was. */
export interface PeersChanged {
  readonly type: "peers"
}

/** This connection is of no more use: close it, and open another after so many seconds. */
export interface Reconnect {
  readonly type: "reconnect"
  readonly reason: string
  readonly retryAfter: number
}

export type ReplicaEvent =
  | Changed
  | Saved
  | EditRefused
  | PeersChanged
  | Reconnect
  | PeerMessage
  | AccessChange
  | ErrorReport
  | Goodbye
