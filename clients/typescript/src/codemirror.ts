// Binds CodeMirror 6 to a `text` document: edits both ways, the others' carets, read-only.
//
//     new EditorView({ doc: doc.text, extensions: [history(), collab(doc)], parent })
//
// What others do is never undone here: their changes are annotated `addToHistory: false`, so that
// `history()` of @codemirror/commands keeps to one's own. While a character is composed (IME), changes
// that touch its line wait until that has ended.
import {
  Annotation,
  type ChangeSet,
  type ChangeSpec,
  EditorState,
  type Extension,
  type Range,
  StateEffect,
  StateField,
  Transaction,
} from "@codemirror/state"
import {
  Decoration,
  type DecorationSet,
  EditorView,
  ViewPlugin,
  type ViewUpdate,
  WidgetType,
} from "@codemirror/view"
import { Delta, lengthOfOp } from "./delta.js"
import type { CollabDocument } from "./document.js"
import type { Stop } from "./emitter.js"
import { Lag } from "./lag.js"
import type { Change } from "./news.js"
import { type Look, lookOf } from "./people.js"
import type { Peer } from "./presence.js"

export interface CodeMirrorOptions {
  /** How a peer is shown (by `name` and `color` of its presence). */
  readonly look?: (peer: Peer) => Look
  /** Whether to show the others one's own selection, from the first focus on (true). */
  readonly showSelection?: boolean
}

/** Marks transactions that bring in what the document has: not typed here. */
export const fromDocument = Annotation.define<true>()

const setWritable = StateEffect.define<boolean>()
const redrawn = Annotation.define<true>()

export function collab(doc: CollabDocument, options: CodeMirrorOptions = {}): Extension {
  const writable = StateField.define<boolean>({
    create: () => doc.writable,
    update: (value, { effects }) =>
      effects.reduce((now, effect) => (effect.is(setWritable) ? effect.value : now), value),
    provide: (field) => EditorState.readOnly.from(field, (may) => !may),
  })
  return [
    writable,
    // One character is one character: a \r stays what it is, so that positions are the document's.
    EditorState.lineSeparator.of("\n"),
    EditorState.changeFilter.of(
      (transaction) => transaction.annotation(fromDocument) === true || transaction.startState.field(writable),
    ),
    ViewPlugin.define((view) => new Binding(view, doc, writable, options), {
      decorations: (binding) => binding.decorations,
    }),
    theme,
  ]
}

class Binding {
  decorations: DecorationSet = Decoration.none
  private readonly lag = new Lag()
  private readonly stops: Stop[]
  private readonly look: (peer: Peer) => Look
  private updating = false
  private scheduled = false
  private focused = false
  private gone = false
  private diverged: boolean

  constructor(
    private readonly view: EditorView,
    private readonly doc: CollabDocument,
    private readonly writable: StateField<boolean>,
    private readonly options: CodeMirrorOptions,
  ) {
    this.look = options.look ?? lookOf
    this.stops = [
      doc.on("change", (change) => this.onChange(change)),
      doc.on("presence", () => this.later()),
      doc.on("state", () => this.later()),
    ]
    this.diverged = view.state.doc.toString() !== doc.text
    this.later()
  }

  update(update: ViewUpdate): void {
    this.updating = true
    try {
      this.take(update)
    } finally {
      this.updating = false
    }
  }

  destroy(): void {
    this.gone = true
    for (const stop of this.stops) stop()
  }

  private take(update: ViewUpdate): void {
    if (update.docChanged) this.decorations = this.decorations.map(update.changes)
    for (const transaction of update.transactions) {
      if (!transaction.docChanged || transaction.annotation(fromDocument)) continue
      try {
        this.doc.edit(this.lag.typed(deltaOf(transaction.changes)), this)
      } catch {
        this.diverged = true // the document did not take it (half a character …): show what that has
        this.later()
      }
    }
    if (update.transactions.some((each) => each.annotation(redrawn))) this.decorations = this.draw()
    if (update.docChanged || update.selectionSet || update.focusChanged) this.showSelection()
  }

  private onChange(change: Change): void {
    if (change.local && change.origin === this) return
    const hold = this.updating || !this.lag.none || this.composes(change.operation)
    if (hold) {
      this.lag.add(change.operation)
      this.later()
    } else {
      try {
        this.show(change.operation)
      } catch {
        this.diverged = true // a plugin edits in the middle of an update
        this.later()
      }
    }
  }

  private show(operation: Delta): void {
    this.view.dispatch({
      changes: changesOf(operation),
      annotations: [fromDocument.of(true), Transaction.addToHistory.of(false), redrawn.of(true)],
    })
  }

  /** Whether `operation` reaches the line in which somebody is composing. */
  private composes(operation: Delta): boolean {
    if (!this.view.composing) return false
    const line = this.view.state.doc.lineAt(this.view.state.selection.main.head)
    let position = 0
    for (const op of operation.ops) {
      const end = position + (op.insert === undefined ? lengthOfOp(op) : 0)
      if (op.retain === undefined && position <= line.to && end >= line.from) return true
      position = end
    }
    return false
  }

  /** Bring the editor up to date when it may be changed: at the end of this turn, or of a composition. */
  private later(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.catchUp)
  }

  private readonly catchUp = (): void => {
    this.scheduled = false
    if (this.gone) return
    if (!this.lag.none && this.view.composing) {
      this.view.contentDOM.addEventListener("compositionend", this.onCompositionEnd, { once: true })
      return
    }
    const behind = this.lag.take()
    const { state } = this.view
    const changes = this.diverged ? replacement(state.doc.toString(), this.doc.text) : changesOf(behind)
    this.diverged = false
    const may = this.doc.writable
    this.view.dispatch({
      changes,
      effects: may === state.field(this.writable) ? [] : setWritable.of(may),
      annotations: [fromDocument.of(true), Transaction.addToHistory.of(false), redrawn.of(true)],
    })
  }

  private readonly onCompositionEnd = (): void => {
    // CodeMirror reads what was composed a moment after the event.
    setTimeout(this.catchUp, 50)
  }

  private showSelection(): void {
    this.focused ||= this.view.hasFocus
    if (!this.focused || this.options.showSelection === false || !this.doc.epoch) return
    const { anchor, head } = this.view.state.selection.main
    const length = this.doc.text.length
    const placed = (position: number): number => Math.min(this.lag.toDocument(position), length)
    this.doc.presence.select({ anchor: placed(anchor), head: placed(head) })
  }

  private draw(): DecorationSet {
    if (!this.lag.none) return this.decorations // positions are the document's; soon they agree
    const { length } = this.view.state.doc
    const ranges: Range<Decoration>[] = []
    for (const peer of this.doc.presence.peers.values()) {
      if (peer.selection === null) continue
      const look = this.look(peer)
      const anchor = Math.min(peer.selection.anchor, length)
      const head = Math.min(peer.selection.head, length)
      if (anchor !== head) {
        const mark = Decoration.mark({
          class: classes("collab-selection", look),
          ...(look.color !== undefined && { attributes: { style: `--collab-color: ${look.color}` } }),
        })
        ranges.push(mark.range(Math.min(anchor, head), Math.max(anchor, head)))
      }
      const side = head < anchor ? -1 : 1
      ranges.push(Decoration.widget({ widget: new Caret(peer.author, look), side }).range(head))
    }
    return Decoration.set(ranges, true)
  }
}

class Caret extends WidgetType {
  constructor(
    private readonly author: string,
    private readonly look: Look,
  ) {
    super()
  }

  override eq(other: Caret): boolean {
    const { name, color, className } = this.look
    const same = name === other.look.name && color === other.look.color
    return same && className === other.look.className && this.author === other.author
  }

  override toDOM(): HTMLElement {
    const name = document.createElement("span")
    name.className = "collab-name"
    name.textContent = this.look.name
    const caret = document.createElement("span")
    caret.className = classes("collab-caret", this.look)
    caret.setAttribute("aria-hidden", "true")
    if (this.look.color !== undefined) caret.style.setProperty("--collab-color", this.look.color)
    caret.append(name)
    return caret
  }

  override ignoreEvent(): boolean {
    return true
  }
}

function classes(name: string, { className }: Look): string {
  return className === undefined ? name : `${name} ${className}`
}

/** What a transaction did, as an operation. */
export function deltaOf(changes: ChangeSet): Delta {
  const delta = new Delta()
  let at = 0
  changes.iterChanges((from, to, _fromB, _toB, inserted) => {
    delta.retain(from - at)
    delta.insert(inserted.sliceString(0, inserted.length, "\n"))
    delta.delete(to - from)
    at = to
  })
  return delta.chop()
}

/** An operation as changes, all in positions of the text before it. */
export function changesOf(operation: Delta): ChangeSpec[] {
  const changes: { from: number; to: number; insert: string }[] = []
  let at = 0
  for (const op of operation.ops) {
    if (typeof op.insert === "string") changes.push({ from: at, to: at, insert: op.insert })
    else if (op.delete !== undefined) changes.push({ from: at, to: (at += op.delete), insert: "" })
    else at += lengthOfOp(op)
  }
  return changes
}

/** The change that makes one text into the other, without what is equal at both ends. */
function replacement(from: string, to: string): ChangeSpec {
  const most = Math.min(from.length, to.length)
  let start = 0
  while (start < most && from[start] === to[start]) start++
  let end = 0
  while (end < most - start && from[from.length - end - 1] === to[to.length - end - 1]) end++
  return { from: start, to: from.length - end, insert: to.slice(start, to.length - end) }
}

const theme = EditorView.baseTheme({
  ".collab-caret": {
    position: "relative",
    marginLeft: "-1px",
    marginRight: "-1px",
    borderLeft: "2px solid var(--collab-color, currentColor)",
  },
  ".collab-name": {
    position: "absolute",
    bottom: "100%",
    left: "-2px",
    padding: "0 4px",
    borderRadius: "3px 3px 3px 0",
    background: "var(--collab-color, #555)",
    color: "#fff",
    font: "11px/1.5 system-ui, sans-serif",
    whiteSpace: "nowrap",
    pointerEvents: "none",
    zIndex: "1",
  },
  ".collab-selection": {
    backgroundColor: "color-mix(in srgb, var(--collab-color, #888) 25%, transparent)",
  },
})
