// Carets in a Yjs text, on the wire as y-codemirror does it: the awareness field `cursor` with relative
// positions, so that people with other editors of the same text see each other.
import type { Awareness } from "y-protocols/awareness"
import * as Y from "yjs"
import { personOf } from "../people"
import type { CaretSource, PeerSpan } from "./carets"

interface Changes {
  readonly added: number[]
  readonly updated: number[]
  readonly removed: number[]
}

export function yjsCarets(text: Y.Text, awareness: Awareness): CaretSource {
  let sent = ""
  return {
    *all() {
      for (const [client, state] of awareness.getStates()) {
        if (client === awareness.clientID || !state["cursor"]) continue
        yield { id: client, person: personOf(client, state["user"]), span: spanOf(state["cursor"], text) }
      }
    },
    follow(changed) {
      const hear = ({ added, updated, removed }: Changes) => {
        changed([...added, ...updated].filter((client) => client !== awareness.clientID), removed)
      }
      awareness.on("change", hear)
      return () => awareness.off("change", hear)
    },
    publish(anchor, head) {
      const cursor = {
        anchor: Y.createRelativePositionFromTypeIndex(text, anchor),
        head: Y.createRelativePositionFromTypeIndex(text, head),
      }
      const key = JSON.stringify(cursor)
      if (key === sent) return
      sent = key
      awareness.setLocalStateField("cursor", cursor)
    },
  }
}

/** Where the caret of a client is; null if they have none, or one that we cannot place (yet). */
export function caretOf(client: number, text: Y.Text, awareness: Awareness): number | null {
  return spanOf(awareness.getStates().get(client)?.["cursor"], text)?.head ?? null
}

/** Positions out of what a peer published, which may be anything. */
function spanOf(cursor: unknown, text: Y.Text): PeerSpan["span"] {
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
