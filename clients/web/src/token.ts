// The token of this tab: taken from `#token=…` once, then kept in sessionStorage and out of the
// address. What it says of itself is only a hint for what to show; the server decides.

const KEY = "collab.token"

export type Right = "none" | "read" | "write" | "admin"

interface Claims {
  readonly name?: unknown
  readonly docs?: unknown
}

/** Take the token out of the address, if there is one. */
export function adoptTokenFromAddress(): void {
  const parameters = new URLSearchParams(location.hash.slice(1))
  const token = parameters.get("token")
  if (token === null) return
  setToken(token)
  parameters.delete("token")
  const rest = parameters.toString()
  const address = location.pathname + location.search + (rest === "" ? "" : `#${rest}`)
  history.replaceState(history.state, "", address)
}

export function token(): string | null {
  return sessionStorage.getItem(KEY)
}

/** Use another token from now on; an empty one means none. */
export function setToken(token: string): void {
  if (token === "") sessionStorage.removeItem(KEY)
  else sessionStorage.setItem(KEY, token)
}

/** The name that the token says its bearer has. */
export function nameInToken(): string | null {
  const name = claims()?.name
  return typeof name === "string" ? name : null
}

/** What the token says its bearer may do with a document; null if it does not say. */
export function rightInToken(id: string): Right | null {
  const docs = claims()?.docs
  if (typeof docs !== "object" || docs === null) return null
  const order: readonly Right[] = ["none", "read", "write", "admin"]
  let best = 0
  for (const [pattern, right] of Object.entries(docs)) {
    if (matches(pattern, id)) best = Math.max(best, order.indexOf(right as Right))
  }
  return order[best] ?? null
}

function matches(pattern: string, id: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern
}

function claims(): Claims | null {
  const payload = token()?.split(".")[1]
  if (payload === undefined) return null
  try {
    const bytes = Uint8Array.from(
      atob(payload.replaceAll("-", "+").replaceAll("_", "/")),
      (character) => character.charCodeAt(0),
    )
    const found: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return typeof found === "object" ? found : null
  } catch {
    return null
  }
}
