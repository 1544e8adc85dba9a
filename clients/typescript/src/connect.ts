// Opening a document: puts the replica, its connection and the user's document together.
import { addressOf, type OpenChannel, openWebsocket } from "./channel.js"
import { Connection, type Token } from "./connection.js"
import { CollabDocument } from "./document.js"
import { Unreachable } from "./errors.js"
import { httpOpener } from "./http_channel.js"
import { openIndexedQueue } from "./indexed_queue.js"
import type { OpenQueue } from "./queue.js"
import { Replica } from "./replica.js"
import { NativeSpeaker } from "./speaker.js"
import { Transports } from "./transports.js"

export interface Options {
  /** Make the document, as this type, if there has never been one of that id. */
  readonly create?: "text" | "richtext"
  /** A token, or a function that gives a fresh one before each connection. */
  readonly token?: Token
  /** Also while there is no such document, or after it is deleted: unsaved edits go into the next
   * document of that id. Without it, that ends the connection. */
  readonly keepTrying?: boolean
  /** How long `connect` waits for the first welcome (30,000; Infinity: for ever). */
  readonly openMilliseconds?: number
  /** Keep unsaved edits in this browser, so that they survive a reload. Where people share a browser, say
   * who it is: each user has queues of their own. */
  readonly offline?: boolean | { readonly user?: string; readonly openQueue?: OpenQueue }
  /** Whether to go over HTTP where websockets are blocked (true). */
  readonly http?: boolean
  /** 16 to 64 of A-Z a-z 0-9 _ -; secret, and for one page at a time. By default a random one. */
  readonly clientId?: string
  /** Another transport, and the source of jitter, for tests. */
  readonly openChannel?: OpenChannel
  readonly random?: () => number
}

/** Open the document `id` on the server at `url`; resolves when there is something to show.
 *
 * Rejects with Closed where the server will not have us, Unreachable if it did not answer in time,
 * TypeError for a url or an id that cannot be. Later losses of connection are mended without end. */
export async function connect(url: string, id: string, options: Options = {}): Promise<CollabDocument> {
  const document = open(url, id, options)
  const milliseconds = options.openMilliseconds ?? 30_000
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    if (!Number.isFinite(milliseconds)) return
    timer = setTimeout(() => {
      const reason = document.trouble?.reason || "no answer"
      reject(new Unreachable(`the server did not welcome us: ${reason}`))
    }, milliseconds)
  })
  try {
    await Promise.race([document.opened(), late])
  } catch (error) {
    document.close()
    throw error
  } finally {
    clearTimeout(timer)
  }
  return document
}

/** The same without waiting: `doc.state` is `connecting` until there is something to show. */
export function open(url: string, id: string, options: Options = {}): CollabDocument {
  const address = addressOf(url, id)
  const replica = new Replica(options.clientId ?? randomId())
  const socket = options.openChannel ?? openWebsocket
  const http = (options.http ?? options.openChannel === undefined) ? httpOpener() : undefined
  const transports = new Transports({ socket, ...(http && { http }) })
  const speaker = new NativeSpeaker(replica, options.create ?? null, () => transports.way)
  const connection = new Connection(speaker, {
    address,
    open: () => transports.next(speaker.bound),
    token: options.token ?? null,
    keepTrying: options.keepTrying ?? false,
    random: options.random ?? Math.random,
    tell: () => document.tell(),
    ended: (end, welcomed) => transports.ended(end, welcomed),
  })
  const document = new CollabDocument(id, replica, connection)
  speaker.hear = (events) => document.hear(events)
  if (options.offline) {
    const { user = "", openQueue = openIndexedQueue } = options.offline === true ? {} : options.offline
    const name = JSON.stringify([address.base, id, user])
    void document.keepIn(openQueue(name), speaker).then(() => document.begin())
  } else {
    document.begin()
  }
  return document
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
