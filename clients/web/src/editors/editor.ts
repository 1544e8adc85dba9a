// What an editor is to the document page, and which one a document has. A new editor is one module
// beside this file and one line in the table.
import type { DocumentRow } from "../api"
import { editorIn } from "../kinds"
import type { Person } from "../people"

/** Where an editor shows what: the page gives it empty elements. */
export interface Place {
  /** In the bar: the state of the connection. */
  readonly status: HTMLElement
  /** In the bar: who is here. */
  readonly people: HTMLElement
  /** Under the bar: buttons of an editor that has formats. */
  readonly tools: HTMLElement
  /** Under those: what everybody has to know. */
  readonly notice: HTMLElement
  /** The paper. */
  readonly body: HTMLElement
  /** The text has changed: it is counted when there is time. */
  changed(text: () => string): void
  /** What one may do has changed. */
  mayWrite(may: boolean): void
  /** The content is of the other yjs editor. */
  reopen(editor: EditorName): void
}

/** An editor that is running. */
export interface Running {
  /** Whether everything typed here has reached the server, as far as one knows. */
  mayLeave(): boolean
  /** There is another token: go on with it. */
  signedIn(): void
  /** Who the author of a commit is, if they are here. */
  whoIs?(author: string): Person | null
  leave(): void
}

export interface EditorModule {
  open(row: DocumentRow, place: Place): Running
}

/** Which editor a yjs document is opened with. */
export type EditorName = "rich" | "text"

const EDITORS: Readonly<Record<string, () => Promise<EditorModule>>> = {
  text: () => import("./text"),
  richtext: () => import("./richtext"),
  "yjs/text": () => import("./yjs-text"),
  "yjs/rich": () => import("./yjs-rich"),
}

/** The yjs editor that a document is for: `asked` comes before what its metadata says, and text is what
 * it is if nothing is said. */
export function editorNamed(row: DocumentRow, asked: string | null): EditorName {
  return asked === "rich" || asked === "text" ? asked : (editorIn(row) ?? "text")
}

/** The editor of a document; null for a type that these pages do not know. */
export async function editorOf(row: DocumentRow, name: EditorName): Promise<EditorModule | null> {
  const key = row.type === "yjs" ? `yjs/${name}` : row.type
  return (await EDITORS[key]?.()) ?? null
}

/** Whether somebody has said which editor a yjs document is for. */
export function isSaid(row: DocumentRow): boolean {
  return editorIn(row) !== null || new URLSearchParams(location.search).has("editor")
}
