// How a peer is shown in an editor: a name, and a colour or a class.
import { isRecord } from "./delta.js"
import type { Peer } from "./presence.js"

export interface Look {
  readonly name: string
  /** Any CSS colour; it becomes the property `--collab-color` of what shows the peer. */
  readonly color?: string
  /** Further classes, for pages whose content security policy or design wants no colours here. */
  readonly className?: string
}

const COLORS = ["#c2410c", "#0f766e", "#6d28d9", "#be123c", "#1d4ed8", "#4d7c0f", "#a21caf", "#b45309"]
const COLOR = /^(#[0-9a-f]{3,8}|[a-z]{3,20}|(rgb|hsl|oklch)a?\([0-9a-z.,%/ ]{1,60}\))$/i
const MAX_NAME = 60

/** What a peer says of itself, as far as one can believe it: `name` and `color` of its state. */
export function lookOf({ author, user, state }: Peer): Look {
  const told = isRecord(state) ? state : {}
  const name = typeof told["name"] === "string" ? told["name"].trim() : ""
  const color = typeof told["color"] === "string" && COLOR.test(told["color"]) ? told["color"] : null
  const own = COLORS[parseInt(author.slice(0, 4), 16) % COLORS.length] ?? COLORS[0]!
  return { name: (name || user || "Anonymous").slice(0, MAX_NAME), color: color ?? own }
}
