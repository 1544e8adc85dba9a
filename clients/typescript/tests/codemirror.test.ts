// @vitest-environment jsdom
// CodeMirror bound to documents of one server.
import { history, redo, undo } from "@codemirror/commands"
import { EditorState } from "@codemirror/state"
import { EditorView } from "@codemirror/view"
import { afterEach, describe, expect, it } from "vitest"
import { collab } from "../src/codemirror.js"
import type { CollabDocument } from "../src/index.js"
import "./layout.js"
import { join, Server } from "./room.js"

const cleanup: (() => void)[] = []

afterEach(() => {
  for (const clean of cleanup.splice(0)) clean()
})

interface Desk {
  readonly doc: CollabDocument
  readonly view: EditorView
}

async function desk(server: Server): Promise<Desk> {
  const doc = join(server)
  await server.settle()
  const view = new EditorView({ doc: doc.text, extensions: [history(), collab(doc)], parent: document.body })
  cleanup.push(() => {
    view.destroy()
    doc.close()
  })
  await server.settle()
  return { doc, view }
}

function text({ view }: Desk): string {
  return view.state.doc.toString()
}

function type({ view }: Desk, at: number, insert: string, length = 0): void {
  view.dispatch({ changes: { from: at, to: at + length, insert }, userEvent: "input.type" })
}

describe("CodeMirror", () => {
  it("takes and gives edits, each once", async () => {
    const server = new Server("text", "abc")
    const [ada, bob] = [await desk(server), await desk(server)]
    type(ada, 3, "!")
    type(bob, 0, "😀\n")
    type(bob, 4, "", 1)
    await server.settle()
    expect([text(ada), text(bob), ada.doc.text, server.text]).toEqual(Array(4).fill("😀\nac!"))
    expect(server.version).toBe(3)
  })

  it("takes several changes of one transaction", async () => {
    const server = new Server("text", "one two three")
    const ada = await desk(server)
    ada.view.dispatch({
      changes: [
        { from: 0, to: 3, insert: "1" },
        { from: 4, to: 7, insert: "2" },
        { from: 13, insert: "!" },
      ],
    })
    await server.settle()
    expect([text(ada), server.text]).toEqual(["1 2 three!", "1 2 three!"])
  })

  it("keeps every \\r, so that positions stay the document's", async () => {
    const server = new Server("text", "a\r\nb\rc")
    const [ada, bob] = [await desk(server), await desk(server)]
    type(ada, 6, "X\r\n")
    await server.settle()
    expect([text(ada), text(bob), server.text]).toEqual(Array(3).fill("a\r\nb\rcX\r\n"))
  })

  it("undoes one's own edits only", async () => {
    const server = new Server("text", "base")
    const [ada, bob] = [await desk(server), await desk(server)]
    type(ada, 4, " mine")
    await server.settle()
    type(bob, 0, "yours ")
    await server.settle()
    undo(ada.view)
    await server.settle()
    expect([text(ada), text(bob)]).toEqual(["yours base", "yours base"])
    expect(undo(ada.view)).toBe(false)
    redo(ada.view)
    await server.settle()
    expect(server.text).toBe("yours base mine")
  })

  it("takes nothing while one may only read, not from commands either", async () => {
    const server = new Server("text", "abc")
    const ada = await desk(server)
    server.access = "read"
    server.lines[0]!.answer({ type: "access", access: "read" })
    await server.settle()
    expect(ada.view.state.facet(EditorState.readOnly)).toBe(true)
    type(ada, 0, "x")
    server.commit([{ insert: "> " }])
    await server.settle()
    expect([text(ada), server.text]).toEqual(["> abc", "> abc"])
    server.access = "write"
    server.lines[0]!.answer({ type: "access", access: "write" })
    await server.settle()
    type(ada, 0, "x")
    await server.settle()
    expect(server.text).toBe("x> abc")
  })

  it("shows again what the document has where that refused an edit", async () => {
    const server = new Server("text", "a😀b")
    const ada = await desk(server)
    type(ada, 2, "x") // between the halves of a character
    expect(text(ada)).not.toBe("a😀b")
    await server.settle()
    expect([text(ada), server.text]).toEqual(["a😀b", "a😀b"])
  })

  it("takes back what the server refuses", async () => {
    const server = new Server("text", "abc")
    const ada = await desk(server)
    server.refusingEdits = "document_too_large"
    type(ada, 1, "long")
    expect(text(ada)).toBe("alongbc")
    await server.settle()
    expect([text(ada), ada.doc.state]).toEqual(["abc", "saved"])
  })

  it("holds changes back while their line is composed in, and loses nothing of either", async () => {
    const server = new Server("text", "one\ntwo")
    const [ada, bob] = [await desk(server), await desk(server)]
    ada.view.dispatch({ selection: { anchor: 1 } })
    ada.view.contentDOM.dispatchEvent(new CompositionEvent("compositionstart"))
    ada.view.dispatch({ changes: { from: 1, insert: "é" }, userEvent: "input.type.compose" })
    Object.defineProperty(ada.view, "composing", { configurable: true, get: () => true })
    type(bob, 7, "!")
    await server.settle()
    expect(text(ada)).toBe("oéne\ntwo!") // another line
    type(bob, 0, "> ")
    await server.settle()
    expect(text(ada)).toBe("oéne\ntwo!")
    type(ada, 2, "è") // goes on meanwhile
    await server.settle()
    Reflect.deleteProperty(ada.view, "composing")
    ada.view.contentDOM.dispatchEvent(new CompositionEvent("compositionend"))
    await expect.poll(() => text(ada)).toBe("> oéène\ntwo!")
    await server.settle()
    expect([text(bob), server.text]).toEqual(Array(2).fill("> oéène\ntwo!"))
  })

  it("shows the others' carets and selections, with their names", async () => {
    const server = new Server("text", "hello")
    const [ada, bob] = [await desk(server), await desk(server)]
    ada.doc.presence.set({ name: "Ada", color: "#aa00ff" }, { anchor: 1, head: 3 })
    await server.settle()
    const caret = bob.view.dom.querySelector<HTMLElement>(".collab-caret")
    expect(caret?.textContent).toBe("Ada")
    expect(caret?.style.getPropertyValue("--collab-color")).toBe("#aa00ff")
    expect(bob.view.dom.querySelector(".collab-selection")?.textContent).toBe("el")
    expect(ada.view.dom.querySelector(".collab-caret")).toBeNull()
    ada.doc.presence.clear()
    await server.settle()
    expect(bob.view.dom.querySelector(".collab-caret, .collab-selection")).toBeNull()
  })

  it("tells the others where one's own selection is, once it has had the focus", async () => {
    const server = new Server("text", "hello")
    const [ada, bob] = [await desk(server), await desk(server)]
    const seen = (): unknown => bob.doc.presence.peers.get(ada.doc.author)?.selection
    ada.view.dispatch({ selection: { anchor: 2 } })
    await server.settle()
    expect(seen()).toBeUndefined()
    ada.view.focus()
    ada.view.dispatch({ selection: { anchor: 1, head: 4 } })
    await server.settle()
    expect(seen()).toEqual({ anchor: 1, head: 4 })
  })
})
