// Which way the next connection goes: a websocket, or event stream and requests where those are blocked.
//
// Owns the choice. An edit that may have gone out one way goes out again that way only: over HTTP it has
// another name, so that the server could not tell the two from two edits.
import type { ChannelEnd, OpenChannel } from "./channel.js"
import { CloseCode } from "./verdicts.js"

export type Way = "socket" | "http"

/** So many websockets in a row have to come to nothing before there ever was one. */
const MOST_FAILURES = 2

export class Transports {
  way: Way = "socket"
  private works = false
  private failures = 0

  constructor(private readonly openers: Readonly<Partial<Record<Way, OpenChannel>>> & { socket: OpenChannel }) {}

  /** What opens the next connection. `bound`: the way that an edit which is out went. */
  next(bound: Way | null): OpenChannel {
    this.way = this.choice(bound)
    return this.openers[this.way] ?? this.openers.socket
  }

  /** The connection has ended; `welcomed` says whether it ever was of use. */
  ended({ refused, code }: ChannelEnd, welcomed: boolean): void {
    if (this.way === "http") this.failures = 0 // it is the websocket's turn again
    else if (welcomed) this.works = true
    else if (refused || code === CloseCode.abnormal) this.failures++
  }

  private choice(bound: Way | null): Way {
    if (bound !== null) return bound
    if (this.openers.http === undefined || this.works) return "socket"
    return this.failures >= MOST_FAILURES ? "http" : "socket"
  }
}
