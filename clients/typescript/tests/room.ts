// A tiny server that orders edits, and lines to it that tests pull by hand: a model of the native
// protocol's server side (log, names, floor, epoch), spoken to in frames.
import type { Channel, Listener, OpenChannel } from "../src/channel.js"
import { open as openDocument, type Options } from "../src/connect.js"
import { apply, Delta, NOTHING, type Op, parse, textOf } from "../src/delta.js"
import type { CollabDocument } from "../src/document.js"
import type { Access, Hello, PresenceEntry, SubmitEdit } from "../src/messages.js"

export const URL_OF_SERVER = "http://collab.test"

interface Committed {
  readonly author: string
  readonly seq: number
  readonly operation: Delta
  readonly submitted: string
}

type Frame = Record<string, unknown>

/** One connection; what goes up and down waits until it is carried. */
export class Line implements Channel {
  up: string[] = []
  down: string[] = []
  client = ""
  over = false
  /** Nothing is carried any more, and nobody is told: a dead line. */
  dead = false

  constructor(
    readonly server: Server,
    readonly token: string | null,
    readonly listener: Listener,
  ) {}

  send(frame: string): void {
    this.up.push(frame)
  }

  answer(frame: Frame): void {
    this.down.push(JSON.stringify(frame))
  }

  close(reason: string): void {
    this.cut(1006, reason)
  }

  cut(code = 1006, reason = "", refused = false): void {
    if (this.over) return
    this.over = true
    this.server.left(this)
    this.listener.ended({ code, reason, refused })
  }
}

export class Server {
  epoch = "epoch-1"
  floor = 0
  log: Committed[] = []
  state: Delta = NOTHING
  lines: Line[] = []
  /** Every line there ever was. */
  dialled: Line[] = []
  /** What was heard, as sent. */
  heard: string[] = []
  access: Access = "write"
  /** With a code: nobody gets in. */
  refusing: number | null = null
  /** Tokens that hold; null: all. */
  tokens: Set<string | null> | null = null
  refusingEdits: string | null = null
  /** Whether lines come about by themselves. */
  opening = true

  constructor(
    readonly type: "text" | "richtext" = "text",
    contents: string | Op[] = "",
  ) {
    this.state = parse(typeof contents === "string" ? (contents ? [{ insert: contents }] : []) : contents)
  }

  readonly open: OpenChannel = (_address, token, listener) => {
    const line = new Line(this, token, listener)
    this.lines.push(line)
    this.dialled.push(line)
    return line
  }

  get text(): string {
    return textOf(this.state)
  }

  get version(): number {
    return this.log.length
  }

  left(line: Line): void {
    this.lines = this.lines.filter((other) => other !== line)
    if (!line.client) return
    for (const other of this.lines) {
      other.answer({ type: "presence", peers: [{ author: authorOf(line.client), user: null, state: null, version: 0 }] })
    }
  }

  /** Carry everything everywhere until nothing moves; timers stand still. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 8; ) {
      quiet = this.carry() ? 0 : quiet + 1
      await Promise.resolve()
      await new Promise<void>((done) => setImmediate(done))
    }
  }

  /** Carry what waits, once; whether there was anything. */
  carry(): boolean {
    let moved = false
    for (const line of [...this.lines]) {
      if (line.dead) continue
      if (this.opening && line.client === "" && line.up.length === 0 && !opened.has(line)) {
        opened.add(line)
        moved = true
        if (this.refusing !== null) {
          line.cut(this.refusing, "", this.refusing === 1006)
          continue
        }
        line.listener.opened()
      }
      for (const frame of line.up.splice(0)) {
        moved = true
        this.handle(line, frame)
      }
      for (const frame of line.down.splice(0)) {
        moved = true
        if (!line.over) line.listener.frame(frame)
      }
    }
    return moved
  }

  handle(line: Line, frame: string): void {
    this.heard.push(frame)
    const message = JSON.parse(frame) as { type: string }
    switch (message.type) {
      case "hello":
        return this.greet(line, message as Hello)
      case "edit":
        return this.submit(line, message as SubmitEdit)
      case "ping":
        return line.answer({ type: "pong" })
      default: {
        const from = authorOf(line.client)
        const passed = message as unknown as PresenceEntry & { body: unknown }
        const news =
          message.type === "presence"
            ? { type: "presence", peers: [{ author: from, user: null, state: passed.state, version: passed.version }] }
            : { type: "message", from, user: null, body: passed.body }
        for (const other of this.lines) if (other !== line) other.answer(news)
      }
    }
  }

  /** Somebody else's edit. */
  commit(operation: readonly Op[], author = "somebody"): void {
    this.append(author, this.version + 1, parse(operation), "")
  }

  private greet(line: Line, hello: Hello): void {
    if (this.tokens !== null && !this.tokens.has(hello.token ?? null)) return line.cut(4401, "not_signed_in: no")
    line.client = hello.client
    const continues =
      hello.epoch === this.epoch && hello.version! >= this.floor && hello.version! <= this.version
    const start = this.start(authorOf(hello.client))
    if (continues) line.answer({ type: "welcome", ...start, edits: this.events(hello.version!) })
    else line.answer({ type: hello.epoch ? "reset" : "welcome", ...start, contents: this.contents() })
  }

  start(author: string): Frame {
    const at = this.log.findLastIndex((each) => each.author === author)
    const committed = this.log[at]
    return {
      epoch: this.epoch,
      version: this.version,
      document_type: this.type,
      access: this.access,
      author,
      limits: { frame_bytes: 1 << 20, document_bytes: 1 << 24, presence_bytes: 4096 },
      presence: [],
      ...(committed && { committed: { seq: committed.seq, version: at + 1 } }),
    }
  }

  contents(): unknown {
    return this.type === "text" ? this.text : this.state.ops
  }

  events(after: number): Frame[] {
    return this.log.slice(after).map(({ author, seq, operation }, index) => {
      return { version: after + index + 1, author, seq, user: null, operation: operation.ops }
    })
  }

  private submit(line: Line, edit: SubmitEdit): void {
    const author = authorOf(line.client)
    const submitted = JSON.stringify([edit.base, edit.operation])
    const at = this.log.findLastIndex((each) => each.author === author)
    const newest = this.log[at]
    const refuse = (code: string): void => {
      line.answer({ type: "error", code, message: "no", seq: edit.seq })
    }
    if (newest !== undefined && edit.seq <= newest.seq) {
      if (edit.seq < newest.seq) refuse("stale_sequence")
      else if (newest.submitted !== submitted) refuse("edit_name_reused")
      else line.answer({ type: "ack", seq: edit.seq, version: at + 1 })
    } else if (this.refusingEdits !== null) {
      refuse(this.refusingEdits)
    } else if (this.access === "read") {
      refuse("not_allowed")
    } else {
      let operation = parse(edit.operation)
      for (const earlier of this.log.slice(edit.base)) operation = earlier.operation.transform(operation, true)
      this.append(author, edit.seq, operation, submitted)
    }
  }

  private append(author: string, seq: number, operation: Delta, submitted: string): void {
    this.state = apply(this.state, operation)
    this.log.push({ author, seq, operation, submitted })
    for (const line of this.lines) {
      if (line.client !== "") line.answer({ type: "edits", edits: this.events(this.version - 1) })
    }
  }
}

const opened = new WeakSet<Line>()

export function authorOf(client: string): string {
  return `author of ${client}`
}

/** A document of this server, with jitter that is none. */
export function join(server: Server, options: Options = {}): CollabDocument {
  return openDocument(URL_OF_SERVER, "doc", { openChannel: server.open, random: () => 1, ...options })
}
