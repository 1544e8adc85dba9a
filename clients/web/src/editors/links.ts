// The sheet that asks where a link leads.
import { h } from "../dom"
import { openSheet } from "../sheet"

const SAFE = /^(https?:|mailto:|tel:|ftp:|\/|#)/i

/** Ask for an address; `done` is called with it, or with null to have no link. */
export function askForLink(current: string | null, done: (address: string | null) => void): void {
  const input = h("input", {
    id: "link-address",
    class: "field",
    type: "text",
    inputmode: "url",
    autocomplete: "off",
    spellcheck: "false",
    autofocus: true,
    value: current ?? "",
    "aria-describedby": "link-error",
  })
  const error = h("p", { id: "link-error", class: "error", role: "alert" })
  const remove = h("button", { type: "button", class: "button", hidden: current === null }, "No link")
  const form = h(
    "form",
    { class: "stack", novalidate: true },
    h("label", { class: "label", for: "link-address" }, "Address"),
    input,
    error,
    h("div", { class: "row end" }, remove, h("button", { class: "button primary" }, "Set link")),
  )
  const sheet = openSheet("Link", "link", [form])
  const finish = (address: string | null) => {
    sheet.close()
    done(address)
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const address = addressIn(input.value.trim())
    if (address === null) error.textContent = "A link leads to http, https, mailto, tel or ftp."
    else finish(address)
  })
  remove.addEventListener("click", () => finish(null))
}

/** What somebody meant by what they typed; null if it leads nowhere that is safe. */
export function addressIn(typed: string): string | null {
  if (typed === "") return null
  if (SAFE.test(typed)) return typed
  if (/^[\w-]+:(?!\d)/.test(typed)) return null
  return typed.includes("@") && !typed.includes("/") ? `mailto:${typed}` : `https://${typed}`
}
