// Who else is here, and where their cursors are now.
//
// Owns the map of peers and a bounded memory of commits through which positions are moved. Knows
// nothing of connections. A selection is `{anchor, head}`, in UTF-16 units of the document at the
// version that the presence names.
import { apply, type Delta, isEmpty, isRecord, same } from "./delta.js"
import type { PresenceEntry, SetPresence } from "./messages.js"
import type { Pending } from "./pending.js"

/** How far back positions can be moved; of an older one nobody knows where it is. */
export const REMEMBERED_COMMITS = 512

/** Two positions, the fixed end and the moving end; equal for a cursor. */
export interface Selection {
  readonly anchor: number
  readonly head: number
}

/** The selection within a presence state (its key `selection`), if it has a sound one. */
export function selectionIn(state: unknown): Selection | null {
  if (!isRecord(state) || !isRecord(state["selection"])) return null
  const { anchor, head } = state["selection"]
  return isPosition(anchor) && isPosition(head) ? { anchor, head } : null
}

function isPosition(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
}

/** Where it is after `operation`; text inserted right at a position comes before it. */
export function through(selection: Selection, operation: Delta): Selection {
  const anchor = operation.transformPosition(selection.anchor)
  const head =
    selection.head === selection.anchor ? anchor : operation.transformPosition(selection.head)
  return { anchor, head }
}

/** The newest commits, so that a selection at an earlier version can be moved to this one. */
export class Trail {
  private version = 0
  private operations: Delta[] = []

  add(version: number, operation: Delta): void {
    this.operations.push(operation)
    if (this.operations.length > 2 * REMEMBERED_COMMITS) {
      this.operations = this.operations.slice(-REMEMBERED_COMMITS)
    }
    this.version = version
  }

  /** The state jumped: nothing before `version` can be moved. */
  restart(version: number): void {
    this.operations = []
    this.version = version
  }

  /** `selection` from `version` to the newest; null if that is ahead or too long ago. */
  move(selection: Selection, version: number): Selection | null {
    const behind = this.version - version
    const remembered = Math.min(this.operations.length, REMEMBERED_COMMITS)
    if (behind < 0 || behind > remembered) return null
    const { length } = this.operations
    for (let index = length - behind; index < length; index++) {
      selection = through(selection, this.operations[index]!)
    }
    return selection
  }
}

/** Our own presence and that of the others. */
export class Company {
  peers: ReadonlyMap<string, PresenceEntry> = new Map()
  readonly trail = new Trail()
  private own: { readonly state: unknown; readonly selection: Selection | null } | null = null
  private due = false
  private early = false

  /** What we show, with our selection in what the user sees. */
  get shown(): { readonly state: unknown; readonly selection: Selection | null } | null {
    return this.own
  }

  /** Ours (null: nothing) from now on, and again after every reconnect.
   *
   * `selection` is in units of what the user sees; it becomes the key `selection` of `state`, and
   * moves with the text. */
  present(state: unknown, selection: Selection | null): void {
    this.own = { state, selection }
    this.due = true
  }

  /** What the user sees changed by `operation`: our selection goes with it. */
  moved(operation: Delta): void {
    if (this.own?.selection) this.own = { ...this.own, selection: through(this.own.selection, operation) }
  }

  /** A new connection knows nothing of us yet. */
  arrive(): void {
    this.due = this.own !== null
  }

  /** All that we typed is in the log: a selection within it can be told more exactly than before. */
  settled(): void {
    this.due ||= this.early
  }

  /** Ours if it is due, with positions of the log's state `synced` at `version`. */
  toSend(synced: Delta, pending: Pending, version: number): SetPresence | null {
    if (!this.due || this.own === null) return null
    this.due = false
    let { state, selection } = this.own
    this.early = false
    if (selection !== null && isRecord(state)) {
      this.early = !isEmpty(pending.outstanding) || !isEmpty(pending.buffer)
      const shown = apply(synced, pending.outstanding)
      selection = through(selection, pending.buffer.invert(shown))
      selection = through(selection, pending.outstanding.invert(synced))
      state = { ...state, selection }
    }
    return { type: "presence", state, version }
  }

  /** A peer's selection in what the user sees; null without one, or out of our reach. */
  selectionOf(author: string, pending: Pending): Selection | null {
    const entry = this.peers.get(author)
    const selection = selectionIn(entry?.state)
    if (entry === undefined || selection === null) return null
    const moved = this.trail.move(selection, entry.version)
    if (moved === null) return null
    return through(through(moved, pending.outstanding), pending.buffer)
  }

  /** Take news of peers (with `complete`, of all there are); whether that changed anything. */
  learn(entries: readonly PresenceEntry[], own: string, complete: boolean): boolean {
    const peers = new Map(complete ? [] : this.peers)
    for (const entry of entries) {
      if (entry.state === null || entry.author === own) peers.delete(entry.author)
      else peers.set(entry.author, entry)
    }
    const before = this.peers
    this.peers = peers
    if (peers.size !== before.size) return true
    return [...peers].some(([author, entry]) => !same(entry, before.get(author)))
  }

  /** The connection is lost, and with it all knowledge of the others. */
  leave(): boolean {
    return this.learn([], "", true)
  }
}
