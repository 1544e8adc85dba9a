// Unsaved edits across pages: a browser with IndexedDB and Web Locks, pages that are reloaded at any time.
import { IDBFactory } from "fake-indexeddb"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { CollabDocument } from "../src/index.js"
import { openIndexedQueue } from "../src/indexed_queue.js"
import type { Kept, OpenQueue } from "../src/queue.js"
import { Transports } from "../src/transports.js"
import { join, Server } from "./room.js"

const NAME = JSON.stringify(["http://collab.test", "doc", ""])

/** Web Locks, as far as they are used: one holder for a name, the others wait until they give up. */
class Locks {
  private readonly holders = new Map<string, Promise<unknown>>()

  async request(name: string, options: { signal: AbortSignal }, held: () => Promise<unknown>): Promise<unknown> {
    const aborted = new Promise<never>((_, reject) => {
      options.signal.addEventListener("abort", () => reject(options.signal.reason as Error))
    })
    while (this.holders.has(name)) await Promise.race([this.holders.get(name), aborted])
    const holding = held()
    this.holders.set(name, holding)
    await holding
    this.holders.delete(name)
    return undefined
  }
}

/** A page that can die without a word: then it writes nothing, sends nothing, and its lock is free. */
class Page {
  private dead = false
  private release: () => void = () => undefined
  readonly doc: CollabDocument

  constructor(
    readonly server: Server,
    user = "",
    open: OpenQueue = openIndexedQueue,
  ) {
    const openQueue: OpenQueue = async (name) => {
      const queue = await open(name)
      if (queue === null) return null
      this.release = () => queue.release()
      return {
        load: () => queue.load(),
        save: (kept) => (this.dead ? new Promise(() => undefined) : queue.save(kept)),
        release: () => !this.dead && queue.release(),
      }
    }
    this.doc = join(server, { offline: { user, openQueue } })
    pages.push(this)
  }

  async die(): Promise<void> {
    await stored()
    this.dead = true
    this.doc.close()
    this.release()
    await stored()
  }
}

let pages: Page[] = []

/** Until the database has done what it was told. */
async function stored(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise<void>((done) => setImmediate(done))
}

async function opened(server: Server, ...rest: [string?, OpenQueue?]): Promise<Page> {
  const page = new Page(server, ...rest)
  await stored()
  await settle(server)
  return page
}

async function settle(server: Server): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await server.settle()
    await stored()
  }
}

async function kept(): Promise<Kept | null> {
  const locks = new Locks()
  vi.stubGlobal("navigator", { locks })
  const queue = await openIndexedQueue(NAME)
  vi.stubGlobal("navigator", { locks: sharedLocks })
  return queue!.load()
}

let sharedLocks = new Locks()

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] })
  sharedLocks = new Locks()
  vi.stubGlobal("indexedDB", new IDBFactory())
  vi.stubGlobal("navigator", { locks: sharedLocks })
})

afterEach(() => {
  for (const page of pages) page.doc.close()
  pages = []
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe("a page that is reloaded", () => {
  it("sends what the one before had not sent, once, and shows it before there is a connection", async () => {
    const server = new Server("text", "base ")
    const first = await opened(server)
    server.lines[0]!.cut()
    first.doc.insert(5, "typed ")
    first.doc.insert(11, "offline")
    await first.die()
    server.opening = false
    const second = await opened(server)
    expect([second.doc.text, second.doc.state, second.doc.saved]).toEqual(["base typed offline", "offline", false])
    second.doc.insert(18, "!")
    server.opening = true
    await settle(server)
    expect([server.text, second.doc.state]).toEqual(["base typed offline!", "saved"])
    expect(await kept()).toBeNull()
  })

  it("repeats the frame that was on its way, as it was sent, and goes on behind it", async () => {
    const server = new Server()
    const first = await opened(server)
    first.doc.insert(0, "one")
    await stored()
    const frame = server.lines[0]!.up[0]!
    first.doc.insert(3, " two")
    await first.die()
    server.commit([{ insert: "> " }])
    const second = await opened(server)
    expect(server.heard.filter((each) => each === frame)).toHaveLength(1)
    server.handle(server.lines[0]!, frame) // the first one was only slow
    await settle(server)
    expect([server.text, second.doc.text, server.version]).toEqual(["> one two", "> one two", 3])
  })

  it("does not repeat what was committed without the first page hearing of it", async () => {
    const server = new Server()
    const first = await opened(server)
    first.doc.insert(0, "one")
    await stored()
    server.carry()
    expect(server.text).toBe("one")
    await first.die()
    const second = await opened(server)
    expect([second.doc.text, server.text, server.version, second.doc.state]).toEqual(["one", "one", 1, "saved"])
  })

  it("keeps it through a reset, too", async () => {
    const server = new Server("text", "one two")
    const first = await opened(server)
    server.lines[0]!.cut()
    first.doc.insert(7, " mine")
    await first.die()
    server.commit([{ retain: 3 }, { insert: "!" }])
    server.floor = server.version
    const second = await opened(server)
    expect([server.text, second.doc.text]).toEqual(["one! two mine", "one! two mine"])
  })

  it("leaves alone what another user did not send", async () => {
    const server = new Server()
    const ada = await opened(server, "ada")
    server.lines[0]!.cut()
    ada.doc.insert(0, "hers")
    await ada.die()
    const bob = await opened(server, "bob")
    expect([bob.doc.text, server.text]).toEqual(["", ""])
    bob.doc.close()
    await opened(server, "ada")
    expect(server.text).toBe("hers")
  })
})

describe("the queue", () => {
  it("has an edit before it is sent, and nothing once it is durable", async () => {
    const server = new Server()
    const { doc } = await opened(server)
    doc.insert(0, "x")
    const [line] = server.lines
    expect(line!.up).toEqual([]) // not before it is written
    await stored()
    expect((await kept())?.outstanding?.frame).toBe(line!.up[0])
    await settle(server)
    expect([doc.state, await kept()]).toEqual(["saved", null])
  })

  it("that takes its time is waited for: nothing goes out that is not written", async () => {
    const server = new Server()
    const writing: { kept: Kept | null; done: () => void }[] = []
    const open: OpenQueue = () =>
      Promise.resolve({
        load: () => Promise.resolve(null),
        save: (given) => new Promise<void>((done) => writing.push({ kept: given, done })),
        release: () => undefined,
      })
    const { doc } = await opened(server, "", open)
    doc.insert(0, "x")
    for (let turn = 0; turn < 3; turn++) {
      await settle(server)
      expect(server.text).toBe("")
      // The first of these was begun before the edit had its frame.
      if (writing.at(-1)?.kept?.outstanding) break
      writing.at(-1)?.done()
    }
    const [written] = writing.slice(-1)
    written!.done()
    await settle(server)
    expect(server.heard.at(-1)).toBe(written!.kept?.outstanding?.frame)
    expect(server.text).toBe("x")
    writing.at(-1)!.done()
  })

  it("is one page's; another one has a client of its own, and says that it keeps nothing", async () => {
    const server = new Server()
    const first = await opened(server)
    const second = new Page(server)
    await stored()
    await vi.advanceTimersByTimeAsync(300)
    await settle(server)
    expect([first.doc.storage, second.doc.storage]).toEqual(["kept", "elsewhere"])
    first.doc.insert(0, "a")
    second.doc.insert(0, "b")
    await settle(server)
    expect([first.doc.text, second.doc.state, new Set(server.lines.map((line) => line.client)).size]).toEqual([
      server.text,
      "saved",
      2,
    ])
    first.doc.close()
    await stored()
    expect((await opened(server)).doc.storage).toBe("kept")
  })

  it("that cannot be had keeps nobody from editing, and the document says so", async () => {
    vi.stubGlobal("indexedDB", undefined)
    const server = new Server()
    const { doc } = await opened(server)
    doc.insert(0, "x")
    await settle(server)
    expect([doc.storage, doc.state, server.text]).toEqual(["failed", "saved", "x"])
  })

  it("that is full or hangs is given up for the time being, with nothing stale left in it", async () => {
    const server = new Server()
    let trouble: "full" | "hangs" | null = "full"
    const saves: (Kept | null)[] = []
    const open: OpenQueue = () =>
      Promise.resolve({
        load: () => Promise.resolve(null),
        save: (given) => {
          saves.push(given)
          if (trouble === "full" && given !== null) return Promise.reject(new Error("QuotaExceededError"))
          return trouble === "hangs" ? new Promise<void>(() => undefined) : Promise.resolve()
        },
        release: () => undefined,
      })
    const { doc } = await opened(server, "", open)
    doc.insert(0, "x")
    await settle(server)
    expect([doc.storage, server.text]).toEqual(["failed", "x"])
    expect(saves.indexOf(null)).toBe(1)
    trouble = "hangs"
    doc.insert(0, "y")
    await vi.advanceTimersByTimeAsync(10_000)
    await settle(server)
    expect([doc.storage, server.text]).toEqual(["failed", "yx"])
    trouble = null
    doc.insert(0, "z")
    await vi.advanceTimersByTimeAsync(10_000)
    await settle(server)
    expect([doc.storage, server.text]).toEqual(["kept", "zyx"])
  })
})

describe("the way of the next connection", () => {
  const lost = { code: 1006, reason: "", refused: true }
  const never = (): never => {
    throw new Error("not opened here")
  }
  const openers = { socket: never, http: never }

  it("is HTTP when websockets have come to nothing, and a websocket again after that", () => {
    const transports = new Transports(openers)
    const ways = Array.from({ length: 5 }, () => {
      transports.next(null)
      transports.ended(lost, false)
      return transports.way
    })
    expect(ways).toEqual(["socket", "socket", "http", "socket", "socket"])
  })

  it("stays the websocket where one has been of use", () => {
    const transports = new Transports(openers)
    transports.next(null)
    transports.ended(lost, true)
    for (let attempt = 0; attempt < 5; attempt++) {
      transports.next(null)
      transports.ended(lost, false)
    }
    expect(transports.way).toBe("socket")
  })

  it("is that of an edit which may have arrived, whatever else works", () => {
    const transports = new Transports(openers)
    transports.next("http")
    expect(transports.way).toBe("http")
    for (let attempt = 0; attempt < 5; attempt++) {
      transports.next("socket")
      transports.ended(lost, false)
    }
    expect(transports.way).toBe("socket")
  })
})
