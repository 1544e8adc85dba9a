// The machine: its workers, what they do in charts, and the documents that are open.
import { Problem } from "../api"
import { h } from "../dom"
import { icon, pairDrawing } from "../icons"
import { typeChoices } from "../pages/list"
import { refusal } from "../pages/parts"
import { pageShortcuts } from "../shortcuts"
import { inspectorOf, machine, type Machine, quarantined, type Worker } from "./api"
import { ask } from "./ask"
import { Chart, KEPT } from "./charts"
import { endQuarantine } from "./deeds"
import { bytes, count, counted, milliseconds, short } from "./figures"
import { figure, Freshness, head } from "./parts"
import { Series } from "./series"
import { DocumentTable, say } from "./table"
import { Watch } from "./watch"

const PAGE_LENGTH = 100
const MOST = 1000
const MOST_IN_QUARANTINE = 100

/** As it was left, for who comes back from a document. */
let order = "-edits_per_second"

export function openMachine(element: HTMLElement): { leave(): void } {
  return new MachinePage(element)
}

class MachinePage {
  private readonly rate = new Series(KEPT)
  private readonly commit = new Series(KEPT)
  private readonly people = new Series(KEPT)
  private readonly charts = [
    [new Chart("Edits a second", (value) => (value === null ? "–" : short(value))), this.rate],
    [new Chart("Commit time", milliseconds, "p99, slowest document"), this.commit],
    [new Chart("Peers", (value) => (value === null ? "–" : count(Math.round(value)))), this.people],
  ] as const
  private readonly fresh = new Freshness()
  private readonly workers = h("ul", { class: "workers" })
  private readonly shut = h("section", { class: "shut", hidden: true, "aria-labelledby": "shut-title" })
  private readonly search = h("input", {
    class: "field",
    type: "search",
    placeholder: "Find by a part of the id",
    "aria-label": "Find by a part of the id",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 200,
  })
  private readonly types = typeChoices()
  private readonly count = h("span", { class: "number", role: "status" })
  private readonly below = h("div", { class: "below" })
  private readonly table: DocumentTable
  private readonly shown: HTMLElement
  private readonly watch: Watch
  private limit = PAGE_LENGTH

  constructor(private readonly element: HTMLElement) {
    this.table = new DocumentTable(order, (asked) => {
      order = asked
      this.watch.now()
    })
    this.shown = h(
      "div",
      { class: "inspected", hidden: true },
      h("div", { class: "charts" }, ...this.charts.map(([chart]) => chart.element)),
      this.shut,
      h(
        "section",
        { "aria-labelledby": "documents-title" },
        h("h2", { id: "documents-title" }, "Open documents"),
        h("div", { class: "finder" }, h("label", { class: "search" }, icon("search"), this.search, h("kbd", { "aria-hidden": "true" }, "/")), this.types),
        h("div", { class: "list-order" }, this.count, this.table.orderField),
        this.table.element,
        this.below,
      ),
      h("section", { "aria-labelledby": "workers-title" }, h("h2", { id: "workers-title" }, "Workers"), this.workers),
    )
    element.replaceChildren(
      head(),
      h("main", {}, h("div", { class: "inspect-head" }, h("h1", {}, "Inspector"), this.fresh.element), this.fresh.trouble, this.shown),
    )
    this.search.addEventListener("input", () => this.find())
    this.types.addEventListener("change", () => this.find())
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return
      event.preventDefault()
      this.table.focusFirst()
    })
    pageShortcuts([
      { key: "/", label: "Find a document", run: () => this.search.focus() },
      { key: "↓", label: "Next document" },
      { key: "↑", label: "Previous document" },
    ])
    this.watch = new Watch(
      () => this.look(),
      (problem) => this.fail(problem),
    )
  }

  leave(): void {
    this.watch.leave()
  }

  private find(): void {
    this.limit = PAGE_LENGTH
    this.watch.now()
  }

  private async look(): Promise<void> {
    const asked = {
      contains: this.search.value.trim().replaceAll(/[^A-Za-z0-9._:~@-]+/g, "-"),
      type: this.types.querySelector<HTMLInputElement>("input:checked")?.value ?? "",
      order,
      limit: this.limit,
    }
    const [found, shut] = await Promise.all([machine(asked), shutNow()])
    if (!this.element.isConnected) return
    this.fresh.now(found.silent)
    this.shown.hidden = false
    this.showLoad(found.workers)
    this.showShut(shut.documents, shut.more)
    this.table.show(found.documents, new Set(shut.documents))
    this.showCount(found)
  }

  private fail(problem: Problem): void {
    const refused = problem.status === 401 || problem.status === 403
    if (refused) this.shown.hidden = true
    for (const [, series] of this.charts) series.add(null)
    this.fresh.failed(problem, () => this.watch.now(), refused ? refusal(problem, () => this.watch.now()) : null)
  }

  private showLoad(workers: readonly Worker[]): void {
    const sum = (of: (worker: Worker) => number) => workers.reduce((total, worker) => total + of(worker), 0)
    const commits = workers.flatMap(({ commit_p99_ms }) => commit_p99_ms ?? [])
    this.rate.add(sum((worker) => worker.edits_per_second))
    this.commit.add(commits.length === 0 ? null : Math.max(...commits))
    this.people.add(sum((worker) => worker.peers))
    for (const [chart, series] of this.charts) chart.show(series)
    this.workers.replaceChildren(...workers.map(workerLine))
  }

  private showShut(ids: readonly string[], more: boolean): void {
    const said = ids.join(" ")
    this.shut.hidden = ids.length === 0
    if (this.shut.dataset["said"] === said) return
    this.shut.dataset["said"] = said
    this.shut.replaceChildren(
      h("h2", { id: "shut-title" }, "In quarantine"),
      h("ul", {}, ...ids.map((id) => this.shutLine(id))),
      more ? h("p", { class: "muted" }, `The first ${MOST_IN_QUARANTINE} of more.`) : "",
    )
  }

  private shutLine(id: string): HTMLElement {
    const lift = h("button", { type: "button", class: "button small" }, "Lift")
    lift.setAttribute("aria-label", `Lift the quarantine of ${id}`)
    lift.addEventListener("click", () => ask(endQuarantine(id), () => this.watch.now()))
    return h("li", {}, h("a", { href: inspectorOf(id) }, id), lift)
  }

  private showCount(found: Machine): void {
    const filtered = this.search.value.trim() !== "" || this.types.querySelector<HTMLInputElement>("input:checked")?.value !== ""
    const left = found.left_out > 0 ? `, and ${count(found.left_out)} more than a worker tells of` : ""
    say(this.count, `${counted(found.total, "document")}${left}`)
    const state = found.total === 0 ? (filtered ? "none" : "nothing") : found.next === null || this.limit >= MOST ? "all" : "more"
    this.table.element.hidden = found.total === 0
    if (this.below.dataset["state"] === state) return
    this.below.dataset["state"] = state
    this.below.replaceChildren(...this.belowOf(state))
  }

  private belowOf(state: string): HTMLElement[] {
    if (state === "nothing") {
      const words = "A document is open while somebody is at it, and for a while after."
      return [h("div", { class: "nothing" }, pairDrawing(), h("h3", {}, "No document is open"), h("p", {}, words))]
    }
    if (state === "none") return [h("div", { class: "nothing" }, h("h3", {}, "Nothing found"), h("p", {}, "No open document is like that."))]
    if (state === "all") return []
    const more = h("button", { type: "button", class: "button" }, "Show more")
    more.addEventListener("click", () => {
      this.limit = Math.min(this.limit + PAGE_LENGTH, MOST)
      this.below.dataset["state"] = ""
      this.watch.now()
    })
    return [more]
  }
}

/** What is in quarantine; nothing while the store, which knows it, does not answer. */
async function shutNow(): Promise<{ documents: string[]; more: boolean }> {
  try {
    const { documents, next } = await quarantined(MOST_IN_QUARANTINE)
    return { documents, more: next !== null }
  } catch (error) {
    if (error instanceof Problem && error.status === 503) return { documents: [], more: false }
    throw error
  }
}

function workerLine(worker: Worker): HTMLElement {
  return h(
    "li",
    {},
    h("h3", {}, worker.node, worker.draining ? h("span", { class: "mark" }, "Stopping") : null),
    h(
      "dl",
      {},
      figure("Edits/s", short(worker.edits_per_second)),
      figure("Commit p99", milliseconds(worker.commit_p99_ms)),
      figure("Documents", count(worker.documents)),
      figure("Peers", count(worker.peers)),
      figure("Lag", count(worker.lag), worker.lag > 0),
      figure("Waiting", count(worker.waiting), worker.waiting > 0),
      figure("Longest stall", milliseconds(worker.longest_stall_ms), worker.longest_stall_ms >= 250),
      figure("Memory", bytes(worker.memory_bytes)),
    ),
  )
}
