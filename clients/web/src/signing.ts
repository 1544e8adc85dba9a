// Where somebody without a token that holds can paste one.
import { h } from "./dom"
import { setToken } from "./token"

/** The field for a token; `done` is called when there is one. */
export function tokenForm(done: () => void): HTMLElement {
  const input = h("input", {
    class: "field",
    type: "password",
    name: "token",
    autocomplete: "off",
    required: true,
    "aria-label": "Token",
    placeholder: "Paste a token",
  })
  const form = h("form", { class: "row" }, input, h("button", { class: "button" }, "Sign in"))
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    setToken(input.value.trim())
    done()
  })
  return form
}
