// Keeps a document in touch with its server, one connection after the other.
//
// Owns opening, reconnecting, telling a dead line from a quiet one, and when to give up. Knows nothing
// of what is in the document: a speaker says what to send and takes what comes.
import type { Address, Channel, ChannelEnd, OpenChannel } from "./channel.js"
import { Offline, type Closed } from "./errors.js"
import { CloseCode, failureOf, retryAfterOf } from "./verdicts.js"

const FIRST_DELAY = 100
const LONGEST_DELAY = 10_000
/** A connection that lasted so long begins the delays anew when it ends. */
const STEADY = 2_000
const OPENING = 20_000
const WELCOME = 20_000
/** So long nothing is heard before one asks: with an edit unanswered, and otherwise. */
const QUIET_WAITING = 5_000
const QUIET = 20_000
/** So long the server has to answer that it is there. */
const ANSWER = 10_000

const PING = JSON.stringify({ type: "ping" })

/** A token, or what gives one, asked before every connection. */
export type Token = string | null | (() => string | null | Promise<string | null>)

/** Our side of the protocol, in frames. */
export interface Speaker {
  /** Whether the server has welcomed us on a connection that still stands. */
  readonly live: boolean
  /** Whether an edit has been sent and is not answered. */
  readonly waiting: boolean
  hello(token: string | null): string
  /** Take the next frame; `end` if this connection is of no more use. */
  receive(frame: string): { readonly end: string | null }
  /** Send what is due, by `send`. May do so later, unless `current` has become false. */
  speak(send: (frame: string) => void, current: () => boolean): void
  /** The connection has ended; for how many seconds the server asked us to stay away. */
  lost(): number
}

export interface ConnectionOptions {
  readonly address: Address
  readonly open: () => OpenChannel
  readonly token: Token
  readonly keepTrying: boolean
  readonly random: () => number
  /** Something has changed that is to be seen. */
  readonly tell: () => void
  readonly ended: (end: ChannelEnd, welcomed: boolean) => void
}

/** Delays between attempts: anywhere from 0 to a bound that doubles with each. */
export class Backoff {
  private attempts = 0

  constructor(private readonly random: () => number) {}

  restart(): void {
    this.attempts = 0
  }

  next(): number {
    const bound = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.attempts)
    this.attempts = Math.min(this.attempts + 1, 16)
    return this.random() * bound
  }
}

/** `start` it once; it ends only with `failure` set, or by `stop`. Passing trouble never ends it. */
export class Connection {
  failure: Closed | null = null
  /** How the last connection ended. */
  trouble: ChannelEnd | null = null
  welcomed = false
  private readonly backoff: Backoff
  private talk: Talk | null = null
  private running = false
  private timer: ReturnType<typeof setTimeout> | undefined
  private askedToStayAway = false

  constructor(
    private readonly speaker: Speaker,
    private readonly options: ConnectionOptions,
  ) {
    this.backoff = new Backoff(options.random)
  }

  /** Connect, and connect again whenever that is lost. After an end for good: try once more. */
  start(): void {
    if (this.running) return
    this.running = true
    this.failure = null
    this.backoff.restart()
    globalThis.addEventListener?.("online", this.onOnline)
    globalThis.addEventListener?.("offline", this.onOffline)
    this.attempt()
  }

  stop(reason = "closed"): void {
    if (!this.running) return
    this.running = false
    clearTimeout(this.timer)
    globalThis.removeEventListener?.("online", this.onOnline)
    globalThis.removeEventListener?.("offline", this.onOffline)
    this.talk?.close(reason)
  }

  /** The speaker may have something to send. */
  wake(): void {
    this.talk?.speak()
  }

  /** Send what only counts now; throws Offline without a welcomed connection. */
  send(frame: string): void {
    if (this.talk === null || !this.speaker.live) throw new Offline()
    this.talk.send(frame)
  }

  private attempt(): void {
    this.askedToStayAway = false
    const began = Date.now()
    const talk = new Talk(this.speaker, this.options, (end, welcomed) => {
      if (this.talk !== talk) return
      this.talk = null
      this.ended(end, welcomed, Date.now() - began)
    })
    this.talk = talk
    talk.begin(() => {
      this.welcomed = true
    })
  }

  private ended(end: ChannelEnd, welcomed: boolean, lasted: number): void {
    this.trouble = end
    const stayAway = Math.max(this.speaker.lost(), retryAfterOf(end.code, end.reason)) * 1000
    if (this.running) {
      this.options.ended(end, welcomed)
      const failure = this.final(end, welcomed)
      if (failure !== null) {
        this.failure = failure
        this.stop()
      } else {
        if (welcomed && lasted >= STEADY) this.backoff.restart()
        this.askedToStayAway = stayAway > 0
        this.timer = setTimeout(() => this.attempt(), stayAway + this.backoff.next())
      }
    }
    this.options.tell()
  }

  private final(end: ChannelEnd, welcomed: boolean): Closed | null {
    if (end.refused && this.welcomed) return null // perhaps a proxy whose server restarts
    const failure = failureOf(end.code, end.reason, this.welcomed)
    if (end.code === CloseCode.notFound && this.options.keepTrying) return null
    // It held when we came, so a fresh one may hold again.
    if (end.code === CloseCode.notSignedIn && welcomed && typeof this.options.token === "function") return null
    return failure
  }

  private readonly onOnline = (): void => {
    if (this.talk !== null || this.askedToStayAway) return
    clearTimeout(this.timer)
    this.backoff.restart()
    this.attempt()
  }

  private readonly onOffline = (): void => {
    this.talk?.close("the network is gone")
  }
}

/** One connection from its opening to its end. */
class Talk {
  private channel: Channel | null = null
  private open = false
  private over = false
  private welcomed = false
  private asked = false
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    private readonly speaker: Speaker,
    private readonly options: ConnectionOptions,
    private readonly ended: (end: ChannelEnd, welcomed: boolean) => void,
  ) {}

  begin(onWelcome: () => void): void {
    this.limit(OPENING, "opening took too long")
    freshToken(this.options.token).then(
      (token) => this.connect(token, onWelcome),
      // The user's code: offline it may fail in any way.
      () => this.end({ code: CloseCode.abnormal, reason: "no token", refused: true }),
    )
  }

  send(frame: string): void {
    this.channel?.send(frame)
  }

  speak(): void {
    if (!this.open || this.over) return
    this.speaker.speak(
      (frame) => this.send(frame),
      () => !this.over,
    )
    if (this.welcomed && !this.asked) this.listen()
  }

  close(reason: string): void {
    if (this.channel !== null) this.channel.close(reason)
    this.end({ code: CloseCode.abnormal, reason, refused: !this.open })
  }

  private connect(token: string | null, onWelcome: () => void): void {
    if (this.over) return
    this.channel = this.options.open()(this.options.address, token, {
      opened: () => {
        if (this.over) return
        this.open = true
        this.limit(WELCOME, "no welcome")
        this.send(this.speaker.hello(token))
      },
      frame: (text) => {
        if (this.over) return
        this.asked = false
        const { end } = this.speaker.receive(text)
        if (this.speaker.live && !this.welcomed) {
          this.welcomed = true
          onWelcome()
        }
        if (end !== null) return this.close(end)
        if (this.welcomed) this.listen()
        this.speak()
        this.options.tell()
      },
      ended: (end) => this.end(end),
    })
    if (this.over) this.channel.close("too late")
  }

  /** Ask whether the server is there when nothing has been heard for a time. */
  private listen(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(
      () => {
        this.asked = true
        this.send(PING)
        this.limit(ANSWER, "the server does not answer")
      },
      this.speaker.waiting ? QUIET_WAITING : QUIET,
    )
  }

  private limit(milliseconds: number, reason: string): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.close(reason), milliseconds)
  }

  private end(end: ChannelEnd): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.timer)
    this.ended(end, this.welcomed)
  }
}

async function freshToken(token: Token): Promise<string | null> {
  return typeof token === "function" ? token() : token
}
