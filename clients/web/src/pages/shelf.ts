// The rows of the list: which are shown and in what order, and an element for each that stays the
// same while it is there, so that whoever is at it stays too.
import { addressOf, type DocumentRow, titleOf } from "../api"
import { h } from "../dom"
import { icon } from "../icons"
import { kindOf } from "../kinds"
import type { Person } from "../people"
import { ago, exactly } from "../times"
import { faces } from "./parts"

const MAX_FACES = 3

export type Order = "recent" | "name"

export interface Wanted {
  readonly words: string
  readonly type: string
  readonly order: Order
}

/** Those that fit what is asked for, in the order asked for. All words have to be in the title or
 * the id. */
export function chosen(rows: Iterable<DocumentRow>, { words, type, order }: Wanted): DocumentRow[] {
  const parts = words.toLowerCase().split(/\s+/u)
  const fits = (row: DocumentRow) => {
    const said = `${titleOf(row)} ${row.id}`.toLowerCase()
    return (type === "" || row.type === type) && parts.every((part) => said.includes(part))
  }
  const named = (a: DocumentRow, b: DocumentRow) => titleOf(a).localeCompare(titleOf(b)) || (a.id < b.id ? -1 : 1)
  const recent = (a: DocumentRow, b: DocumentRow) => b.updated - a.updated || named(a, b)
  return [...rows].filter(fits).sort(order === "name" ? named : recent)
}

export class Shelf {
  readonly element = h("ul", { class: "documents" })
  private readonly lines = new Map<string, Line>()

  constructor() {
    this.element.addEventListener("keydown", (event) => this.walk(event))
  }

  show(rows: readonly DocumentRow[]): void {
    const known = new Map(this.lines)
    const shown = rows.map((row) => {
      const line = known.get(row.id) ?? new Line(row.id)
      known.delete(row.id)
      this.lines.set(row.id, line)
      line.show(row)
      return line.element
    })
    for (const [id, line] of known) {
      this.lines.delete(id)
      line.element.remove()
    }
    // Only what is out of its place moves: an element that moves loses the focus.
    shown.forEach((element, index) => {
      if (this.element.children[index] !== element) {
        this.element.insertBefore(element, this.element.children[index] ?? null)
      }
    })
  }

  showPeople(id: string, people: readonly Person[]): void {
    this.lines.get(id)?.showPeople(people)
  }

  focusFirst(): void {
    this.element.querySelector("a")?.focus()
  }

  private walk(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    const links = [...this.element.querySelectorAll("a")]
    const at = links.indexOf(document.activeElement as HTMLAnchorElement)
    const next = links[at + (event.key === "ArrowDown" ? 1 : -1)]
    if (next === undefined) return
    event.preventDefault()
    next.focus()
  }
}

class Line {
  readonly element
  private readonly kind = h("span", { class: "kind" })
  private readonly title = h("span", { class: "document-title" })
  private readonly id = h("span", { class: "document-id" })
  private readonly people = h("span", { class: "faces" })
  private readonly peopleNames = h("span", { class: "unseen" })
  private readonly badge = h("span", { class: "badge" })
  private readonly time = h("time")
  private readonly version = h("span", { class: "document-version number" })

  constructor(id: string) {
    const { kind, title, people, badge, time, version } = this
    this.id.textContent = id
    this.element = h(
      "li",
      {},
      h("a", { href: addressOf(id) }, kind, title, this.id, people, badge, time, version, this.peopleNames),
    )
  }

  show(row: DocumentRow): void {
    const kind = kindOf(row)
    this.kind.replaceChildren(icon(kind.icon))
    this.title.textContent = titleOf(row)
    this.id.hidden = titleOf(row) === row.id
    this.badge.textContent = kind.label
    this.time.textContent = ago(row.updated)
    this.time.title = exactly(row.updated)
    this.time.dateTime = new Date(row.updated).toISOString()
    this.version.textContent = row.version === 0 ? "empty" : `version ${row.version.toLocaleString("en")}`
  }

  showPeople(people: readonly Person[]): void {
    this.people.replaceChildren(...faces(people, MAX_FACES))
    this.peopleNames.textContent = people.length === 0 ? "" : `Here now: ${people.map(({ name }) => name).join(", ")}`
  }
}
