// The conversations that every client's core replays (tests/vectors/recording.py says what they are).
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parse } from "../src/delta.js"
import type { ReplicaEvent } from "../src/events.js"
import { decode } from "../src/messages.js"
import { Replica } from "../src/replica.js"

type Json = Record<string, unknown>

interface Step {
  readonly open?: Json
  readonly edit?: unknown
  readonly receive?: Json
  readonly lose?: Json
  readonly present?: { state: unknown; selection: { anchor: number; head: number } | null }
  readonly sends: unknown[]
  readonly events: Json[]
  readonly local?: unknown[]
  readonly version: number
  readonly settled: boolean
  readonly live: boolean
  readonly stuck: boolean
  readonly selections?: Json
}

interface Case {
  readonly name: string
  readonly client: string
  readonly steps: Step[]
}

const FILE = new URL("../../../tests/vectors/client.json", import.meta.url)
const cases = JSON.parse(readFileSync(FILE, "utf8")) as Case[]

function act(replica: Replica, step: Step): { events: readonly ReplicaEvent[]; sends: unknown[] } {
  if (step.open) return { events: [], sends: [replica.connectionOpened()] }
  if (step.lose) return { events: replica.connectionLost(), sends: [] }
  let events: readonly ReplicaEvent[] = []
  if (step.edit) replica.edit(parse(step.edit))
  if (step.present) replica.company.present(step.present.state, step.present.selection)
  if (step.receive) {
    const message = decode(JSON.stringify(step.receive))
    if (message === null) throw new Error("a message of no known type")
    events = replica.receive(message)
  }
  const { edit, presence } = replica.toSend()
  const frames = [edit?.frame, presence].filter((frame) => typeof frame === "string")
  return { events, sends: frames.map((frame): unknown => JSON.parse(frame)) }
}

/** As the vectors have it: plain values; the words of a reconnect are each client's own. */
function told(event: ReplicaEvent): unknown {
  if (event.type === "reconnect") return { type: "reconnect", retryAfter: event.retryAfter }
  if ("operation" in event) return { ...event, operation: event.operation.ops }
  return event
}

describe("vectors", () => {
  it.each(cases.map((each) => [each.name, each] as const))("%s", (_name, { client, steps }) => {
    const replica = new Replica(client)
    let shown: unknown[] = []
    steps.forEach((step, index) => {
      const { events, sends } = act(replica, step)
      const where = `step ${index}`
      shown = step.local ?? shown
      expect(events.map(told), where).toEqual(step.events)
      expect(sends, where).toEqual(step.sends)
      expect(replica.local.ops, where).toEqual(shown)
      const { version, settled, live, stuck } = replica
      expect({ version, settled, live, stuck }, where).toEqual({
        version: step.version,
        settled: step.settled,
        live: step.live,
        stuck: step.stuck,
      })
      for (const [author, selection] of Object.entries(step.selections ?? {})) {
        expect(replica.selectionOf(author), where).toEqual(selection)
      }
      expect(replica.company.peers.size, where).toBe(Object.keys(step.selections ?? {}).length)
    })
  })
})
