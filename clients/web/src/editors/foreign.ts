// Whether a Yjs fragment holds what an editor's schema does not know. y-tiptap would take such
// elements out of the document, for everybody, so an editor that does not know them must not be
// opened on them.
import type { Schema } from "@tiptap/pm/model"
import * as Y from "yjs"

/** The first thing in it that the schema has no word for; null if it knows all. */
export function foreignIn(root: Y.XmlFragment | Y.XmlElement, schema: Schema): string | null {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const each = waiting.pop()
    if (each instanceof Y.XmlElement) {
      const type = schema.nodes[each.nodeName]
      if (type === undefined) return each.nodeName
      const known = type.spec.attrs ?? {}
      const strange = Object.keys(each.getAttributes()).find((name) => !(name in known))
      if (strange !== undefined) return `${each.nodeName} ${strange}`
    }
    if (each instanceof Y.XmlText) {
      const strange = strangeMark(each, schema)
      if (strange !== null) return strange
    } else if (each instanceof Y.XmlFragment) {
      waiting.push(...each.toArray())
    } else if (each !== undefined) {
      return "an unknown element"
    }
  }
  return null
}

function strangeMark(text: Y.XmlText, schema: Schema): string | null {
  for (const { insert, attributes } of text.toDelta() as { insert: unknown; attributes?: object }[]) {
    if (typeof insert !== "string") return "an embed"
    // A mark that may overlap with itself has a hash after its name.
    const strange = Object.keys(attributes ?? {}).find((name) => schema.marks[name.split("--")[0] ?? ""] === undefined)
    if (strange !== undefined) return strange
  }
  return null
}
