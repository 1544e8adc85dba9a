// Random interleavings: whatever the network does and whenever pages are reloaded, everyone ends with the
// same text and nothing is lost or there twice. Every character typed is unique, so that either shows.
// A deletion that meets a reset may come to nothing: a diff may see a rewritten word instead.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { CollabDocument } from "../src/index.js"
import type { Kept, OpenQueue } from "../src/queue.js"
import { join, Server } from "./room.js"

const RUNS = 60
const STEPS = 60
const FIRST_UNIQUE = 0x4e00

/** Mulberry32: small, seeded, good enough to choose with. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** A page that is reloaded now and then: what it has kept is all that the next one has. */
class Page {
  doc: CollabDocument
  private kept: Kept | null = null
  private life = 0

  constructor(private readonly server: Server) {
    this.doc = this.open()
  }

  reload(): void {
    this.life++
    this.doc.close()
    this.doc = this.open()
  }

  private open(): CollabDocument {
    const life = this.life
    const openQueue: OpenQueue = () =>
      Promise.resolve({
        load: () => Promise.resolve(this.kept),
        save: async (kept) => {
          if (this.life === life) this.kept = structuredClone(kept)
          await Promise.resolve()
        },
        release: () => undefined,
      })
    return join(this.server, { offline: { openQueue } })
  }
}

class Run {
  readonly server = new Server("text", "abc\ndef")
  readonly pages: Page[]
  readonly typed: string[] = []
  readonly deleted = new Set<string>()
  jumped = false
  private next = FIRST_UNIQUE
  private readonly random: (below: number) => number

  constructor(seed: number) {
    this.random = randomOf(seed)
    this.pages = [new Page(this.server), new Page(this.server), new Page(this.server)]
  }

  async step(): Promise<void> {
    const page = this.pages[this.random(this.pages.length)]!
    const { doc } = page
    const line = this.server.lines[this.random(this.server.lines.length || 1)]
    switch (this.random(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (doc.writable) {
          const letter = String.fromCharCode(this.next++)
          this.typed.push(letter)
          doc.insert(this.random(doc.text.length + 1), letter)
        }
        break
      case 4:
        if (doc.writable && doc.text.length > 0) {
          const at = this.random(doc.text.length)
          this.deleted.add(doc.text[at]!)
          doc.delete(at, 1)
        }
        break
      case 5:
      case 6:
        this.server.carry()
        break
      case 7:
        await this.server.settle()
        break
      case 8:
        if (line?.up.length && this.random(2) === 0) this.server.handle(line, line.up.shift()!)
        line?.cut()
        break
      case 9:
        await vi.advanceTimersByTimeAsync(this.random(400))
        break
      case 10:
        // What was typed this very moment has to be written first; sent it need not be.
        await new Promise<void>((written) => setImmediate(written))
        page.reload()
        break
      case 11:
        if (this.random(3) === 0) {
          this.jumped = true
          this.server.floor = this.server.version
        }
        break
    }
  }

  async finish(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) {
      await vi.advanceTimersByTimeAsync(10_000)
      await this.server.settle()
    }
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] })
})

afterEach(() => {
  vi.useRealTimers()
})

describe("interleavings", () => {
  it.each(Array.from({ length: RUNS }, (_, seed) => seed))("seed %d converges", async (seed) => {
    const run = new Run(seed)
    await run.server.settle()
    for (let step = 0; step < STEPS; step++) await run.step()
    await run.finish()
    const { text } = run.server
    for (const { doc } of run.pages) expect([doc.text, doc.state, doc.saved]).toEqual([text, "saved", true])
    for (const letter of run.typed) {
      const times = text.split(letter).length - 1
      if (!run.deleted.has(letter)) expect([letter, times]).toEqual([letter, 1])
      else if (run.jumped) expect(times).toBeLessThanOrEqual(1)
      else expect([letter, times]).toEqual([letter, 0])
    }
    for (const { doc } of run.pages) doc.close()
  })
})
