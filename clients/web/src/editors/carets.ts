// The others' carets and selections in CodeMirror, and ours for them.
//
// On the wire as y-codemirror does it: awareness field `cursor` with Yjs relative positions, so
// that people with other editors of the same text see each other. The look is by class alone, since
// a content security policy forbids style attributes.
import { Annotation, type Extension, type Range } from "@codemirror/state"
import {
  Decoration,
  type DecorationSet,
  EditorView,
  ViewPlugin,
  type ViewUpdate,
  WidgetType,
} from "@codemirror/view"
import type { Awareness } from "y-protocols/awareness"
import * as Y from "yjs"
import { personOf, type Person } from "../people"

const moved = Annotation.define<true>()

interface Changes {
  readonly added: number[]
  readonly updated: number[]
  readonly removed: number[]
}

/** Where a peer's selection is in our text. */
interface Span {
  readonly anchor: number
  readonly head: number
}

export function carets(text: Y.Text, awareness: Awareness): Extension {
  return ViewPlugin.define((view) => new Carets(view, text, awareness), {
    decorations: (plugin) => plugin.decorations,
  })
}

/** Where the caret of a client is; null if they have none, or one that we cannot place (yet). */
export function caretOf(client: number, text: Y.Text, awareness: Awareness): number | null {
  return spanOf(awareness.getStates().get(client)?.["cursor"], text)?.head ?? null
}

class Carets {
  decorations: DecorationSet = Decoration.none
  /** A caret stands on text that has not come yet: look again with the next change. */
  private unplaced = false
  private scheduled = 0
  private sent = ""
  private focusedOnce = false
  /** Counts each peer's moves: a caret that moved shows its name for a moment. */
  private readonly moves = new Map<number, number>()

  constructor(
    private readonly view: EditorView,
    private readonly text: Y.Text,
    private readonly awareness: Awareness,
  ) {
    awareness.on("change", this.onAwareness)
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
    this.awareness.off("change", this.onAwareness)
    cancelAnimationFrame(this.scheduled)
  }

  private readonly onAwareness = ({ added, updated, removed }: Changes): void => {
    const others = [...added, ...updated].filter((client) => client !== this.awareness.clientID)
    for (const client of others) this.moves.set(client, (this.moves.get(client) ?? 0) + 1)
    for (const client of removed) this.moves.delete(client)
    if (others.length + removed.length === 0 || this.scheduled !== 0) return
    // However many people move, once a frame.
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0
      this.view.dispatch({ annotations: moved.of(true) })
    })
  }

  /** Tell the others where we are: from the first time on that this editor has the focus. */
  private publish(): void {
    this.focusedOnce ||= this.view.hasFocus
    if (!this.focusedOnce) return
    const { anchor, head } = this.view.state.selection.main
    const cursor = {
      anchor: Y.createRelativePositionFromTypeIndex(this.text, anchor),
      head: Y.createRelativePositionFromTypeIndex(this.text, head),
    }
    const key = JSON.stringify(cursor)
    if (key === this.sent) return
    this.sent = key
    this.awareness.setLocalStateField("cursor", cursor)
  }

  private draw(length: number): DecorationSet {
    const ranges: Range<Decoration>[] = []
    this.unplaced = false
    for (const [client, state] of this.awareness.getStates()) {
      if (client === this.awareness.clientID || !state["cursor"]) continue
      const span = spanOf(state["cursor"], this.text)
      if (span === null || Math.max(span.anchor, span.head) > length) {
        this.unplaced = true
        continue
      }
      const person = personOf(client, state["user"])
      const from = Math.min(span.anchor, span.head)
      const to = Math.max(span.anchor, span.head)
      if (from < to) {
        ranges.push(Decoration.mark({ class: `peer-selection hue-${person.hue}` }).range(from, to))
      }
      const widget = new CaretWidget(client, person, this.moves.get(client) ?? 0)
      ranges.push(Decoration.widget({ widget, side: span.head < span.anchor ? -1 : 1 }).range(span.head))
    }
    return Decoration.set(ranges, true)
  }
}

class CaretWidget extends WidgetType {
  constructor(
    readonly client: number,
    readonly person: Person,
    readonly move: number,
  ) {
    super()
  }

  override eq(other: CaretWidget): boolean {
    return (
      this.client === other.client &&
      this.move === other.move &&
      this.person.name === other.person.name &&
      this.person.hue === other.person.hue
    )
  }

  override toDOM(): HTMLElement {
    const name = document.createElement("span")
    name.className = "peer-name"
    name.textContent = this.person.name
    const caret = document.createElement("span")
    caret.className = `peer-caret hue-${this.person.hue}`
    caret.setAttribute("aria-hidden", "true")
    caret.append(name)
    return caret
  }

  override ignoreEvent(): boolean {
    return true
  }
}

/** Positions out of what a peer published, which may be anything. */
function spanOf(cursor: unknown, text: Y.Text): Span | null {
  if (typeof cursor !== "object" || cursor === null) return null
  const { anchor, head } = cursor as { anchor?: unknown; head?: unknown }
  const from = indexOf(anchor, text)
  const to = indexOf(head, text)
  return from === null || to === null ? null : { anchor: from, head: to }
}

function indexOf(published: unknown, text: Y.Text): number | null {
  if (typeof published !== "object" || published === null || text.doc === null) return null
  try {
    const relative = Y.createRelativePositionFromJSON(published)
    const place = Y.createAbsolutePositionFromRelativePosition(relative, text.doc)
    return place !== null && place.type === text ? place.index : null
  } catch {
    return null // not a relative position
  }
}
