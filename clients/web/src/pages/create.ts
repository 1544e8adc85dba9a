// The sheet that makes a document: what it is called, and which kind it is.
import { addressOf, createDocument, Problem } from "../api"
import { h } from "../dom"
import { icon } from "../icons"
import { type Kind, kindNamed, KINDS } from "../kinds"
import { go } from "../router"
import { openSheet } from "../sheet"
import { openSignIn } from "../signing"
import { wordsOfProblem } from "../words"

const MAX_ID_LENGTH = 200
/** The kind that was made last in this browser comes first to mind again. */
const KIND_KEY = "collab.kind"

export function openCreate(): void {
  const name = h("input", {
    id: "new-name",
    class: "field",
    name: "name",
    autocomplete: "off",
    maxlength: MAX_ID_LENGTH,
    autofocus: true,
    "aria-describedby": "new-answer",
  })
  const answer = h("p", { id: "new-answer", class: "answer", role: "status" })
  const button = h("button", { class: "button primary" }, "Create")
  const kept = kindNamed(localStorage.getItem(KIND_KEY)) ?? KINDS[0]
  const form = h(
    "form",
    { class: "new", novalidate: true },
    h("label", { class: "label", for: "new-name" }, "Name"),
    name,
    answer,
    h("fieldset", {}, h("legend", { class: "label" }, "Kind"), ...KINDS.map((kind) => option(kind, kind === kept))),
    h("div", { class: "row" }, button),
  )
  const sheet = openSheet("New document", "new", [form])

  const complain = (...words: (string | Node)[]) => {
    answer.dataset["state"] = "refused"
    answer.replaceChildren(...words)
    name.focus()
  }
  const make = async (id: string, kind: Kind, title: string) => {
    button.disabled = true
    try {
      await createDocument(id, kind, title)
      localStorage.setItem(KIND_KEY, kind.name)
      sheet.close()
      go(addressOf(id))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.code === "document_exists") {
        complain(`“${id}” is there already. `, h("a", { href: addressOf(id) }, "Open it"))
      } else if (error.status === 401) {
        sheet.close()
        openSignIn(wordsOfProblem(error), () => void make(id, kind, title))
      } else {
        const words = wordsOfProblem(error)
        complain(`${words.title}. ${words.advice}`)
      }
    } finally {
      button.disabled = false
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (button.disabled) return
    const title = name.value.trim()
    const id = idFor(title)
    const kind = kindNamed(String(new FormData(form).get("kind")))
    if (title === "") complain("Give it a name first.")
    else if (id === "") complain("Please use at least one letter from a to z, or a digit.")
    else if (kind !== null) void make(id, kind, title)
  })
  name.addEventListener("input", () => {
    delete answer.dataset["state"]
    const id = idFor(name.value.trim())
    const differs = id !== "" && id !== name.value.trim()
    answer.replaceChildren(...(differs ? ["Its address will be ", h("code", {}, addressOf(id))] : []))
  })
}

function option(kind: Kind, checked: boolean): HTMLElement {
  return h(
    "label",
    { class: "option" },
    h("input", { type: "radio", name: "kind", value: kind.name, checked }),
    h("span", { class: "kind" }, icon(kind.icon)),
    h("strong", {}, kind.label),
    h("small", {}, kind.about),
  )
}

/** The id that a title becomes: what may not be in one turns into hyphens. */
function idFor(title: string): string {
  return title
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^A-Za-z0-9._:~@-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .replace(/-+$/, "")
    .slice(0, MAX_ID_LENGTH)
}
