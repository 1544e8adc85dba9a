// @collab/client: opens documents of a collab server and edits them together with others.
export { type ChannelEnd, type Channel, type OpenChannel } from "./channel.js"
export { connect, open, type Options } from "./connect.js"
export type { Token } from "./connection.js"
export { type Attributes, Delta, EMBED, type Op } from "./delta.js"
export {
  type Change,
  CollabDocument,
  type DocumentEvents,
  type Message,
  Refused,
  type State,
  type Storage,
} from "./document.js"
export { ClientError, Closed, InvalidOperation, Offline, ReadOnly, Unreachable } from "./errors.js"
export type { Access } from "./messages.js"
export type { Selection } from "./peers.js"
export type { Peer, Presence } from "./presence.js"
export { Replica } from "./replica.js"
