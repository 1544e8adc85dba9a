// Connections that come and go, with time and lines in the test's hands.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { ClientError, Closed, CollabDocument } from "../src/index.js"
import { join, Server } from "./room.js"

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] })
})

const opened: CollabDocument[] = []

afterEach(() => {
  for (const doc of opened.splice(0)) doc.close()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

async function joined(server: Server, ...options: Parameters<typeof join>[1][]): Promise<CollabDocument> {
  const doc = join(server, options[0])
  opened.push(doc)
  await server.settle()
  return doc
}

async function pass(server: Server, milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
  await server.settle()
}

/** Whether within so much time another line is dialled. */
async function dialsWithin(server: Server, milliseconds: number): Promise<boolean> {
  const before = server.dialled.length
  await vi.advanceTimersByTimeAsync(milliseconds)
  return server.dialled.length > before
}

describe("state", () => {
  it("is connecting, saving and saved, and saved only when the edit is in the log", async () => {
    const server = new Server()
    const doc = join(server)
    opened.push(doc)
    expect(doc.state).toBe("connecting")
    await server.settle()
    const states: string[] = []
    doc.on("state", (state) => states.push(state))
    doc.insert(0, "x")
    expect([doc.state, doc.saved, doc.text, server.text]).toEqual(["saving", false, "x", ""])
    await server.settle()
    expect([doc.state, doc.saved, server.text]).toEqual(["saved", true, "x"])
    expect(states).toEqual(["saving", "saved"])
  })

  it("is offline while there is no line, and what is typed then is sent once", async () => {
    const server = new Server()
    const doc = await joined(server)
    server.lines[0]!.cut()
    expect(doc.state).toBe("offline")
    doc.insert(0, "a")
    doc.insert(1, "b")
    expect([doc.state, doc.saved]).toEqual(["offline", false])
    await pass(server, 100)
    expect([doc.state, server.text, server.version]).toEqual(["saved", "ab", 1])
  })

  it("is read-only where the right is taken, with an edit on its way given back", async () => {
    const server = new Server("text", "abc")
    const doc = await joined(server)
    const errors: ClientError[] = []
    doc.on("error", (error) => errors.push(error))
    doc.insert(0, "x")
    server.access = "read"
    server.lines[0]!.answer({ type: "access", access: "read" })
    await server.settle()
    expect([doc.state, doc.access, doc.text]).toEqual(["read-only", "read", "abc"])
    expect(errors.map((each) => each.code)).toEqual(["not_allowed"])
    await expect(doc.flush()).rejects.toMatchObject({ code: "not_allowed" })
    expect(() => doc.insert(0, "y")).toThrow(expect.objectContaining({ code: "read_only" }))
    server.lines[0]!.answer({ type: "access", access: "write" })
    server.access = "write"
    await server.settle()
    doc.insert(0, "y")
    await server.settle()
    expect([doc.state, server.text]).toEqual(["saved", "yabc"])
  })
})

describe("a lost connection", () => {
  it("has the outstanding frame repeated unchanged, and committed once however often it arrives", async () => {
    const server = new Server("text", "abc")
    const doc = await joined(server)
    doc.insert(3, "once")
    const [line] = server.lines
    const frame = line!.up[0]!
    line!.cut()
    server.commit([{ insert: "> " }])
    doc.insert(7, " more")
    await pass(server, 100)
    expect(server.heard.filter((each) => each === frame)).toHaveLength(1)
    server.handle(server.lines[0]!, frame) // the first one comes late
    await server.settle()
    const all = "> abconce more"
    expect([server.text, doc.text, server.version, doc.state]).toEqual([all, all, 3, "saved"])
  })

  it("is no reason to repeat what the stream shows to be committed", async () => {
    const server = new Server()
    const doc = await joined(server)
    doc.insert(0, "once")
    const [line] = server.lines
    server.handle(line!, line!.up.shift()!) // it arrives, the answer does not
    line!.cut()
    await pass(server, 100)
    expect(server.heard.filter((each) => each.includes('"edit"'))).toHaveLength(1)
    expect([doc.state, doc.text, server.text]).toEqual(["saved", "once", "once"])
  })

  it("is tried again ever later, up to ten seconds, with jitter", async () => {
    const server = new Server()
    await joined(server, { random: () => 1 })
    server.refusing = 1006
    server.lines[0]!.cut()
    for (const delay of [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]) {
      expect(await dialsWithin(server, delay - 1)).toBe(false)
      expect(await dialsWithin(server, 1)).toBe(true)
      await server.settle()
    }
  })

  it("is tried at once when the browser says that it is online", async () => {
    const target = new EventTarget()
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target))
    vi.stubGlobal("removeEventListener", target.removeEventListener.bind(target))
    const server = new Server()
    const doc = await joined(server)
    target.dispatchEvent(new Event("offline"))
    expect(doc.state).toBe("offline")
    target.dispatchEvent(new Event("online"))
    await server.settle()
    expect(doc.state).toBe("saved")
  })

  it("is waited for as long as the server says", async () => {
    const server = new Server()
    await joined(server)
    server.lines[0]!.answer({ type: "goodbye", retry_after: 7 })
    await server.settle()
    server.lines[0]!.cut(1012)
    expect(await dialsWithin(server, 7_000)).toBe(false)
    expect(await dialsWithin(server, 101)).toBe(true)
  })

  it("is known by silence: a ping is answered, or the line counts as dead", async () => {
    const server = new Server()
    const doc = await joined(server)
    await pass(server, 20_000)
    expect(server.heard.at(-1)).toBe('{"type":"ping"}')
    expect(doc.state).toBe("saved")
    server.lines[0]!.dead = true
    await pass(server, 29_999)
    expect(doc.state).toBe("saved")
    await pass(server, 1)
    expect(doc.state).toBe("offline")
    await pass(server, 101)
    expect(doc.state).toBe("saved")
  })

  it("is known sooner when an edit waits for its answer", async () => {
    const server = new Server()
    const doc = await joined(server)
    server.lines[0]!.dead = true
    doc.insert(0, "x")
    await pass(server, 15_000)
    await pass(server, 101)
    expect([doc.state, server.text]).toEqual(["saved", "x"])
  })
})

describe("tokens", () => {
  it("are asked for before each connection, and renewed when one ends", async () => {
    const server = new Server()
    server.tokens = new Set(["token 1", "token 2"])
    let asked = 0
    const doc = await joined(server, { token: () => Promise.resolve(`token ${++asked}`) })
    doc.insert(0, "x")
    server.lines[0]!.cut(4401, "not_signed_in: the token has ended")
    await pass(server, 101)
    expect([asked, doc.state, server.text]).toEqual([2, "saved", "x"])
  })

  it("end the connection for good where they do not hold; another goes on with what was typed", async () => {
    const server = new Server()
    server.tokens = new Set(["good"])
    let token = "good"
    const doc = await joined(server, { token: () => token })
    token = "bad"
    server.lines[0]!.cut(1006)
    doc.insert(0, "kept")
    await pass(server, 101)
    expect([doc.state, doc.failure?.code, doc.text, doc.saved]).toEqual(["closed", "not_signed_in", "kept", false])
    expect(() => doc.insert(0, "x")).toThrow(expect.objectContaining({ code: "not_signed_in" }))
    token = "good"
    doc.reconnect()
    await server.settle()
    expect([doc.state, server.text]).toEqual(["saved", "kept"])
  })

  it("that cannot be had now are asked for again", async () => {
    const server = new Server()
    let down = true
    const token = (): string => {
      if (down) throw new Error("no network")
      return "t"
    }
    const doc = await joined(server, { token })
    expect([doc.state, server.dialled.length]).toEqual(["connecting", 0])
    down = false
    await pass(server, 101)
    expect(doc.state).toBe("saved")
  })
})

describe("close codes", () => {
  it.each([
    [1003, "malformed"],
    [1007, "malformed"],
    [1009, "malformed"],
    [4400, "malformed"],
    [4403, "not_allowed"],
    [4404, "document_gone"],
    [4409, "replaced"],
    [4413, "quota"],
    [4415, "wrong_type"],
    [4499, "closed"],
  ])("%d is final: %s", async (code, expected) => {
    const server = new Server()
    const doc = await joined(server)
    const failures: Closed[] = []
    doc.on("error", (error) => failures.push(error as Closed))
    server.lines[0]!.cut(code, "because")
    expect([doc.state, doc.failure?.code, doc.failure?.closeCode]).toEqual(["closed", expected, code])
    expect(failures).toEqual([doc.failure])
    expect(await dialsWithin(server, 60_000)).toBe(false)
  })

  it.each([1006, 1012, 1013, 4408, 4429])("%d passes", async (code) => {
    const server = new Server()
    const doc = await joined(server)
    server.lines[0]!.cut(code)
    expect(doc.state).toBe("offline")
    await pass(server, 101)
    expect(doc.state).toBe("saved")
  })

  it("of a document that is not there ends it, unless one keeps trying", async () => {
    const server = new Server()
    server.refusing = 4404
    const once = await joined(server)
    const patient = await joined(server, { keepTrying: true })
    expect([once.state, once.failure?.code]).toEqual(["closed", "document_not_found"])
    expect(patient.state).toBe("connecting")
    server.refusing = null
    await pass(server, 101)
    expect(patient.state).toBe("saved")
  })
})

describe("a reset", () => {
  it("keeps what was not sent", async () => {
    const server = new Server("text", "one two")
    const doc = await joined(server)
    server.lines[0]!.cut()
    doc.insert(7, " mine")
    server.commit([{ retain: 3 }, { insert: "!" }])
    server.floor = server.version
    await pass(server, 101)
    expect([doc.text, server.text, doc.state]).toEqual(["one! two mine", "one! two mine", "saved"])
  })
})

describe("presence and messages", () => {
  it("reach the others; a cursor moves with edits, here and there", async () => {
    const server = new Server("text", "hello world")
    const ada = await joined(server)
    const bob = await joined(server)
    const said: unknown[] = []
    bob.on("message", ({ author, body }) => said.push([author === ada.author, body]))
    ada.presence.set({ name: "Ada" }, { anchor: 6, head: 11 })
    ada.send({ wave: true })
    await server.settle()
    const seen = (): unknown => bob.presence.peers.get(ada.author)?.selection
    expect([seen(), said]).toEqual([{ anchor: 6, head: 11 }, [[true, { wave: true }]]])
    bob.insert(0, "> ")
    expect(seen()).toEqual({ anchor: 8, head: 13 })
    ada.delete(0, 6)
    await server.settle()
    expect([bob.text, seen()]).toEqual(["> world", { anchor: 2, head: 7 }])
    server.lines[0]!.cut()
    await server.settle()
    expect(bob.presence.peers.size).toBe(0)
    await pass(server, 101)
    expect(seen()).toEqual({ anchor: 2, head: 7 })
  })
})
