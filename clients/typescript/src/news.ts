// What a document tells its user: where it stands, what changed, what was refused.
import type { Delta } from "./delta.js"
import { ClientError } from "./errors.js"
import type { Access } from "./messages.js"
import type { Peer } from "./presence.js"

/** Where a document stands, for people to see.
 *
 * connecting   never welcomed yet: there is nothing to show
 * saved        everything typed here is durable on the server
 * saving       something typed here is on its way
 * offline      no connection; what is typed waits
 * read-only    connected, without the right to write
 * closed       the connection has ended for good (`doc.failure`), or the document was closed */
export type State = "connecting" | "saved" | "saving" | "offline" | "read-only" | "closed"

/** Where unsaved edits are kept besides memory: in this browser, so that they survive a reload; or
 * not, because it was not asked for, another page of this browser has them, or it cannot be done. */
export type Storage = "kept" | "off" | "elsewhere" | "failed"

/** A change of the document; `operation` leads from the state before to the one after.
 *
 * `author` and `user` are null where it is not one commit of one author: a reset, or an edit of ours
 * that was taken back. `local`: an edit of our own, made through `edit`; `origin` is what came with it. */
export interface Change {
  readonly operation: Delta
  readonly author: string | null
  readonly user: string | null
  readonly epoch: string
  readonly version: number
  readonly local: boolean
  readonly origin: unknown
}

export interface Message {
  readonly author: string
  readonly user: string | null
  readonly body: unknown
}

/** An edit that the server refused for good; it is taken back from the document. `operation` is what
 * was refused, in positions of the log's state at that moment. */
export class Refused extends ClientError {
  constructor(
    code: string,
    message: string,
    readonly operation: Delta,
  ) {
    super(code, message)
  }
}

export interface DocumentEvents {
  /** The document changed, by us or others. */
  change: Change
  /** `doc.state`, `doc.saved` or `doc.storage` is another. */
  state: State
  /** The others, or what they show, are not what they were. */
  presence: ReadonlyMap<string, Peer>
  access: Access
  message: Message
  /** An edit was refused (`Refused`), the connection has ended for good (`Closed`), or the server
   * reports something else. */
  error: ClientError
}
