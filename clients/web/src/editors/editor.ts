// What an editor is to the document page, and which one a type has. A new editor is one module
// beside this file and one line in the table.
import type { DocumentRow } from "../api"

/** Where an editor shows what: the page gives it empty elements. */
export interface Place {
  /** In the bar: the state of the connection. */
  readonly status: HTMLElement
  /** In the bar: who is here. */
  readonly people: HTMLElement
  /** Under the bar: what everybody has to know. */
  readonly notice: HTMLElement
  /** The paper. */
  readonly body: HTMLElement
}

/** An editor that is running. */
export interface Running {
  /** Whether everything typed here has reached the server, as far as one knows. */
  mayLeave(): boolean
  /** There is another token: go on with it. */
  signedIn(): void
  leave(): void
}

export interface EditorModule {
  open(row: DocumentRow, place: Place): Running
}

const EDITORS: Readonly<Record<string, () => Promise<EditorModule>>> = {
  yjs: () => import("./yjs"),
}

/** The editor of a type; types that have none yet are shown for reading. */
export function editorOf(type: string): Promise<EditorModule> {
  return (EDITORS[type] ?? (() => import("./reading")))()
}
