// The open documents as a table whose rows stay the same elements while their figures change, so that
// whoever is at one stays there. The order is the server's; under a pointer it waits.
import { h } from "../dom"
import { inspectorOf, type OpenDocument } from "./api"
import { SMALL_KEPT, Spark } from "./charts"
import { bytes, count, counted, milliseconds, short } from "./figures"
import { SeriesOf } from "./series"

/** A column: what it is called, and by which field of the API it is ordered. */
interface Column {
  readonly name: string
  readonly order: string
  /** What one wants to see first. */
  readonly greatestFirst: boolean
}

const COLUMNS: readonly Column[] = [
  { name: "Document", order: "id", greatestFirst: false },
  { name: "Edits/s", order: "edits_per_second", greatestFirst: true },
  { name: "Commit p50 · p99", order: "commit_ms", greatestFirst: true },
  { name: "Peers", order: "peers", greatestFirst: true },
  { name: "Lag", order: "lag", greatestFirst: true },
  { name: "Waiting", order: "waiting", greatestFirst: true },
  { name: "Version", order: "version", greatestFirst: true },
  { name: "Memory", order: "held_bytes", greatestFirst: true },
]

export class DocumentTable {
  readonly element: HTMLElement
  /** On small screens, where the heads are not shown. */
  readonly orderField = h("select", { "aria-label": "Order" }, ...COLUMNS.map(({ name, order }) => h("option", { value: order }, name)))
  private readonly body = h("tbody")
  private readonly heads: HTMLTableCellElement[]
  private readonly lines = new Map<string, Line>()
  private readonly rates = new SeriesOf(SMALL_KEPT)

  /** `reorder` is called with the order that somebody asks for. */
  constructor(
    private order: string,
    private readonly reorder: (order: string) => void,
  ) {
    this.heads = COLUMNS.map((column) => this.head(column))
    this.element = h(
      "table",
      { class: "figures open-documents" },
      h("caption", { class: "unseen" }, "Documents that are open on this machine"),
      h("thead", {}, h("tr", {}, ...this.heads, h("th", { scope: "col" }, "Workers"))),
      this.body,
    )
    this.orderField.addEventListener("change", () => {
      const column = COLUMNS.find(({ order }) => order === this.orderField.value)
      if (column !== undefined) this.choose(first(column))
    })
    this.element.addEventListener("keydown", (event) => this.walk(event))
    this.showOrder()
  }

  show(documents: readonly OpenDocument[], inQuarantine: ReadonlySet<string>): void {
    this.rates.add(documents.map((row) => [keyOf(row), row.edits_per_second]))
    const gone = new Map(this.lines)
    const shown = documents.map((row) => {
      const key = keyOf(row)
      const line = this.lines.get(key) ?? new Line(row)
      gone.delete(key)
      this.lines.set(key, line)
      line.show(row, inQuarantine.has(row.id))
      line.spark.show(this.rates.of(key))
      return line.element
    })
    for (const [key, line] of gone) {
      this.lines.delete(key)
      line.element.remove()
    }
    const steady = this.body.matches(":hover") || this.body.contains(document.activeElement)
    if (steady) this.body.append(...shown.filter((element) => !element.isConnected))
    else place(this.body, shown)
  }

  focusFirst(): void {
    this.body.querySelector("a")?.focus()
  }

  private head(column: Column): HTMLTableCellElement {
    const button = h("button", { type: "button" }, column.name)
    button.addEventListener("click", () => this.choose(turned(this.order, column)))
    return h("th", { scope: "col" }, button)
  }

  private choose(order: string): void {
    this.order = order
    this.showOrder()
    this.reorder(order)
  }

  private showOrder(): void {
    const field = this.order.replace("-", "")
    this.orderField.value = field
    this.heads.forEach((head, index) => {
      if (COLUMNS[index]?.order === field) head.setAttribute("aria-sort", this.order.startsWith("-") ? "descending" : "ascending")
      else head.removeAttribute("aria-sort")
    })
  }

  private walk(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return
    const links = [...this.body.querySelectorAll("a")]
    const at = links.indexOf(document.activeElement as HTMLAnchorElement)
    const next = at < 0 ? undefined : links[at + (event.key === "ArrowDown" ? 1 : -1)]
    if (next === undefined) return
    event.preventDefault()
    next.focus()
  }
}

class Line {
  readonly element: HTMLTableRowElement
  readonly spark = new Spark()
  private readonly mark = h("span", { class: "mark" }, "Quarantine")
  private readonly rate = h("span", { class: "number" })
  private readonly commit = cell("Commit")
  private readonly peers = cell("Peers")
  private readonly lag = cell("Lag")
  private readonly waiting = cell("Waiting")
  private readonly version = cell("Version")
  private readonly memory = cell("Memory")
  private readonly workers = cell("Workers")

  constructor(row: OpenDocument) {
    const rate = h("td", { class: "with-spark", "data-label": "Edits/s" }, this.rate)
    rate.append(this.spark.element)
    this.element = h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h("a", { href: inspectorOf(row.id) }, row.id),
        h("span", { class: "under" }, row.type, this.mark),
      ),
      rate,
      this.commit,
      this.peers,
      this.lag,
      this.waiting,
      this.version,
      this.memory,
      this.workers,
    )
  }

  show(row: OpenDocument, inQuarantine: boolean): void {
    this.mark.hidden = !inQuarantine
    say(this.rate, short(row.edits_per_second))
    say(this.commit, row.commit_ms === null ? "–" : `${milliseconds(row.commit_ms.p50)} · ${milliseconds(row.commit_ms.p99)}`)
    say(this.peers, count(row.peers))
    say(this.lag, count(row.lag), row.lag > 0)
    say(this.waiting, count(row.waiting), row.waiting > 0)
    say(this.version, count(row.version))
    this.version.title = `Snapshot of version ${count(row.snapshot_version)}`
    say(this.memory, bytes(row.held_bytes))
    say(this.workers, row.workers.length === 1 ? shortNode(row.workers[0]?.node ?? "") : counted(row.workers.length, "worker"))
    this.workers.title = row.workers.map(({ node }) => node).join(", ")
  }
}

/** A worker by its process, which is what differs on one machine. */
export function shortNode(node: string): string {
  return `…${node.slice(node.lastIndexOf("-"))}`
}

export function cell(label: string): HTMLTableCellElement {
  return h("td", { class: "number", "data-label": label })
}

/** Say something, if it is not said yet; what is notable stands out. */
export function say(element: HTMLElement, text: string, notable = false): void {
  if (element.textContent !== text) element.textContent = text
  element.classList.toggle("notable", notable)
}

/** Let a parent have these children in this order; only what is out of its place moves. */
export function place(parent: HTMLElement, children: readonly HTMLElement[]): void {
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null)
  })
}

function keyOf(row: OpenDocument): string {
  return `${row.id} ${row.epoch}`
}

function first(column: Column): string {
  return column.greatestFirst ? `-${column.order}` : column.order
}

/** The order after a click on a head: by that column, or the other way round. */
function turned(order: string, column: Column): string {
  if (order.replace("-", "") !== column.order) return first(column)
  return order.startsWith("-") ? column.order : `-${column.order}`
}
