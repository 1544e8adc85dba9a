// Our side of the native protocol, between a replica and its connection.
//
// Owns frames to messages and back, and which messages end a connection. Knows nothing of sockets;
// what a message means is for the replica to say.
import type { Speaker } from "./connection.js"
import { Malformed } from "./errors.js"
import type { ReplicaEvent } from "./events.js"
import { decode, type ServerMessage } from "./messages.js"
import type { Replica } from "./replica.js"
import type { Way } from "./transports.js"

export class NativeSpeaker implements Speaker {
  /** Told what the replica made of each message. */
  hear: (events: readonly ReplicaEvent[]) => void = () => undefined
  /** Writes down what is about to be sent; null where nothing is written. */
  keep: (() => Promise<void>) | null = null
  /** The way that the outstanding edit has gone, or is about to. */
  via: Way | null = null
  private retryAfter = 0

  constructor(
    private readonly replica: Replica,
    private readonly create: string | null,
    private readonly way: () => Way,
  ) {}

  get live(): boolean {
    return this.replica.live
  }

  get waiting(): boolean {
    return this.replica.outbox.outstanding !== null
  }

  hello(token: string | null): string {
    return JSON.stringify(this.replica.connectionOpened({ token, create: this.create }))
  }

  receive(frame: string): { end: string | null } {
    let message: ServerMessage | null
    try {
      message = decode(frame)
    } catch (error) {
      if (error instanceof Malformed) return { end: error.message }
      throw error
    }
    if (message === null) return { end: null }
    for (const single of singly(message)) {
      const end = this.take(single)
      if (end !== null) return { end }
    }
    return { end: null }
  }

  private take(message: ServerMessage): string | null {
    if (message.type === "goodbye") this.retryAfter = Math.max(this.retryAfter, message.retry_after)
    const events = this.replica.receive(message)
    this.hear(events)
    const reconnect = events.find((event) => event.type === "reconnect")
    if (reconnect === undefined) return null
    this.retryAfter = Math.max(this.retryAfter, reconnect.retryAfter)
    return reconnect.reason
  }

  speak(send: (frame: string) => void, current: () => boolean): void {
    const { edit, presence } = this.replica.toSend()
    if (edit !== null) {
      this.via = this.way()
      if (this.keep === null) send(edit.frame)
      else void this.keep().then(() => this.sendKept(edit.frame, send, current))
    }
    if (presence !== null) send(presence)
  }

  /** The way that the next connection has to take: that of an edit which is out. */
  get bound(): Way | null {
    return this.replica.outbox.outstanding === null ? null : this.via
  }

  private sendKept(frame: string, send: (frame: string) => void, current: () => boolean): void {
    if (current() && this.replica.outbox.outstanding?.frame === frame) send(frame)
  }

  lost(): number {
    this.hear(this.replica.connectionLost())
    const seconds = this.retryAfter
    this.retryAfter = 0
    return seconds
  }
}

/** A message as several, one commit in each: so that who hears of a change finds the document as that
 * change left it, and may edit it at once. */
function* singly(message: ServerMessage): Generator<ServerMessage> {
  if (message.type === "edits") {
    for (const edit of message.edits) yield { type: "edits", edits: [edit] }
  } else if (message.type === "welcome" && message.edits && message.edits.length > 1) {
    const { committed, ...welcome } = message
    yield { ...welcome, edits: [] }
    for (const edit of message.edits) yield { type: "edits", edits: [edit] }
    if (committed) yield { type: "ack", ...committed }
  } else {
    yield message
  }
}
