// The sheet that makes a link: who has it may read, or write too, until a time that is said. A server
// without keys knows no tokens; there the address is all.
import { addressOf, makeToken, Problem } from "../api"
import { h, toast } from "../dom"
import { icon } from "../icons"
import { openSheet } from "../sheet"
import { exactly } from "../times"
import { token } from "../token"
import { wordsOfProblem } from "../words"

const ROLES = [
  ["read", "Can read"],
  ["write", "Can write"],
] as const
const TIMES = [
  ["3600", "1 hour"],
  ["28800", "8 hours"],
  ["86400", "1 day"],
] as const
type Role = (typeof ROLES)[number][0]
const GRANTED: Readonly<Record<Role, string>> = {
  read: "Whoever has this link can read this document",
  write: "Whoever has this link can read and change this document",
}

export function openShare(id: string, title: string): void {
  const bare = location.origin + addressOf(id)
  const body = token() === null ? openToAll(bare) : withToken(id, bare)
  openSheet(`Share “${title}”`, "share", [body])
}

/** Development mode: there are no tokens. */
function openToAll(address: string): HTMLElement {
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "muted" }, "This server asks nobody who they are: whoever reaches it can open the link and write."),
    linkField(address),
  )
}

function withToken(id: string, bare: string): HTMLElement {
  const result = h("div", { class: "stack", "aria-live": "polite" })
  const button = h("button", { class: "button primary" }, "Make a link")
  const form = h(
    "form",
    { class: "stack" },
    choices("role", "What it allows", ROLES),
    choices("seconds", "For how long", TIMES),
    h("div", { class: "row end" }, button),
  )
  const make = async (role: Role, seconds: number) => {
    button.disabled = true
    try {
      const made = await makeToken(id, role, seconds)
      result.replaceChildren(
        h("p", { class: "granted" }, `${GRANTED[role]} until ${exactly(made.expires)}.`),
        linkField(`${bare}#token=${made.token}`),
      )
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      const words = wordsOfProblem(error)
      const advice = error.status === 403 ? "The link below is for people who have a token of their own." : words.advice
      result.replaceChildren(h("p", { class: "error", role: "alert" }, `${words.title}. ${advice}`), linkField(bare))
    } finally {
      button.disabled = false
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (button.disabled) return
    const chosen = new FormData(form)
    void make(chosen.get("role") as Role, Number(chosen.get("seconds")))
  })
  return h("div", { class: "stack" }, form, result)
}

function choices(name: string, legend: string, options: readonly (readonly [string, string])[]): HTMLElement {
  const labels = options.map(([value, label], index) =>
    h("label", {}, h("input", { type: "radio", name, value, checked: index === 0 }), h("span", {}, label)),
  )
  return h("fieldset", {}, h("legend", { class: "label" }, legend), h("div", { class: "choices" }, ...labels))
}

function linkField(address: string): HTMLElement {
  const input = h("input", { class: "field link-field", readonly: true, value: address, "aria-label": "Link" })
  const copy = h("button", { type: "button", class: "button" }, icon("link"), "Copy")
  input.addEventListener("focus", () => input.select())
  copy.addEventListener("click", () => {
    navigator.clipboard.writeText(address).then(
      () => toast("Link copied."),
      () => input.select(), // no clipboard without https, or not allowed
    )
  })
  return h("div", { class: "copy-row" }, input, copy)
}
