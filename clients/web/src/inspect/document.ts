// One document: what it does in charts, and everybody who is connected to it, on which worker, and how
// far they are.
import { addressOf, type Problem } from "../api"
import { h } from "../dom"
import { icon } from "../icons"
import { refusal } from "../pages/parts"
import { pageShortcuts } from "../shortcuts"
import { type OnWorker, type OpenDocument, type People, people } from "./api"
import { ask } from "./ask"
import { Chart, KEPT } from "./charts"
import { beginQuarantine, changeRight, endQuarantine, sendAway } from "./deeds"
import { bytes, count, counted, milliseconds, short } from "./figures"
import { figure, Freshness, head } from "./parts"
import { PeerTable } from "./peers"
import { Series } from "./series"
import { shortNode } from "./table"
import { Watch } from "./watch"

const PAGE_LENGTH = 200
const MOST = 1000

export function openDocument(element: HTMLElement, id: string): { leave(): void } {
  return new DocumentPage(element, id)
}

class DocumentPage {
  private readonly rate = new Series(KEPT)
  private readonly commit = new Series(KEPT)
  private readonly lag = new Series(KEPT)
  private readonly charts = [
    [new Chart("Edits a second", (value) => (value === null ? "–" : short(value))), this.rate],
    [new Chart("Commit time", milliseconds, "p99"), this.commit],
    [new Chart("Slowest cursor", (value) => (value === null ? "–" : counted(value, "version"))), this.lag],
  ] as const
  private readonly fresh = new Freshness()
  private readonly facts = h("dl", { class: "facts" })
  private readonly badge = h("span", { class: "badge" })
  private readonly shut = h("p", { class: "warning", hidden: true })
  private readonly lock = h("button", { type: "button", class: "button" })
  private readonly onWorkers = h("ul", { class: "workers" })
  private readonly count = h("span", { class: "number", role: "status" })
  private readonly below = h("div", { class: "below" })
  private readonly table: PeerTable
  private readonly figures: HTMLElement
  private readonly shown: HTMLElement
  private readonly watch: Watch
  private order = "since"
  private limit = PAGE_LENGTH
  private peers = 0
  private quarantined: boolean | null = false

  constructor(
    private readonly element: HTMLElement,
    private readonly id: string,
  ) {
    this.table = new PeerTable(
      this.order,
      (order) => {
        this.order = order
        this.watch.now()
      },
      (peer) => ask(sendAway(id, peer), () => this.watch.now()),
      (peer, user) => ask(changeRight(id, user, peer), () => this.watch.now()),
    )
    this.lock.addEventListener("click", () => {
      const deed = this.quarantined === true ? endQuarantine(id) : beginQuarantine(id, this.peers)
      ask(deed, () => this.watch.now())
    })
    this.figures = h(
      "div",
      { class: "inspected" },
      h("div", { class: "charts" }, ...this.charts.map(([chart]) => chart.element)),
      this.facts,
      this.onWorkers,
    )
    this.shown = h(
      "div",
      { class: "inspected", hidden: true },
      this.shut,
      this.figures,
      h(
        "section",
        { "aria-labelledby": "peers-title" },
        h("h2", { id: "peers-title" }, "Peers"),
        h("div", { class: "list-order" }, this.count, this.table.orderField),
        this.table.element,
        this.below,
      ),
    )
    const open = h("a", { class: "button", href: addressOf(id) }, "Open")
    element.replaceChildren(
      head(),
      h(
        "main",
        {},
        h("a", { class: "tool back", href: "/inspect" }, icon("back"), "Inspector"),
        h(
          "div",
          { class: "inspect-head" },
          h("h1", {}, id, " ", this.badge),
          this.fresh.element,
          h("div", { class: "row" }, open, this.lock),
        ),
        this.fresh.trouble,
        this.shown,
      ),
    )
    this.lock.hidden = true
    pageShortcuts([{ key: "q", label: "Quarantine, or lift it", run: () => this.lock.click() }])
    this.watch = new Watch(
      () => this.look(),
      (problem) => this.fail(problem),
    )
  }

  leave(): void {
    this.watch.leave()
  }

  private async look(): Promise<void> {
    const found = await people(this.id, this.order, this.limit)
    if (!this.element.isConnected) return
    this.fresh.now(found.silent)
    this.shown.hidden = false
    this.showLock(found.quarantined)
    this.showDocument(found.document)
    this.showPeers(found)
  }

  private fail(problem: Problem): void {
    const refused = problem.status >= 400 && problem.status < 500
    if (refused) this.shown.hidden = this.lock.hidden = true
    for (const [, series] of this.charts) series.add(null)
    this.fresh.failed(problem, () => this.watch.now(), refused ? refusal(problem, () => this.watch.now()) : null)
  }

  private showLock(quarantined: boolean | null): void {
    this.quarantined = quarantined
    this.lock.hidden = quarantined === null
    const words = quarantined === true ? "Lift quarantine" : "Quarantine…"
    if (this.lock.textContent !== words) this.lock.textContent = words
    this.shut.hidden = quarantined !== true
    if (quarantined === true && this.shut.textContent === "") {
      this.shut.append(h("strong", {}, "In quarantine. "), "Nobody can open it, on any server. You can still read it over the HTTP API.")
    } else if (quarantined !== true) this.shut.replaceChildren()
  }

  private showDocument(row: OpenDocument | null): void {
    this.figures.hidden = row === null
    this.badge.textContent = row?.type ?? ""
    this.peers = row?.peers ?? 0
    this.rate.add(row?.edits_per_second ?? null)
    this.commit.add(row?.commit_ms?.p99 ?? null)
    this.lag.add(row?.lag ?? null)
    if (row === null) return
    for (const [chart, series] of this.charts) chart.show(series)
    this.facts.replaceChildren(
      figure("Version", count(row.version)),
      figure("Oldest to resume from", count(row.floor)),
      figure("Snapshot", row.snapshot_version === 0 ? "none" : `version ${count(row.snapshot_version)}`),
      figure("Waiting edits", count(row.waiting), row.waiting > 0),
      figure("Commit p50", milliseconds(row.commit_ms?.p50 ?? null)),
      figure("Memory", bytes(row.held_bytes)),
      figure("Epoch", row.epoch),
    )
    this.onWorkers.hidden = row.workers.length < 2
    this.onWorkers.replaceChildren(...row.workers.map(onWorker))
  }

  private showPeers(found: People): void {
    this.table.element.hidden = found.total === 0
    this.table.show(found.peers)
    const left = found.left_out > 0 ? `, and ${count(found.left_out)} more than a worker tells of` : ""
    const words = `${counted(found.total, "connection")}${left}`
    if (this.count.textContent !== words) this.count.textContent = words
    const state = found.document === null ? "closed" : found.total === 0 ? "nobody" : found.next === null || this.limit >= MOST ? "all" : "more"
    if (this.below.dataset["state"] === state) return
    this.below.dataset["state"] = state
    this.below.replaceChildren(...this.belowOf(state))
  }

  private belowOf(state: string): HTMLElement[] {
    const nothing = (title: string, text: string) => [h("div", { class: "nothing" }, h("h3", {}, title), h("p", {}, text))]
    if (state === "closed") return nothing("Not open on this machine", "Nobody is at it here. It opens when somebody comes.")
    if (state === "nobody") return nothing("Nobody is here", "It is closed by itself when nobody has come for a while.")
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

function onWorker(row: OnWorker): HTMLElement {
  return h(
    "li",
    {},
    h("h3", { title: row.node }, shortNode(row.node)),
    h(
      "dl",
      {},
      figure("Edits/s", short(row.edits_per_second)),
      figure("Commit p99", milliseconds(row.commit_ms?.p99 ?? null)),
      figure("Peers", count(row.peers)),
      figure("Lag", count(row.lag), row.lag > 0),
      figure("Version", count(row.version)),
    ),
  )
}
