// The token of this tab: taken from `#token=…` once, then kept in sessionStorage and out of the
// address. What it says of itself is only a hint for what to show; the server decides.

const KEY = "collab.token"
/** What a header and the name of a subprotocol can both carry. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

const RIGHTS = ["none", "read", "write", "admin"] as const
export type Right = (typeof RIGHTS)[number]

interface Claims {
  readonly sub?: unknown
  readonly name?: unknown
  readonly docs?: unknown
}

/** Take the token out of the address; whether there was one. What cannot be a token counts as none,
 * so that a broken link does not go on with the token of an earlier one. */
export function adoptTokenFromAddress(): boolean {
  const parameters = new URLSearchParams(location.hash.slice(1))
  const found = parameters.get("token")
  if (found === null) return false
  parameters.delete("token")
  const rest = parameters.toString()
  const address = location.pathname + location.search + (rest === "" ? "" : `#${rest}`)
  history.replaceState(history.state, "", address)
  const given = tokenIn(found)
  if (given === null) forgetToken()
  else setToken(given)
  return true
}

/** The token in a text that somebody pasted: without line breaks, spaces and the word Bearer. Null
 * if it cannot be one. */
export function tokenIn(text: string): string | null {
  const bare = text.trim().replace(/^Bearer\s+/i, "").replaceAll(/\s+/g, "")
  return TOKEN.test(bare) ? bare : null
}

export function token(): string | null {
  return sessionStorage.getItem(KEY)
}

/** Use another token from now on. */
export function setToken(token: string): void {
  sessionStorage.setItem(KEY, token)
}

/** Use none from now on. */
export function forgetToken(): void {
  sessionStorage.removeItem(KEY)
}

/** The name that the token says its bearer has. */
export function nameInToken(): string | null {
  const name = claims()?.name
  return typeof name === "string" ? name : null
}

/** The user that the token says its bearer is. */
export function userInToken(): string | null {
  const user = claims()?.sub
  return typeof user === "string" ? user : null
}

/** Whom the token is for, as people call them. */
export function bearerInToken(): string | null {
  return nameInToken() ?? userInToken()
}

/** What the token says its bearer may do with a document; null if it does not say. As on the
 * server: "none" counts before everything else, then the highest right. */
export function rightInToken(id: string): Right | null {
  const docs = claims()?.docs
  if (typeof docs !== "object" || docs === null) return null
  const said = Object.entries(docs)
    .filter(([pattern]) => matches(pattern, id))
    .map(([, right]) => RIGHTS.indexOf(right as Right))
  if (said.length === 0) return null
  return RIGHTS[said.includes(0) ? 0 : Math.max(...said)] ?? null
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
