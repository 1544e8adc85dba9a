// All documents: find one, see who is in it, make one.
import { type DocumentRow, listDocuments, peopleIn, Problem } from "../api"
import { h } from "../dom"
import { icon, pairDrawing } from "../icons"
import { personShown } from "../people"
import { show } from "../router"
import { pageShortcuts } from "../shortcuts"
import { account } from "../signing"
import type { View } from "../view"
import { openCreate } from "./create"
import { refusal, shortcutsButton, sign, themeButton } from "./parts"
import { chosen, type Order, Shelf } from "./shelf"
import "../styles/list.css"

const PAGE_LENGTH = 500
const SEARCH_MILLISECONDS = 150
const RETRY_MILLISECONDS = 3000
const REFRESH_MILLISECONDS = 10_000
/** Of how many rows one asks who is there: more than fit on a screen. */
const MAX_PEOPLED = 24
const TYPES = [
  ["", "All"],
  ["richtext", "Rich text"],
  ["text", "Plain text"],
  ["yjs", "Yjs"],
] as const

export function listPage(): View {
  return new ListPage()
}

class ListPage implements View {
  readonly title = "Documents · collab"
  readonly element: HTMLElement
  private readonly shelf = new Shelf()
  private readonly search = h("input", {
    class: "field",
    type: "search",
    placeholder: "Find a document",
    "aria-label": "Find by words of its name",
    autocomplete: "off",
    spellcheck: "false",
  })
  private readonly order = h(
    "select",
    { "aria-label": "Order" },
    h("option", { value: "recent" }, "Changed last"),
    h("option", { value: "name" }, "By name"),
  )
  private readonly types = typeChoices()
  private readonly count = h("span", { class: "number", role: "status" })
  private readonly below = h("div", { class: "below" })
  private readonly waiting = skeleton()
  // What one can do here, once one is signed in where that is needed.
  private readonly work: readonly HTMLElement[]
  private readonly finding: readonly HTMLElement[]
  /** What is known of the server's documents, in order of id; `next` is where it goes on. */
  private readonly rows = new Map<string, DocumentRow>()
  private next: string | null = null
  private asked = 0 // only the newest question may answer
  private timer = 0

  constructor() {
    const make = h("button", { type: "button", class: "button primary new-button" }, icon("plus"), "New document")
    make.addEventListener("click", openCreate)
    const finder = h(
      "div",
      { class: "finder" },
      h("label", { class: "search" }, icon("search"), this.search, h("kbd", { "aria-hidden": "true" }, "/")),
      this.types,
    )
    const order = h("div", { class: "list-order" }, this.count, this.order)
    this.work = [make]
    this.finding = [finder, order]
    this.element = h(
      "div",
      { class: "list-page" },
      h(
        "header",
        { class: "top" },
        sign(),
        h("nav", { "aria-label": "Settings" }, shortcutsButton(), themeButton(), account()),
      ),
      h(
        "main",
        {},
        h("div", { class: "list-head" }, h("h1", {}, "Documents"), make),
        finder,
        order,
        this.waiting,
        this.shelf.element,
        this.below,
      ),
    )
    this.search.addEventListener("input", () => {
      this.draw()
      this.soon(SEARCH_MILLISECONDS)
    })
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return
      event.preventDefault()
      this.shelf.focusFirst()
    })
    this.types.addEventListener("change", () => {
      this.draw()
      this.soon(0)
    })
    this.order.addEventListener("change", () => this.draw())
    document.addEventListener("visibilitychange", this.onVisible)
    pageShortcuts([
      { key: "n", label: "New document", run: openCreate },
      { key: "/", label: "Find a document", run: () => this.search.focus() },
      { key: "↓", label: "Next document" },
      { key: "↑", label: "Previous document" },
    ])
    this.draw()
    void this.load("")
  }

  leave(): void {
    this.asked += 1
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
  }

  /** Take a page of the server's list. What begins with the searched text is asked for by itself as
   * long as not all documents are known. */
  private async load(after: string): Promise<void> {
    const question = (this.asked += 1)
    clearTimeout(this.timer)
    try {
      const prefix = this.next === null ? "" : idCharacters(this.search.value.trim())
      const listing = await listDocuments(prefix, prefix === "" ? "" : this.type, after, PAGE_LENGTH)
      if (question !== this.asked) return
      if (prefix === "") {
        if (after === "") this.rows.clear()
        this.next = listing.next
      }
      for (const row of listing.documents) this.rows.set(row.id, row)
      this.waiting.remove()
      this.allow(true)
      this.draw()
      this.again(REFRESH_MILLISECONDS)
      await this.loadPeople(question)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (question !== this.asked) return
      this.refuse(error)
    }
  }

  private async loadPeople(question: number): Promise<void> {
    const shown = this.wanted().slice(0, MAX_PEOPLED)
    await Promise.all(
      shown.map(async ({ id }) => {
        try {
          const peers = await peopleIn(id)
          if (question !== this.asked) return
          this.shelf.showPeople(id, peers.map(({ author, state }) => personShown(author, state)))
        } catch (error) {
          if (!(error instanceof Problem)) throw error // deleted meanwhile, or the line is gone
        }
      }),
    )
  }

  private refuse(problem: Problem): void {
    this.waiting.remove()
    this.allow(problem.status !== 401 && this.rows.size > 0)
    if (problem.status === 401 || problem.status === 403) this.rows.clear()
    this.draw()
    this.below.replaceChildren(refusal(problem, show))
    if (problem.status !== 401 && problem.status !== 403) this.again(RETRY_MILLISECONDS)
  }

  private allow(signedIn: boolean): void {
    for (const element of this.work) element.hidden = !signedIn
  }

  private draw(): void {
    const rows = this.wanted()
    this.shelf.show(rows)
    const known = this.rows.size > 0
    for (const element of this.finding) element.hidden = !known && !this.waiting.isConnected
    this.count.textContent = known ? counted(rows.length, this.next !== null) : ""
    this.below.replaceChildren()
    if (this.waiting.isConnected) return
    if (this.next !== null) this.below.append(this.moreButton(this.next))
    else if (rows.length === 0) this.below.append(known ? nothingFound() : nothingYet())
  }

  private wanted(): DocumentRow[] {
    const order = this.order.value as Order
    return chosen(this.rows.values(), { words: this.search.value.trim(), type: this.type, order })
  }

  private get type(): string {
    return this.types.querySelector<HTMLInputElement>("input:checked")?.value ?? ""
  }

  private moreButton(after: string): HTMLElement {
    const button = h("button", { type: "button", class: "button" }, "Show more")
    button.addEventListener("click", () => void this.load(after))
    return button
  }

  /** Ask anew, unless that would throw away pages that somebody has unfolded. */
  private again(milliseconds: number): void {
    clearTimeout(this.timer)
    if (this.rows.size > PAGE_LENGTH || document.hidden) return
    this.timer = window.setTimeout(() => void this.load(""), milliseconds)
  }

  /** What was typed is found in what is known already; only the rest is asked for. */
  private soon(milliseconds: number): void {
    if (this.next === null) return
    clearTimeout(this.timer)
    this.timer = window.setTimeout(() => void this.load(""), milliseconds)
  }

  private readonly onVisible = (): void => {
    if (!document.hidden) this.again(0)
  }
}

/** Radio buttons for a type, or all. */
export function typeChoices(): HTMLElement {
  const choice = ([value, label]: readonly [string, string]) =>
    h("label", {}, h("input", { type: "radio", name: "type", value, checked: value === "" }), h("span", {}, label))
  return h("div", { class: "choices", role: "radiogroup", "aria-label": "Type" }, ...TYPES.map(choice))
}

function counted(count: number, more: boolean): string {
  const words = count === 1 ? "1 document" : `${count.toLocaleString("en")} documents`
  return more ? `${words} of more` : words
}

function idCharacters(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._:~@-]+/g, "-")
}

function nothingFound(): HTMLElement {
  return h("div", { class: "nothing" }, h("h2", {}, "Nothing found"), h("p", {}, "No document has these words in its name."))
}

function nothingYet(): HTMLElement {
  const make = h("button", { type: "button", class: "button primary" }, "Create the first one")
  make.addEventListener("click", openCreate)
  return h(
    "div",
    { class: "nothing" },
    pairDrawing(),
    h("h2", {}, "No documents yet"),
    h("p", {}, "Make one, open it in a second window or send its link, and type in both."),
    make,
  )
}

function skeleton(): HTMLElement {
  const line = () => h("li", {}, h("i"), h("i"), h("i"))
  return h("ul", { class: "waiting", "aria-label": "Loading" }, line(), line(), line())
}
