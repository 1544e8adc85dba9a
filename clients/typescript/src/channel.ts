// Frames to and from a server: the port, and its websocket.
//
// Owns how a connection is opened and how its end is told. Knows nothing of what the frames say.
import { CloseCode } from "./verdicts.js"

/** How a channel ended; `code` is a websocket close code. `refused`: it never came about. */
export interface ChannelEnd {
  readonly code: number
  readonly reason: string
  readonly refused: boolean
}

export interface Listener {
  /** Frames may be sent from now on. */
  opened(): void
  frame(text: string): void
  /** Once, and last. */
  ended(end: ChannelEnd): void
}

/** One connection of text frames. */
export interface Channel {
  send(frame: string): void
  /** End it. `ended` comes at once, and is the last that is heard. */
  close(reason: string): void
}

export interface Address {
  /** The server, http(s). */
  readonly base: string
  readonly document: string
}

export type OpenChannel = (address: Address, token: string | null, listener: Listener) => Channel

const SUBPROTOCOL = "collab.v1"
const NORMAL = 1000
/** What waits in a socket that takes nothing; then it counts as dead. */
const MOST_BUFFERED_BYTES = 16 << 20

const DOCUMENT_ID = /^[A-Za-z0-9][A-Za-z0-9._:~@-]{0,199}$/

/** Where a document is; throws TypeError for what is no server or no document id. */
export function addressOf(url: string, document: string): Address {
  if (!DOCUMENT_ID.test(document)) {
    throw new TypeError("a document id is 1 to 200 of A-Z a-z 0-9 . _ : ~ @ -, and begins with a letter or digit")
  }
  const { protocol, host, pathname } = new URL(url)
  const scheme = ({ "http:": "http", "ws:": "http", "https:": "https", "wss:": "https" } as const)[protocol]
  if (scheme === undefined) throw new TypeError("the url of a server begins with http(s):// or ws(s)://")
  return { base: `${scheme}://${host}${pathname.replace(/\/+$/, "")}`, document }
}

export function resourceOf({ base, document }: Address, name: string): string {
  return `${base}/v1/documents/${encodeURIComponent(document)}/${name}`
}

/** Opens websockets. The token goes in the hello, not in the address. */
export const openWebsocket: OpenChannel = (address, _token, listener) => {
  const socket = new WebSocket(resourceOf(address, "socket").replace(/^http/, "ws"), SUBPROTOCOL)
  let opened = false
  let over = false
  const end = (code: number, reason: string): void => {
    if (over) return
    over = true
    listener.ended({ code, reason, refused: !opened })
  }
  socket.onopen = () => {
    if (over) return
    opened = true
    listener.opened()
  }
  socket.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (!over && typeof data === "string") listener.frame(data)
  }
  socket.onclose = ({ code, reason }) => end(code, reason)
  const close = (reason: string): void => {
    socket.close(NORMAL)
    end(CloseCode.abnormal, reason)
  }
  return {
    send(frame) {
      if (over) return
      if (socket.bufferedAmount > MOST_BUFFERED_BYTES) return close("the connection takes nothing")
      socket.send(frame)
    },
    close,
  }
}
