// One document: the bar with its title, state, people and link, and the editor of its type.
import { addressOf, createDocument, type DocumentRow, getDocument, Problem, titleOf } from "../api"
import { h, icon, ICONS, toast } from "../dom"
import { editorOf, type Place, type Running } from "../editors/editor"
import { show } from "../router"
import { openSignIn } from "../signing"
import { rightInToken, token } from "../token"
import type { View } from "../view"
import { refusal } from "./parts"
import "../styles/editor.css"

const RETRY_MILLISECONDS = 3000

export function documentPage(id: string): View {
  const title = h("h1", { class: "bar-title" }, id)
  const badge = h("span", { class: "badge", hidden: true })
  const place: Place = {
    status: h("div", { class: "status-slot" }),
    people: h("div", { class: "people-slot" }),
    notice: h("div", { class: "notices" }),
    body: h("main", { class: "paper", id: "paper" }),
  }
  const share = h("button", { type: "button", class: "button share", hidden: true }, icon(ICONS.link), h("span", {}, "Share"))
  share.addEventListener("click", () => void copyLink(id))
  const back = h("a", { href: "/", class: "back", "aria-label": "All documents" }, icon(ICONS.back))
  const element = h(
    "div",
    { class: "document-page" },
    h("a", { class: "skip", href: "#paper" }, "Skip to the text"),
    h(
      "header",
      { class: "bar" },
      back,
      h("div", { class: "bar-names" }, title, badge),
      place.status,
      place.people,
      share,
    ),
    place.notice,
    place.body,
  )

  let running: Running | null = null
  let gone = false
  let timer = 0
  const load = async () => {
    try {
      const row = await getDocument(id)
      const editor = await editorOf(row.type)
      if (gone) return
      place.body.replaceChildren()
      share.hidden = false
      describe(row)
      running = editor.open(row, place)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (gone) return
      place.body.replaceChildren(refusal(error, show, ...waysOut(id, error)))
      const passing = error.status === 0 || error.status === 429 || error.status >= 502
      if (passing) timer = window.setTimeout(() => void load(), RETRY_MILLISECONDS)
    }
  }
  const describe = (row: DocumentRow) => {
    title.textContent = titleOf(row)
    document.title = `${titleOf(row)} · collab`
    badge.textContent = row.type
    badge.className = `badge type-${row.type}`
    badge.hidden = row.type === "yjs"
  }
  void load()

  return {
    title: `${id} · collab`,
    element,
    mayLeave: () => running?.mayLeave() ?? true,
    signedIn() {
      running?.signedIn()
      return running !== null
    },
    leave() {
      gone = true
      clearTimeout(timer)
      running?.leave()
    },
  }
}

/** What one can do about a document that is not there. */
function waysOut(id: string, problem: Problem): HTMLElement[] {
  if (problem.status !== 403 && problem.status !== 404) return []
  const ways: HTMLElement[] = [h("a", { href: "/", class: "button" }, "All documents")]
  if (token() !== null) ways.push(otherToken())
  if (problem.status === 404 && mayMake(id)) ways.unshift(makeButton(id))
  return [h("p", { class: "row" }, ...ways)]
}

/** Unless the token says something else: then this would only end in the next refusal. */
function mayMake(id: string): boolean {
  const right = rightInToken(id)
  return token() === null || right === "write" || right === "admin"
}

function makeButton(id: string): HTMLElement {
  const make = h("button", { type: "button", class: "button primary" }, `Make “${id}”`)
  make.addEventListener("click", () => {
    createDocument(id, id).then(show, (error: unknown) => {
      toast(error instanceof Problem ? error.message : "That did not work.")
    })
  })
  return make
}

function otherToken(): HTMLElement {
  const button = h("button", { type: "button", class: "button" }, "Use another token")
  button.addEventListener("click", () => {
    openSignIn({ title: "Use another token", advice: "It takes the place of yours in this tab." }, show)
  })
  return button
}

async function copyLink(id: string): Promise<void> {
  const link = location.origin + addressOf(id)
  try {
    await navigator.clipboard.writeText(link)
  } catch {
    prompt("The link to this document:", link) // no clipboard without https, or not allowed
    return
  }
  toast(token() === null ? "Link copied." : "Link copied. It does not contain your token.")
}
