// The kinds of documents that people choose between: a type of the server and, of a Yjs document,
// which editor it is for. Pure; nothing here knows how an editor works.
import type { DocumentRow } from "./api"
import type { IconName } from "./icons"

export type KindName = "richtext" | "text" | "yjs-rich" | "yjs-text"

export interface Kind {
  readonly name: KindName
  readonly type: string
  /** What the metadata of a yjs document says of its editor. */
  readonly editor: "rich" | "text" | null
  readonly label: string
  readonly about: string
  readonly icon: IconName
}

export const KINDS: readonly Kind[] = [
  {
    name: "richtext",
    type: "richtext",
    editor: null,
    label: "Rich text",
    about: "Headings, lists, links. A Quill Delta, over collab's own protocol.",
    icon: "richtext",
  },
  {
    name: "text",
    type: "text",
    editor: null,
    label: "Plain text",
    about: "Characters and nothing else: notes, code, data.",
    icon: "text",
  },
  {
    name: "yjs-rich",
    type: "yjs",
    editor: "rich",
    label: "Yjs rich text",
    about: "A CRDT, edited with TipTap over Hocuspocus.",
    icon: "yjsRich",
  },
  {
    name: "yjs-text",
    type: "yjs",
    editor: "text",
    label: "Yjs text",
    about: "A CRDT, edited with CodeMirror over y-websocket.",
    icon: "yjsText",
  },
]

const UNKNOWN: Kind = {
  name: "text",
  type: "",
  editor: null,
  label: "Document",
  about: "",
  icon: "text",
}

/** The kind of a document; a yjs document of which nothing is said counts as text. */
export function kindOf(row: DocumentRow): Kind {
  const rich = editorIn(row) === "rich"
  const found = KINDS.find(({ type, editor }) => type === row.type && (editor !== "rich" || rich) && (editor !== "text" || !rich))
  return found ?? { ...UNKNOWN, type: row.type, label: row.type }
}

/** What a yjs document's metadata says of its editor; null if nothing. */
export function editorIn(row: DocumentRow): "rich" | "text" | null {
  const said = row.metadata["editor"]
  return said === "rich" || said === "text" ? said : null
}

export function kindNamed(name: string | null): Kind | null {
  return KINDS.find((kind) => kind.name === name) ?? null
}
