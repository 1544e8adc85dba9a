// The editor of text documents: CodeMirror over collab's own protocol.
import { history, historyKeymap } from "@codemirror/commands"
import { collab } from "@collab/client/codemirror"
import type { DocumentRow } from "../api"
import { allow, scrollTo, textEditor } from "./codemirror"
import type { Place, Running } from "./editor"
import { look, type Native, NativeEditor, type Surface } from "./native"

export function open(row: DocumentRow, place: Place): Running {
  return new NativeEditor(row, place, makeSurface)
}

function makeSurface({ doc, title }: Native): Surface {
  const binding = { extensions: [history(), collab(doc, { look })], undoKeys: historyKeymap, carets: [] }
  const view = textEditor(title, doc.text, binding, true)
  return {
    element: view.dom,
    allow: (mayType) => allow(view, mayType, historyKeymap),
    selection: () => view.state.selection.main,
    goTo: (position) => scrollTo(view, position),
    focus: () => view.focus(),
    leave: () => view.destroy(),
  }
}
