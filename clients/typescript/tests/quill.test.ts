// @vitest-environment jsdom
// Quill bound to documents of one server.
import { afterEach, describe, expect, it } from "vitest"
import Quill from "quill"
import { Delta, type CollabDocument, type Op } from "../src/index.js"
import { bindQuill, overMargin, withMargin, type QuillBinding } from "../src/quill.js"
import "./layout.js"
import { join, Server } from "./room.js"

const cleanup: (() => void)[] = []

afterEach(() => {
  for (const clean of cleanup.splice(0)) clean()
})

interface Desk {
  readonly doc: CollabDocument
  readonly quill: Quill
  readonly binding: QuillBinding
}

async function desk(server: Server): Promise<Desk> {
  const doc = join(server)
  await server.settle()
  const place = document.createElement("div")
  document.body.append(place)
  const quill = new Quill(place, { modules: { history: { delay: 0 } } })
  const binding = bindQuill(quill, doc)
  cleanup.push(() => {
    binding.destroy()
    doc.close()
    place.remove()
  })
  return { doc, quill, binding }
}

function shown({ quill }: Desk): Op[] {
  return quill.getContents().ops as Op[]
}

describe("Quill", () => {
  it("takes and gives edits and formats, each once", async () => {
    const server = new Server("richtext", [{ insert: "Title\nText\n" }])
    const [ada, bob] = [await desk(server), await desk(server)]
    ada.quill.formatText(0, 5, { bold: true }, "user")
    bob.quill.insertText(10, " 😀", "user")
    ada.quill.formatLine(0, 1, { header: 1 }, "user")
    await server.settle()
    const expected = [
      { insert: "Title", attributes: { bold: true } },
      { insert: "\n", attributes: { header: 1 } },
      { insert: "Text 😀\n" },
    ]
    expect([shown(ada), shown(bob), server.state.ops]).toEqual([expected, expected, expected])
    expect(server.version).toBe(3)
  })

  it("opens an empty document without writing in it, and two may begin it at once", async () => {
    const server = new Server("richtext")
    const [ada, bob] = [await desk(server), await desk(server)]
    expect(server.version).toBe(0)
    ada.quill.insertText(0, "one ", "user")
    bob.quill.insertText(0, "two ", "user")
    await server.settle()
    expect(shown(ada)).toEqual(shown(bob))
    expect(server.text).toMatch(/^(one two |two one )$/)
  })

  it("writes the last line break down when somebody writes behind it or formats it", async () => {
    const server = new Server("richtext", [{ insert: "abc" }])
    const [ada, bob] = [await desk(server), await desk(server)]
    ada.quill.insertText(3, "\n", "user")
    await server.settle()
    expect([shown(ada), shown(bob), server.state.ops]).toEqual(Array(3).fill([{ insert: "abc\n\n" }]))
    const other = new Server("richtext", [{ insert: "abc" }])
    const [eve, dan] = [await desk(other), await desk(other)]
    eve.quill.formatLine(0, 1, { header: 2 }, "user")
    await other.settle()
    const expected = [{ insert: "abc" }, { insert: "\n", attributes: { header: 2 } }]
    expect([shown(eve), shown(dan), other.state.ops]).toEqual([expected, expected, expected])
    dan.quill.deleteText(0, 3, "user")
    await other.settle()
    expect(shown(eve)).toEqual(shown(dan))
  })

  it("follows when another kind of client takes the last line break away", async () => {
    const server = new Server("richtext", [{ insert: "abc\n" }])
    const ada = await desk(server)
    server.commit([{ retain: 3 }, { delete: 1 }])
    await server.settle()
    expect([shown(ada), server.state.ops]).toEqual([[{ insert: "abc\n" }], [{ insert: "abc" }]])
    ada.quill.insertText(3, "d", "user")
    await server.settle()
    expect(server.state.ops).toEqual([{ insert: "abcd" }])
  })

  it("undoes one's own edits only", async () => {
    const server = new Server("richtext", [{ insert: "base\n" }])
    const [ada, bob] = [await desk(server), await desk(server)]
    ada.quill.insertText(4, " mine", "user")
    await server.settle()
    bob.quill.insertText(0, "yours ", "user")
    await server.settle()
    ada.quill.history.undo()
    await server.settle()
    expect([shown(ada), shown(bob)]).toEqual(Array(2).fill([{ insert: "yours base\n" }]))
    ada.quill.history.undo()
    await server.settle()
    expect(server.text).toBe("yours base\n")
  })

  it("is read-only where one may only read", async () => {
    const server = new Server("richtext", [{ insert: "abc\n" }])
    const ada = await desk(server)
    server.access = "read"
    server.lines[0]!.answer({ type: "access", access: "read" })
    await server.settle()
    expect(ada.quill.isEnabled()).toBe(false)
    ada.quill.insertText(0, "x", "api") // a page's own code is not asked by Quill
    server.commit([{ insert: "> " }])
    await server.settle()
    expect([shown(ada), server.text]).toEqual([[{ insert: "> abc\n" }], "> abc\n"])
  })

  it("holds changes back while a character is composed, and loses nothing of either", async () => {
    const server = new Server("richtext", [{ insert: "one\n" }])
    const [ada, bob] = [await desk(server), await desk(server)]
    ada.quill.composition.isComposing = true
    bob.quill.insertText(0, "> ", "user")
    await server.settle()
    expect(shown(ada)).toEqual([{ insert: "one\n" }])
    ada.quill.insertText(1, "é", "user")
    await server.settle()
    ada.quill.composition.isComposing = false
    ada.quill.root.dispatchEvent(new CompositionEvent("compositionend"))
    await expect.poll(() => shown(ada)).toEqual([{ insert: "> oéne\n" }])
    expect([shown(bob), server.text]).toEqual([[{ insert: "> oéne\n" }], "> oéne\n"])
  })

  it("shows the others' carets over the text, with their names", async () => {
    const server = new Server("richtext", [{ insert: "hello\n" }])
    const [ada, bob] = [await desk(server), await desk(server)]
    bob.quill.getBounds = () => ({ left: 10, top: 20, height: 16, width: 0, bottom: 36, right: 10 })
    ada.doc.presence.set({ name: "Ada", color: "#aa00ff" }, 3)
    await server.settle()
    await expect.poll(() => bob.quill.container.querySelector(".collab-caret")?.textContent).toBe("Ada")
    const caret = bob.quill.container.querySelector<HTMLElement>(".collab-caret")
    expect([caret?.style.left, caret?.style.getPropertyValue("--collab-color")]).toEqual(["10px", "#aa00ff"])
    expect(shown(bob)).toEqual([{ insert: "hello\n" }])
    bob.binding.destroy()
    expect(bob.quill.container.querySelector(".collab-layer")).toBeNull()
  })
})

describe("the margin", () => {
  it("is there exactly where the document has no line break at its end", () => {
    expect(withMargin(new Delta()).ops).toEqual([{ insert: "\n" }])
    expect(withMargin(new Delta().insert("a\n")).ops).toEqual([{ insert: "a\n" }])
    expect(withMargin(new Delta().insert({ image: "x" })).ops).toEqual([{ insert: { image: "x" } }, { insert: "\n" }])
  })

  it("is written down only with what needs it", () => {
    const document = new Delta().insert("abc")
    const typed = new Delta().retain(3).insert("d")
    expect(overMargin(document, typed).ops).toEqual(typed.ops)
    const behind = new Delta().retain(4).insert("d")
    expect(document.compose(overMargin(document, behind)).ops).toEqual([{ insert: "abc\nd" }])
  })
})
