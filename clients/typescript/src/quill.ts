// Binds Quill 2 to a `richtext` document: edits both ways, the others' carets, read-only, undo of one's
// own edits only.
//
//     const binding = bindQuill(quill, doc)
//     binding.destroy()
//
// A Quill document always ends in a line break, a document of the server need not. Where that has none at
// its end, Quill shows one more than there is: the `margin`. It is written down only when somebody writes
// behind it or gives it a format, so that opening an empty document changes nothing.
import type Quill from "quill"
import { apply, checkFits, Delta, lengthOfOp } from "./delta.js"
import type { CollabDocument } from "./document.js"
import type { Stop } from "./emitter.js"
import { InvalidOperation } from "./errors.js"
import { Lag } from "./lag.js"
import type { Change } from "./news.js"
import { Carets, type CaretsOptions } from "./quill_carets.js"

export interface QuillOptions extends CaretsOptions {
  /** Whether to show the others one's own selection (true). */
  readonly showSelection?: boolean
}

export interface QuillBinding {
  /** Let go of the editor, which keeps what it shows. */
  destroy(): void
}

/** Show `doc` in `quill` and keep the two alike, from now until `destroy`. */
export function bindQuill(quill: Quill, doc: CollabDocument, options: QuillOptions = {}): QuillBinding {
  return new Binding(quill, doc, options)
}

class Binding implements QuillBinding {
  private readonly lag = new Lag()
  private readonly carets: Carets
  private readonly stops: Stop[]
  private applying = false
  private waiting = false

  constructor(
    private readonly quill: Quill,
    private readonly doc: CollabDocument,
    private readonly options: QuillOptions,
  ) {
    this.carets = new Carets(quill, doc, options)
    keepToOwnEdits(quill)
    this.showAll()
    forget(quill)
    this.stops = [
      doc.on("change", (change) => this.onChange(change)),
      doc.on("presence", () => this.carets.draw()),
      doc.on("state", () => this.onState()),
    ]
    quill.on("text-change", this.onTextChange)
    quill.on("selection-change", this.onSelectionChange)
    this.onState()
  }

  destroy(): void {
    for (const stop of this.stops) stop()
    this.quill.off("text-change", this.onTextChange)
    this.quill.off("selection-change", this.onSelectionChange)
    this.quill.root.removeEventListener("compositionend", this.onCompositionEnd)
    this.carets.destroy()
  }

  // From the editor --------------------------------------------------------------------------------

  private readonly onTextChange = (delta: { ops: unknown }): void => {
    if (this.applying) return
    const typed = this.lag.typed(new Delta(delta.ops as Delta["ops"]))
    try {
      this.doc.edit(overMargin(this.doc.contents, typed), this)
    } catch {
      this.showAll() // the document did not take it: show what that has
      return
    }
    this.carets.draw()
    this.showSelection()
  }

  private readonly onSelectionChange = (): void => this.showSelection()

  private showSelection(): void {
    if (this.options.showSelection === false || !this.doc.epoch || !this.quill.hasFocus()) return
    const range = this.quill.getSelection()
    if (range === null) return
    const length = this.doc.contents.length()
    const placed = (position: number): number => Math.min(this.lag.toDocument(position), length)
    this.doc.presence.select({ anchor: placed(range.index), head: placed(range.index + range.length) })
  }

  // From the document ------------------------------------------------------------------------------

  private onChange(change: Change): void {
    if (change.local && change.origin === this) return
    if (this.composing || !this.lag.none) {
      this.lag.add(change.operation)
      this.wait()
      return
    }
    this.show(change.operation)
  }

  private get composing(): boolean {
    return this.quill.composition?.isComposing ?? false
  }

  /** While a character is composed the editor keeps its hands off the text. */
  private wait(): void {
    if (this.waiting) return
    this.waiting = true
    this.quill.root.addEventListener("compositionend", this.onCompositionEnd, { once: true })
  }

  private readonly onCompositionEnd = (): void => {
    // Quill takes what was composed when the event has been heard by all.
    setTimeout(() => {
      this.waiting = false
      if (this.composing) return this.wait()
      this.show(this.lag.take())
    })
  }

  private show(operation: Delta): void {
    // What the editor shows is the document before, with its margin.
    const shown = new Delta(this.quill.getContents().ops)
    const wanted = withMargin(this.doc.contents)
    this.apply(() => {
      const before = wanted.length() === shown.length() + growth(operation) ? operation : null
      this.quill.updateContents((before ?? margined(operation, shown, wanted)) as never, "api")
    })
    if (this.quill.getLength() !== wanted.length()) this.showAll()
    this.carets.draw()
  }

  private showAll(): void {
    this.lag.take()
    this.apply(() => this.quill.setContents(withMargin(this.doc.contents) as never, "api"))
    this.carets.draw()
  }

  private apply(change: () => void): void {
    this.applying = true
    try {
      change()
    } finally {
      this.applying = false
    }
  }

  private onState(): void {
    const may = this.doc.writable
    if (this.quill.isEnabled() !== may) this.quill.enable(may)
  }
}

// The margin ---------------------------------------------------------------------------------------

function hasMargin(document: Delta): boolean {
  const last = document.ops[document.ops.length - 1]
  return typeof last?.insert !== "string" || !last.insert.endsWith("\n")
}

/** What Quill shows of a document. */
export function withMargin(document: Delta): Delta {
  return hasMargin(document) ? document.concat(new Delta().insert("\n")) : document
}

/** An operation on what Quill shows, as one on the document: with the margin written down, if that is
 * part of it from now on. */
export function overMargin(document: Delta, operation: Delta): Delta {
  if (!hasMargin(document)) return operation
  try {
    checkFits(document, operation)
    if (hasMargin(apply(document, operation))) return operation
  } catch (error) {
    if (!(error instanceof InvalidOperation)) throw error
  }
  return new Delta().retain(document.length()).insert("\n").compose(operation)
}

/** An operation by which the document's margin came or went, as one on what Quill shows. */
function margined(operation: Delta, shown: Delta, wanted: Delta): Delta {
  const length = shown.length() + growth(operation)
  if (length > wanted.length()) return operation.compose(new Delta().retain(wanted.length()).delete(1))
  return operation.compose(new Delta().retain(length).insert("\n"))
}

function growth(operation: Delta): number {
  return operation.ops.reduce((sum, op) => {
    if (op.insert !== undefined) return sum + lengthOfOp(op)
    return sum - (op.delete ?? 0)
  }, 0)
}

// Undo ---------------------------------------------------------------------------------------------

interface History {
  options: { userOnly: boolean }
  clear(): void
}

function historyOf(quill: Quill): History | null {
  return (quill.getModule("history") as History | undefined) ?? null
}

/** Quill's history moves its steps over what comes from elsewhere, if told to keep only the user's. */
function keepToOwnEdits(quill: Quill): void {
  const history = historyOf(quill)
  if (history !== null) history.options.userOnly = true
}

/** What was in the editor before it showed the document is no step to go back to. */
function forget(quill: Quill): void {
  historyOf(quill)?.clear()
}
