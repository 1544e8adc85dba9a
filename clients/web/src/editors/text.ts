// CodeMirror as our editor of a Yjs text: what it can do, and whether one may type. Knows nothing of
// the connection.
import { defaultKeymap } from "@codemirror/commands"
import { Compartment, EditorState, type Extension, Prec, type StateEffect } from "@codemirror/state"
import { EditorView, keymap, placeholder } from "@codemirror/view"
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next"
import type { Awareness } from "y-protocols/awareness"
import type * as Y from "yjs"
import { h } from "../dom"
import { carets } from "./carets"

const BAR_HEIGHT = 96

const rights = new Compartment()

/** To undo is to write, too: by its keys, and by the browser itself, which offers to undo what was
 * typed while that was allowed. */
const NO_UNDO: Extension = [
  keymap.of(yUndoManagerKeymap.map((binding) => ({ ...binding, run: () => true }))),
  EditorView.domEventHandlers({ beforeinput: (event) => event.inputType.startsWith("history") }),
]

export function textEditor(title: string, text: Y.Text, awareness: Awareness, mayType: boolean): Extension[] {
  const nonce = document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? ""
  return [
    EditorView.cspNonce.of(nonce),
    // A carriage return is a character like any other: both sides have to count the same.
    EditorState.lineSeparator.of("\n"),
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({
      "aria-label": title,
      spellcheck: "true",
      autocapitalize: "sentences",
    }),
    EditorView.scrollMargins.of(() => ({ top: BAR_HEIGHT, bottom: 48 })),
    placeholder("Write something. Everybody here sees it at once."),
    rights.of(rightsTo(mayType)),
    yCollab(text, null), // first, so that the carets below see the text after a change
    carets(text, awareness),
    keymap.of([...yUndoManagerKeymap, ...defaultKeymap]),
  ]
}

/** Lets one type from now on, or not. */
export function editable(mayType: boolean): StateEffect<unknown> {
  return rights.reconfigure(rightsTo(mayType))
}

function rightsTo(mayType: boolean): Extension {
  if (mayType) return []
  return [
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({ tabindex: "0", "aria-readonly": "true" }),
    Prec.highest(NO_UNDO),
  ]
}

/** What is shown while the text is on its way. */
export function skeleton(): HTMLElement {
  const lines = ["long", "long", "short", "gap", "long", "middle"]
  return h("div", { class: "skeleton", "aria-hidden": "true" }, ...lines.map((line) => h("i", { class: line })))
}
