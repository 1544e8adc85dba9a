// The native protocol over HTTP, for networks that block websockets: the server's frames come as events of
// a stream, edits go as requests.
//
// Owns the translation, so that nobody above knows of it. Over HTTP an edit is named by a key, under an
// author of its own; in the stream it is told as ours, by the answer to the request that brought it.
// While such an answer is out the stream is not read, which keeps the two in order. Presence cannot be
// sent this way.
import { type Address, type Channel, type ChannelEnd, type Listener, type OpenChannel, resourceOf } from "./channel.js"
import { isRecord } from "./delta.js"
import { CloseCode } from "./verdicts.js"

type Json = Record<string, unknown>

/** The server says something every 15 seconds. */
const SILENCE = 40_000
const ANSWERING = 20_000
const MOST_EVENT_UNITS = 64 << 20
const MOST_AUTHORS = 64

const CLOSE_CODES: Readonly<Record<string, number>> = {
  not_signed_in: CloseCode.notSignedIn,
  not_allowed: CloseCode.notAllowed,
  document_not_found: CloseCode.notFound,
  document_gone: CloseCode.notFound,
  wrong_type: 4415,
  too_many_connections: CloseCode.tooFast,
  unavailable: CloseCode.tryLater,
  restarting: CloseCode.tryLater,
  store_failure: CloseCode.tryLater,
}
/** After these the server would send a reset. */
const STALE = new Set(["below_floor", "base_above_head", "precondition_failed"])

/** An edit that is out, and what its request said. */
interface Submitted {
  readonly seq: number
  readonly key: string
  readonly body: string
}

/** Opens such channels for one document: what one leaves unanswered, the next asks for again. */
export function httpOpener(): OpenChannel {
  const memory: Memory = { unanswered: null }
  return (address, token, listener) => new HttpChannel(address, token, listener, memory)
}

interface Memory {
  unanswered: Submitted | null
}

class HttpChannel implements Channel {
  private readonly abort = new AbortController()
  /** By the author that our edits have over HTTP: their seqs. */
  private readonly own = new Map<string, number>()
  private stream = new AbortController()
  private client = ""
  private author = ""
  private epoch: string | null = null
  private version = -1
  private request: Promise<void> = Promise.resolve()
  private heardAt = Date.now()
  private over = false

  constructor(
    private readonly address: Address,
    private readonly token: string | null,
    private readonly listener: Listener,
    private readonly memory: Memory,
  ) {
    queueMicrotask(() => {
      if (!this.over) listener.opened()
    })
  }

  send(frame: string): void {
    const message = JSON.parse(frame) as Json
    switch (message["type"]) {
      case "hello":
        void this.begin(message)
        break
      case "edit":
        this.request = this.request.then(() => this.submit(message))
        break
      case "message":
        void this.post("messages", JSON.stringify({ body: message["body"] }))
        break
      case "ping":
        if (Date.now() - this.heardAt < SILENCE) queueMicrotask(() => this.tell({ type: "pong" }))
        break
      default: // there is no way to show oneself
    }
  }

  close(reason: string): void {
    this.end({ code: CloseCode.abnormal, reason, refused: false })
  }

  // The stream -------------------------------------------------------------------------------------

  private async begin(hello: Json): Promise<void> {
    this.client = String(hello["client"])
    const { unanswered } = this.memory
    // What became of it is known before the stream shows it: otherwise one would see it twice.
    if (unanswered !== null && hello["epoch"] !== undefined) {
      const answer = await this.post("edits", unanswered.body, unanswered.key)
      if (answer?.ok) this.learn(answer.json, unanswered.seq)
    }
    const probe = this.post("edits", "{}") // refused in any case, for a reason that tells
    const since = hello["epoch"] === undefined ? "" : `?${query(hello["epoch"], hello["version"])}`
    await this.follow(since, probe, false)
  }

  private async follow(since: string, probe: Promise<Answer | null>, anew: boolean): Promise<void> {
    const { stream } = this
    try {
      const response = await fetch(resourceOf(this.address, "events") + since, {
        headers: this.headers(),
        signal: AbortSignal.any([this.abort.signal, stream.signal]),
        cache: "no-store",
      })
      if (!response.ok || response.body === null) return this.refused(await read(response))
      const answer = await probe
      const access = answer?.json["code"] === "not_allowed" ? "read" : "write"
      for await (const { event, data } of eventsOf(response.body, () => (this.heardAt = Date.now()))) {
        await this.request
        if (this.over || stream.signal.aborted) return
        this.take(event, data, access, anew)
      }
    } catch (error) {
      if (stream.signal.aborted) return
      return this.end({ code: CloseCode.abnormal, reason: String(error), refused: this.version < 0 })
    }
    if (!stream.signal.aborted) this.end({ code: CloseCode.abnormal, reason: "the stream ended", refused: false })
  }

  private take(event: string, data: Json, access: string, anew: boolean): void {
    switch (event) {
      case "welcome":
      case "reset": {
        this.author = String(data["author"])
        this.epoch = String(data["epoch"])
        this.version = Number(data["version"])
        const type = anew ? "reset" : event
        const edits = Array.isArray(data["edits"]) ? { edits: data["edits"].map((edit) => this.ours(edit)) } : {}
        return this.tell({ ...data, type, access, ...edits })
      }
      case "edits": {
        const edits = data["edits"] as Json[]
        this.version = Number(edits.at(-1)?.["version"] ?? this.version)
        return this.tell({ ...data, edits: edits.map((edit) => this.ours(edit)) })
      }
      case "goodbye": {
        const code = String(data["code"])
        const wait = data["retry_after"]
        if (typeof wait === "number") this.tell({ type: "goodbye", retry_after: wait })
        return this.end({ code: CLOSE_CODES[code] ?? CloseCode.abnormal, reason: `${code}: ${String(data["message"])}`, refused: false })
      }
      default:
        return this.tell(data)
    }
  }

  /** An edit of the stream; under our name, if it is one of ours. */
  private ours(edit: unknown): unknown {
    if (!isRecord(edit)) return edit
    const seq = this.own.get(String(edit["author"]))
    return seq === undefined ? edit : { ...edit, author: this.author, seq }
  }

  // Requests ---------------------------------------------------------------------------------------

  private async submit(edit: Json): Promise<void> {
    const seq = Number(edit["seq"])
    const { base, operation } = edit
    const submitted = {
      seq,
      key: `${this.client}-${seq}`,
      body: JSON.stringify({ base, operation, ...(this.epoch !== null && { epoch: this.epoch }) }),
    }
    this.memory.unanswered = submitted
    const answer = await this.post("edits", submitted.body, submitted.key)
    if (answer === null || this.over) return
    const { json } = answer
    if (answer.ok) {
      const version = this.learn(json, seq)
      if (version <= this.version) this.tell({ type: "ack", seq, version })
      return
    }
    this.memory.unanswered = null
    const code = String(json["code"] ?? "unavailable")
    if (code === "not_signed_in" || code === "document_not_found") return this.refused(answer)
    if (STALE.has(code)) return this.startAnew()
    if (code === "not_allowed") this.tell({ type: "access", access: "read" })
    const committed = code === "edit_name_reused" ? { committed: { seq, version: json["version"] } } : {}
    const wait = json["retry_after"] == null ? {} : { retry_after: json["retry_after"] }
    this.tell({ type: "error", code, message: String(json["detail"] ?? ""), seq, ...committed, ...wait })
  }

  /** The log has our edit, under this author; its version. */
  private learn(json: Json, seq: number): number {
    this.memory.unanswered = null
    this.own.set(String(json["author"]), seq)
    const [oldest] = this.own.keys()
    if (this.own.size > MOST_AUTHORS && oldest !== undefined) this.own.delete(oldest)
    return Number(json["version"])
  }

  /** What we have cannot be continued: follow the document from what it contains now. */
  private startAnew(): void {
    this.stream.abort()
    this.stream = new AbortController()
    void this.follow("", this.post("edits", "{}"), true)
  }

  private async post(resource: string, body: string, key?: string): Promise<Answer | null> {
    try {
      const response = await fetch(resourceOf(this.address, resource), {
        method: "POST",
        headers: {
          ...this.headers(),
          "Content-Type": "application/json",
          ...(key !== undefined && { "Idempotency-Key": key }),
        },
        body,
        signal: AbortSignal.any([this.abort.signal, AbortSignal.timeout(ANSWERING)]),
      })
      return await read(response)
    } catch (error) {
      this.end({ code: CloseCode.abnormal, reason: String(error), refused: this.version < 0 })
      return null
    }
  }

  private headers(): Record<string, string> {
    return this.token === null ? {} : { Authorization: `Bearer ${this.token}` }
  }

  // The end ----------------------------------------------------------------------------------------

  private refused({ status, json }: Answer): void {
    const code = String(json["code"] ?? `HTTP status ${status}`)
    const wait = json["retry_after"]
    const reason = `${code}: ${String(json["detail"] ?? "")}${typeof wait === "number" ? ` again in ${Math.ceil(wait)} s` : ""}`
    this.end({ code: CLOSE_CODES[code] ?? CloseCode.abnormal, reason, refused: this.version < 0 })
  }

  private tell(frame: Json): void {
    if (!this.over) this.listener.frame(JSON.stringify(frame))
  }

  private end(end: ChannelEnd): void {
    if (this.over) return
    this.over = true
    this.abort.abort()
    this.listener.ended(end)
  }
}

interface Answer {
  readonly ok: boolean
  readonly status: number
  readonly json: Json
}

async function read(response: Response): Promise<Answer> {
  const { ok, status } = response
  const json: unknown = await response.json().catch(() => ({}))
  return { ok, status, json: isRecord(json) ? json : {} }
}

function query(epoch: unknown, version: unknown): string {
  return new URLSearchParams({ epoch: String(epoch), since: String(version) }).toString()
}

/** The events of a stream, as HTML's specification has them, as far as this server makes use of it. */
async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
): AsyncGenerator<{ event: string; data: Json }> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let waiting = ""
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    heard()
    waiting += value
    if (waiting.length > MOST_EVENT_UNITS) throw new Error("an event without an end")
    for (let end = waiting.indexOf("\n\n"); end >= 0; end = waiting.indexOf("\n\n")) {
      const lines = waiting.slice(0, end).split("\n")
      waiting = waiting.slice(end + 2)
      const event = valueOf(lines, "event: ")
      const data = valueOf(lines, "data: ")
      if (event !== null && data !== null) yield { event, data: JSON.parse(data) as Json }
    }
  }
}

function valueOf(lines: readonly string[], field: string): string | null {
  return lines.find((line) => line.startsWith(field))?.slice(field.length) ?? null
}
