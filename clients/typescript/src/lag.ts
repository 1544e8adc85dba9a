// How far an editor is behind its document: what has changed there and is not shown yet, because
// somebody is composing a character here (IME), or the editor is in the middle of an update.
import { type Delta, isEmpty, NOTHING } from "./delta.js"

export class Lag {
  private behind: Delta = NOTHING

  /** Whether the editor shows what the document has. */
  get none(): boolean {
    return isEmpty(this.behind)
  }

  /** The document changed, and the editor does not show it yet. */
  add(operation: Delta): void {
    this.behind = this.behind.compose(operation)
  }

  /** An operation of the editor's, made on what it shows, as one on the document. */
  typed(operation: Delta): Delta {
    if (this.none) return operation
    const moved = this.behind.transform(operation, true)
    this.behind = operation.transform(this.behind, false)
    return moved
  }

  /** What the editor is to show now. */
  take(): Delta {
    const { behind } = this
    this.behind = NOTHING
    return behind
  }

  /** A position in the editor as one in the document. */
  toDocument(position: number): number {
    return this.behind.transformPosition(position)
  }
}
