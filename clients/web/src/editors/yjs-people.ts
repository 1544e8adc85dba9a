// Awareness, as all Yjs editors have it, to the desk and back.
import type { Awareness } from "y-protocols/awareness"
import { type Person, personOf, published } from "../people"
import type { Other } from "./desk"

/** Everybody else who shows who they are. */
export function othersIn(awareness: Awareness): Other<number>[] {
  const others: Other<number>[] = []
  for (const [client, state] of awareness.getStates()) {
    if (client === awareness.clientID || !state["user"]) continue
    const placed = Boolean(state["cursor"])
    others.push({ ...personOf(client, state["user"]), id: client, placed, first: client < awareness.clientID })
  }
  return others
}

export function introduceIn(awareness: Awareness, person: Person): void {
  awareness.setLocalStateField("user", published(person))
}
