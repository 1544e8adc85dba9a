// CodeMirror as our editor of a text: what it can do, and whether one may type. Knows nothing of
// protocols; the binding that joins it to one is given to it.
import { defaultKeymap } from "@codemirror/commands"
import { Compartment, EditorState, type Extension, Prec, type StateEffect } from "@codemirror/state"
import { EditorView, type KeyBinding, keymap, placeholder } from "@codemirror/view"

const BAR_HEIGHT = 96

const rights = new Compartment()

/** How a text and its history are bound to a protocol. */
export interface Binding {
  readonly extensions: Extension
  /** Undo of what I did, and redo. */
  readonly undoKeys: readonly KeyBinding[]
  readonly carets: Extension
}

export function textEditor(title: string, text: string, binding: Binding, mayType: boolean): EditorView {
  const nonce = document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? ""
  const extensions = [
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
    rights.of(rightsTo(mayType, binding.undoKeys)),
    binding.extensions, // first, so that the carets below see the text after a change
    binding.carets,
    keymap.of([...binding.undoKeys, ...defaultKeymap]),
  ]
  return new EditorView({ state: EditorState.create({ doc: text, extensions }) })
}

/** Lets one type from now on, or not. */
export function editable(mayType: boolean, undoKeys: readonly KeyBinding[]): StateEffect<unknown> {
  return rights.reconfigure(rightsTo(mayType, undoKeys))
}

function rightsTo(mayType: boolean, undoKeys: readonly KeyBinding[]): Extension {
  if (mayType) return []
  return [
    EditorState.readOnly.of(true),
    EditorView.editable.of(false),
    EditorView.contentAttributes.of({ tabindex: "0", "aria-readonly": "true" }),
    // To undo is to write, too: by its keys, and by the browser itself, which offers to undo what was
    // typed while that was allowed.
    Prec.highest([
      keymap.of(undoKeys.map((binding) => ({ ...binding, run: () => true }))),
      EditorView.domEventHandlers({ beforeinput: (event) => event.inputType.startsWith("history") }),
    ]),
  ]
}

/** Make it as it is to be, without losing the focus. */
export function allow(view: EditorView, mayType: boolean, undoKeys: readonly KeyBinding[]): void {
  if (view.state.readOnly !== mayType) return
  const focused = view.hasFocus
  view.dispatch({ effects: editable(mayType, undoKeys) })
  if (focused) view.focus() // which an element loses that becomes another kind
}

export function scrollTo(view: EditorView, position: number): void {
  view.dispatch({ effects: EditorView.scrollIntoView(position, { y: "center" }) })
}
