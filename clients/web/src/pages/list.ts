// All documents: find one, make one.
import { addressOf, createDocument, type DocumentRow, listDocuments, Problem, titleOf } from "../api"
import { h, icon, ICONS } from "../dom"
import { go, show } from "../router"
import type { View } from "../view"
import { account, openSignIn } from "../signing"
import { wordsOfProblem } from "../words"
import { refusal, sign } from "./parts"
import "../styles/list.css"

const PAGE_LENGTH = 50
const SEARCH_MILLISECONDS = 150
const RETRY_MILLISECONDS = 3000
const MAX_ID_LENGTH = 200
const TYPES: readonly (readonly [string, string])[] = [
  ["", "All types"],
  ["yjs", "yjs"],
  ["text", "text"],
  ["richtext", "richtext"],
]

export function listPage(): View {
  const rows = h("ul", { class: "documents" })
  const below = h("div", { class: "below" })
  const search = h("input", {
    class: "field",
    type: "search",
    placeholder: "Find a document",
    "aria-label": "Find by the beginning of its name",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: MAX_ID_LENGTH,
  })
  const type = h("select", { class: "field", "aria-label": "Type" })
  type.append(...TYPES.map(([value, label]) => h("option", { value }, label)))
  // What one can do here, once one is signed in where that is needed.
  const work = h(
    "div",
    {},
    h("p", { class: "lead" }, "Make a document, open it in a second window or send its link, and type in both."),
    newDocumentForm(),
    h("div", { class: "finder" }, h("label", { class: "search" }, icon(ICONS.search), search), type),
  )
  const element = h(
    "div",
    { class: "list-page" },
    h(
      "header",
      { class: "top" },
      sign(),
      h("nav", { class: "row" }, h("a", { href: "/docs", class: "quiet" }, "HTTP API"), account()),
    ),
    h(
      "main",
      {},
      h("h1", {}, "Write together"),
      work,
      rows,
      below,
    ),
  )

  let asked = 0 // only the newest question may answer
  let timer = 0

  const load = async (after: string) => {
    const question = (asked += 1)
    clearTimeout(timer)
    try {
      const prefix = idCharacters(search.value.trim())
      const listing = await listDocuments(prefix, type.value, after, PAGE_LENGTH)
      if (question !== asked) return
      if (after === "") rows.replaceChildren()
      rows.append(...listing.documents.map(line))
      below.replaceChildren()
      if (listing.next !== null) below.append(moreButton(listing.next))
      else if (rows.childElementCount === 0) below.append(nothing(prefix !== "" || type.value !== ""))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (question !== asked) return
      rows.replaceChildren()
      work.hidden = error.status === 401
      below.replaceChildren(refusal(error, show))
      if (error.status !== 401 && error.status !== 403) soon(RETRY_MILLISECONDS)
    }
  }
  const soon = (milliseconds: number) => {
    clearTimeout(timer)
    timer = window.setTimeout(() => void load(""), milliseconds)
  }
  const moreButton = (after: string) => {
    const button = h("button", { type: "button", class: "button" }, "Show more")
    button.addEventListener("click", () => void load(after))
    return button
  }
  const onReturn = () => {
    // Do not throw away pages that somebody has unfolded.
    if (!document.hidden && !work.hidden && rows.childElementCount <= PAGE_LENGTH) void load("")
  }
  search.addEventListener("input", () => soon(SEARCH_MILLISECONDS))
  type.addEventListener("change", () => soon(0))
  document.addEventListener("visibilitychange", onReturn)
  void load("")

  return {
    title: "collab",
    element,
    leave() {
      asked += 1
      clearTimeout(timer)
      document.removeEventListener("visibilitychange", onReturn)
    },
  }
}

function newDocumentForm(): HTMLElement {
  const name = h("input", {
    class: "field",
    name: "name",
    placeholder: "Name of a new document",
    "aria-label": "Name of a new document",
    autocomplete: "off",
    maxlength: MAX_ID_LENGTH,
    required: true,
  })
  const button = h("button", { class: "button primary" }, "Create")
  const answer = h("p", { class: "answer", role: "status" })
  const form = h("form", { class: "new" }, h("div", { class: "row" }, name, button), answer)

  const make = async (id: string, title: string) => {
    button.disabled = true
    try {
      await createDocument(id, title)
      go(addressOf(id))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.code === "document_exists") {
        answer.replaceChildren(`“${id}” is there already. `, h("a", { href: addressOf(id) }, "Open it"))
      } else if (error.status === 401) {
        openSignIn(wordsOfProblem(error), () => void make(id, title))
      } else {
        const words = wordsOfProblem(error)
        answer.textContent = `${words.title}. ${words.advice}`
      }
    } finally {
      button.disabled = false
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const title = name.value.trim()
    const id = idFor(title)
    if (id === "") answer.textContent = "Please use at least one letter from a to z, or a digit."
    else void make(id, title)
  })
  name.addEventListener("input", () => {
    const id = idFor(name.value.trim())
    const differs = id !== "" && id !== name.value.trim()
    answer.replaceChildren(...(differs ? ["Its address will be ", h("code", {}, addressOf(id))] : []))
  })
  return form
}

/** The id that a title becomes: what may not be in one turns into hyphens. */
function idFor(title: string): string {
  return idCharacters(title)
    .replace(/^[^A-Za-z0-9]+/, "")
    .replace(/-+$/, "")
    .slice(0, MAX_ID_LENGTH)
}

function idCharacters(text: string): string {
  return text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^A-Za-z0-9._:~@-]+/g, "-")
}

function line(row: DocumentRow): HTMLElement {
  const title = titleOf(row)
  return h(
    "li",
    {},
    h(
      "a",
      { href: addressOf(row.id) },
      h("span", { class: "document-title" }, title),
      title === row.id ? null : h("span", { class: "document-id" }, row.id),
      h("span", { class: `badge type-${row.type}` }, row.type),
      h("span", { class: "document-version" }, row.version === 0 ? "empty" : `version ${row.version.toLocaleString()}`),
      h("time", { datetime: new Date(row.updated).toISOString() }, ago(row.updated)),
    ),
  )
}

function nothing(searched: boolean): HTMLElement {
  return h(
    "p",
    { class: "nothing" },
    searched ? "No document is called so." : "No documents yet. Give the first one a name above.",
  )
}

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
]
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" })

function ago(milliseconds: number): string {
  const seconds = (milliseconds - Date.now()) / 1000
  for (const [unit, length] of UNITS) {
    if (-seconds >= length) return relative.format(Math.round(seconds / length), unit)
  }
  return "just now"
}
