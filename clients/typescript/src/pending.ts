// The edits that are not in the log yet, and how they move when the log does.
//
// Owns the algebra: which operation is rebased over which, and with which priority. Knows nothing of
// messages, versions or connections. The law behind all of it: what the user sees is always the log's
// state, then `outstanding`, then `buffer`. What is committed goes first at a tie.
import { apply, Delta, isEmpty, NOTHING, same } from "./delta.js"
import { diff } from "./diff.js"

/** What is left to be sent, and what the user sees change. */
export interface Moved {
  readonly pending: Pending
  readonly visible: Delta
}

/** `outstanding` (sent, unanswered) over the log's state, then `buffer` (not sent) over that. */
export class Pending {
  constructor(
    readonly outstanding: Delta = NOTHING,
    readonly buffer: Delta = NOTHING,
  ) {}

  /** Both as one operation over the log's state. */
  get whole(): Delta {
    return this.outstanding.compose(this.buffer)
  }

  /** With one more local operation at the end. */
  typed(operation: Delta): Pending {
    return new Pending(this.outstanding, this.buffer.compose(operation))
  }

  /** Over a commit by somebody else, with that commit as the user sees it. */
  rebased(committed: Delta): Moved {
    const [outstanding, aboveOutstanding] = cross(committed, this.outstanding)
    const [buffer, visible] = cross(aboveOutstanding, this.buffer)
    return { pending: new Pending(outstanding, buffer), visible }
  }

  /** After our own edit went into the log over `synced` as `operation`.
   *
   * That is the outstanding operation as we hold it, unless a reset made us write it anew and the
   * first writing was committed after all: then the user sees the difference. */
  committed(synced: Delta, operation: Delta): Moved {
    if (same(operation.ops, this.outstanding.ops)) {
      return { pending: new Pending(NOTHING, this.buffer), visible: NOTHING }
    }
    return this.contained(synced, apply(synced, operation))
  }

  /** After the log's state went from `synced` to `contents`, our outstanding edit within. */
  contained(synced: Delta, contents: Delta): Moved {
    return this.withoutOutstanding(diff(synced.compose(this.outstanding), contents))
  }

  /** Without the outstanding edit, with what that changes for the user. */
  takenBack(synced: Delta): Moved {
    return this.withoutOutstanding(this.outstanding.invert(synced))
  }

  /** After the log's state went from `synced` to `contents` by steps that nobody tells us. */
  replaced(synced: Delta, contents: Delta): Moved {
    return this.rebased(diff(synced, contents))
  }

  private withoutOutstanding(correction: Delta): Moved {
    const [buffer, visible] = cross(correction, this.buffer)
    return { pending: new Pending(NOTHING, buffer), visible }
  }
}

/** Two operations over one state, as mine over the committed one, and the committed one over mine. */
function cross(committed: Delta, mine: Delta): [Delta, Delta] {
  if (isEmpty(mine)) return [mine, committed]
  return [committed.transform(mine, true), mine.transform(committed, false)]
}
