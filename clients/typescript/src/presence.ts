// Who is here and where their cursors are: the user's view of presence. How positions move is in
// `peers.ts`.
import { isRecord, same } from "./delta.js"
import { ClientError, InvalidOperation } from "./errors.js"
import type { Selection } from "./peers.js"
import type { Replica } from "./replica.js"
import { sizeOf } from "./wire.js"

/** Somebody who is here. `selection` is where it belongs in our text now, unsaved edits included; null
 * if they told none, or one that cannot be placed in it. */
export interface Peer {
  readonly author: string
  readonly user: string | null
  readonly state: unknown
  readonly selection: Selection | null
}

/** What we show of ourselves, and what the others show. Nobody is known to be here offline. */
export class Presence {
  constructor(
    private readonly replica: Replica,
    private readonly wake: () => void,
  ) {}

  /** The others, by author. */
  get peers(): ReadonlyMap<string, Peer> {
    const peers = new Map<string, Peer>()
    for (const [author, { user, state }] of this.replica.company.peers) {
      peers.set(author, { author, user, state, selection: this.selectionOf(author) })
    }
    return peers
  }

  /** Show `state`, a JSON object, until told otherwise, after reconnects too.
   *
   * `selection`, a cursor or an anchor and a head in `doc.text`, is sent under the key `selection` and
   * moves with the text. Throws InvalidOperation for a selection outside the document, ClientError
   * `presence_too_large` for more than the server takes. */
  set(state: Readonly<Record<string, unknown>>, selection: number | Selection | null = null): void {
    const copy: unknown = JSON.parse(JSON.stringify(state))
    if (!isRecord(copy)) throw new TypeError("a presence is an object")
    const limit = this.replica.limits?.presence_bytes ?? Number.MAX_SAFE_INTEGER
    if (sizeOf(copy) > limit) throw new ClientError("presence_too_large", `a presence may have ${limit} bytes`)
    this.replica.company.present(copy, this.checked(selection))
    this.wake()
  }

  /** Show the same as before, with this selection; nothing is sent if that is where it is anyway. */
  select(selection: number | Selection | null): void {
    const { company } = this.replica
    const checked = this.checked(selection)
    if (company.shown !== null && same(company.shown.selection, checked)) return
    company.present(company.shown?.state ?? {}, checked)
    this.wake()
  }

  /** Show nothing. */
  clear(): void {
    this.replica.company.present(null, null)
    this.wake()
  }

  private selectionOf(author: string): Selection | null {
    const selection = this.replica.selectionOf(author)
    if (selection === null) return null
    const { anchor, head } = selection // a peer may claim any position
    return Math.max(anchor, head) <= this.replica.local.length() ? selection : null
  }

  private checked(selection: number | Selection | null): Selection | null {
    if (selection === null) return null
    const { anchor, head } = typeof selection === "number" ? { anchor: selection, head: selection } : selection
    const length = this.replica.local.length()
    for (const position of [anchor, head]) {
      if (!Number.isInteger(position) || position < 0 || position > length) {
        throw new InvalidOperation(`${position} is not within a document of ${length}`)
      }
    }
    return { anchor, head }
  }
}
