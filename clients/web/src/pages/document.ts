// One document: the bar with its title, state, people and what one can do with it, and places for the
// editor of its kind.
import { createDocument, type DocumentRow, getDocument, Problem, titleOf } from "../api"
import { countsOf, inWords } from "../counting"
import { openDelete, openDetails } from "../document/details"
import { exportButtons } from "../document/export"
import { openShare } from "../document/share"
import { makeTitle } from "../document/title"
import { h, toast } from "../dom"
import { editorNamed, editorOf, type EditorName, type Place, type Running } from "../editors/editor"
import { isMissing, Past } from "../history/api"
import type { HistoryView } from "../history/view"
import { icon } from "../icons"
import { kindOf } from "../kinds"
import { menuUnder } from "../menu"
import { go, show } from "../router"
import { pageShortcuts, type Shortcut } from "../shortcuts"
import { openSignIn } from "../signing"
import { rightInToken, token } from "../token"
import type { View } from "../view"
import { wordsOfProblem } from "../words"
import { refusal, shortcutsButton, themeButton } from "./parts"
import "../styles/editor.css"

/** What a document that is made where none was is. */
const NEW = { type: "yjs", editor: "text" } as const
const RETRY_MILLISECONDS = 3000
const COUNT_MILLISECONDS = 300
/** Where the yjs editors keep what they edit, as the routes of the past name it. */
const ROOTS = { rich: "default:xml", text: "codemirror:text" } as const

export function documentPage(id: string): View {
  return new DocumentPage(id)
}

class DocumentPage implements View {
  readonly title: string
  readonly element: HTMLElement
  private row: DocumentRow | null = null
  private running: Running | null = null
  private gone = false
  private timer = 0
  private counting = 0
  private reopened: EditorName | null = null
  private past: HistoryView | null = null
  private mayWrite = false
  private readonly heading
  private readonly counts = h("p", { class: "counts number" })
  private readonly kind = h("p", { class: "foot-kind" })
  private readonly history = h("button", { type: "button", class: "tool history", "aria-pressed": "false", "aria-label": "History", title: "History", hidden: true }, icon("clock"))
  private readonly share = h("button", { type: "button", class: "button share", "aria-label": "Share", hidden: true }, icon("share"), h("span", {}, "Share"))
  private readonly more = h("button", { type: "button", class: "tool", "aria-label": "More", title: "More", hidden: true }, icon("more"))
  private readonly place: Place = {
    status: h("div", { class: "status-slot" }),
    people: h("div", { class: "people-slot" }),
    tools: h("div", { class: "tools-slot" }),
    notice: h("div", { class: "notices" }),
    body: h("main", { class: "paper", id: "paper" }),
    changed: (text) => this.count(text),
    mayWrite: (may) => this.allow(may),
    reopen: (editor) => void this.reopen(editor),
  }

  constructor(private readonly id: string) {
    this.title = `${id} · collab`
    this.heading = makeTitle(id, (row) => this.describe(row))
    const menu = menuUnder(this.more, () => this.menuItems())
    const { place } = this
    this.element = h(
      "div",
      { class: "document-page" },
      h("a", { class: "skip", href: "#paper" }, "Skip to the text"),
      h(
        "header",
        { class: "head" },
        h(
          "div",
          { class: "bar" },
          h("a", { href: "/", class: "tool back", "aria-label": "All documents", title: "All documents" }, icon("back")),
          this.heading.element,
          place.status,
          place.people,
          this.history,
          this.share,
          menu.element,
        ),
        place.tools,
      ),
      place.notice,
      place.body,
      h("footer", { class: "foot" }, this.counts, this.kind),
    )
    this.share.addEventListener("click", () => this.openShare())
    this.history.addEventListener("click", () => void this.toggleHistory())
    pageShortcuts(this.shortcuts())
    void this.load()
  }

  mayLeave(): boolean {
    return this.running?.mayLeave() ?? true
  }

  signedIn(): boolean {
    this.running?.signedIn()
    return this.running !== null
  }

  leave(): void {
    this.gone = true
    clearTimeout(this.timer)
    clearTimeout(this.counting)
    this.past?.leave()
    this.running?.leave()
  }

  private async load(): Promise<void> {
    const { place, id } = this
    try {
      const row = await getDocument(id)
      if (this.gone) return
      this.describe(row)
      const name = editorNamed(row, new URLSearchParams(location.search).get("editor"))
      const editor = await editorOf(row, name)
      if (this.gone) return
      if (editor === null) return place.body.replaceChildren(noEditor(row))
      place.body.replaceChildren()
      this.share.hidden = this.more.hidden = false
      this.running = editor.open(row, place)
      void this.offerHistory()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (this.gone) return
      place.body.replaceChildren(refusal(error, show, ...waysOut(id, error)))
      const passing = error.status === 0 || error.status === 429 || error.status >= 502
      if (passing) this.timer = window.setTimeout(() => void this.load(), RETRY_MILLISECONDS)
    }
  }

  /** Which of the yjs editors is open. */
  private get editor(): EditorName {
    return this.row === null ? "text" : editorNamed(this.row, this.reopened ?? new URLSearchParams(location.search).get("editor"))
  }

  private describe(row: DocumentRow): void {
    this.row = row
    this.heading.show(row)
    this.kind.textContent = kindOf(row).label
    document.title = `${titleOf(row)} · collab`
  }

  private async reopen(name: EditorName): Promise<void> {
    const { row, place } = this
    if (row === null) return
    const editor = await editorOf(row, name)
    if (this.gone || editor === null) return
    this.closeHistory()
    this.running?.leave()
    for (const each of [place.status, place.people, place.tools, place.notice, place.body]) each.replaceChildren()
    this.reopened = name
    this.describe({ ...row, metadata: { ...row.metadata, editor: name } })
    this.running = editor.open(row, place)
  }

  private count(text: () => string): void {
    clearTimeout(this.counting)
    this.counting = window.setTimeout(() => {
      this.counts.textContent = inWords(countsOf(text()))
    }, COUNT_MILLISECONDS)
  }

  private allow(may: boolean): void {
    this.mayWrite = may
    this.heading.allow(may)
    this.past?.allow(may)
  }

  /** Only where the server can tell of the past. */
  private async offerHistory(): Promise<void> {
    try {
      await this.pastOf(this.row as DocumentRow).difference(0, 0)
      this.history.hidden = false
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      this.history.hidden = isMissing(error)
    }
  }

  private pastOf(row: DocumentRow): Past {
    return new Past(row, row.type === "yjs" ? ROOTS[this.editor] : null)
  }

  private async toggleHistory(): Promise<void> {
    if (this.past !== null) return this.closeHistory()
    const { row } = this
    if (row === null || this.history.hidden) return
    const { HistoryView } = await import("../history/view")
    if (this.gone || this.past !== null) return
    const rich = row.type === "richtext" || (row.type === "yjs" && this.editor === "rich")
    const past = new HistoryView(this.pastOf(row), rich, {
      close: () => this.closeHistory(),
      whoIs: (author) => this.running?.whoIs?.(author) ?? null,
    })
    try {
      await past.open()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      toast(`${wordsOfProblem(error).title}.`)
      return
    }
    this.past = past
    past.allow(this.mayWrite)
    this.element.classList.add("in-history")
    this.history.setAttribute("aria-pressed", "true")
    this.place.tools.after(past.tools)
    this.place.body.after(past.element, past.dock)
    past.focus()
  }

  private closeHistory(): void {
    const { past } = this
    if (past === null) return
    this.past = null
    past.leave()
    this.element.classList.remove("in-history")
    this.history.setAttribute("aria-pressed", "false")
    for (const element of [past.tools, past.element, past.dock]) element.remove()
    this.history.focus()
  }

  private openShare(): void {
    if (this.row !== null) openShare(this.id, titleOf(this.row))
  }

  private menuItems(): HTMLElement[] {
    const { row } = this
    if (row === null) return []
    return [
      ...exportButtons(row),
      h("hr"),
      menuButton("Details", "info", () => void openDetails(row)),
      menuButton("Delete…", "close", () => openDelete(row, () => go("/"))),
      h("hr"),
      themeButton(true),
      shortcutsButton(true),
    ]
  }

  private shortcuts(): readonly Shortcut[] {
    return [
      { key: "s", mod: true, alt: true, label: "Share", run: () => this.openShare() },
      { key: "h", mod: true, alt: true, label: "History", run: () => void this.toggleHistory() },
      { key: "z", mod: true, label: "Undo what I did" },
      { key: "y", mod: true, label: "Redo" },
    ]
  }
}

function menuButton(label: string, name: Parameters<typeof icon>[0], run: () => void): HTMLElement {
  const button = h("button", { type: "button", class: "tool" }, icon(name), h("span", {}, label))
  button.addEventListener("click", run)
  return button
}

function noEditor(row: DocumentRow): HTMLElement {
  return h(
    "section",
    { class: "refusal" },
    h("h2", {}, "There is no editor for this document here"),
    h("p", {}, `It is of the type “${row.type}”, which is newer than this page. Load the page anew.`),
  )
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
    createDocument(id, NEW, id).then(show, (error: unknown) => {
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
