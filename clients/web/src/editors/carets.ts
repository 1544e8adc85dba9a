// The others' carets and selections in CodeMirror, and where ours is told. Where they are, a protocol
// says; the look is by class alone, since a content security policy forbids style attributes.
import { Annotation, type Extension, type Range } from "@codemirror/state"
import {
  Decoration,
  type DecorationSet,
  EditorView,
  ViewPlugin,
  type ViewUpdate,
  WidgetType,
} from "@codemirror/view"
import type { Person } from "../people"
import { peerCaret, peerSelection } from "./peer-caret"

const moved = Annotation.define<true>()

export type PeerId = number | string

/** Where somebody's selection is in our text; `span` is null if that cannot be placed (yet). */
export interface PeerSpan {
  readonly id: PeerId
  readonly person: Person
  readonly span: { readonly anchor: number; readonly head: number } | null
}

/** A protocol's side of it. */
export interface CaretSource {
  /** Everybody else who has shown a caret. */
  all(): Iterable<PeerSpan>
  /** Call `changed` with those who moved, and those who are gone. */
  follow(changed: (moved: readonly PeerId[], gone: readonly PeerId[]) => void): () => void
  /** Tell the others where we are. */
  publish(anchor: number, head: number): void
}

export function carets(source: CaretSource): Extension {
  return ViewPlugin.define((view) => new Carets(view, source), {
    decorations: (plugin) => plugin.decorations,
  })
}

class Carets {
  decorations: DecorationSet = Decoration.none
  /** A caret stands on text that has not come yet: look again with the next change. */
  private unplaced = false
  private scheduled = 0
  private focusedOnce = false
  private readonly stop: () => void
  /** Counts each peer's moves: a caret that moved shows its name for a moment. */
  private readonly moves = new Map<PeerId, number>()

  constructor(
    private readonly view: EditorView,
    private readonly source: CaretSource,
  ) {
    this.stop = source.follow((moved, gone) => this.hear(moved, gone))
    this.decorations = this.draw(view.state.doc.length)
  }

  update(update: ViewUpdate): void {
    if (update.docChanged) this.decorations = this.decorations.map(update.changes)
    const redraw = update.transactions.some((each) => each.annotation(moved) === true)
    if (redraw || (update.docChanged && this.unplaced)) {
      this.decorations = this.draw(update.state.doc.length)
    }
    if (update.docChanged || update.selectionSet || update.focusChanged) this.publish()
  }

  destroy(): void {
    this.stop()
    cancelAnimationFrame(this.scheduled)
  }

  private hear(movedPeers: readonly PeerId[], gone: readonly PeerId[]): void {
    for (const id of movedPeers) this.moves.set(id, (this.moves.get(id) ?? 0) + 1)
    for (const id of gone) this.moves.delete(id)
    if (movedPeers.length + gone.length === 0 || this.scheduled !== 0) return
    // However many people move, once a frame.
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0
      this.view.dispatch({ annotations: moved.of(true) })
    })
  }

  /** From the first time on that this editor has the focus. */
  private publish(): void {
    this.focusedOnce ||= this.view.hasFocus
    if (!this.focusedOnce) return
    const { anchor, head } = this.view.state.selection.main
    this.source.publish(anchor, head)
  }

  private draw(length: number): DecorationSet {
    const ranges: Range<Decoration>[] = []
    this.unplaced = false
    for (const { id, person, span } of this.source.all()) {
      if (span === null || Math.max(span.anchor, span.head) > length) {
        this.unplaced = true
        continue
      }
      const from = Math.min(span.anchor, span.head)
      const to = Math.max(span.anchor, span.head)
      if (from < to) ranges.push(Decoration.mark({ class: peerSelection(person) }).range(from, to))
      const widget = new CaretWidget(id, person, this.moves.get(id) ?? 0)
      ranges.push(Decoration.widget({ widget, side: span.head < span.anchor ? -1 : 1 }).range(span.head))
    }
    return Decoration.set(ranges, true)
  }
}

class CaretWidget extends WidgetType {
  constructor(
    readonly id: PeerId,
    readonly person: Person,
    readonly move: number,
  ) {
    super()
  }

  override eq(other: CaretWidget): boolean {
    return (
      this.id === other.id &&
      this.move === other.move &&
      this.person.name === other.person.name &&
      this.person.hue === other.person.hue
    )
  }

  override toDOM(): HTMLElement {
    return peerCaret(this.person)
  }

  override ignoreEvent(): boolean {
    return true
  }
}
