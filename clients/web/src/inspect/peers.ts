// Who is connected to a document, as a table whose rows stay the same elements. Each has a button to
// send it away, and, if it has a user's name, one to change what it may do.
import { h } from "../dom"
import type { Peer } from "./api"
import { calledOf } from "./deeds"
import { bytes, count, counted, lasting } from "./figures"
import { exactly } from "../times"
import { cell, place, say, shortNode } from "./table"

const ORDERS = [
  ["since", "Connected longest"],
  ["-since", "Connected last"],
  ["-lag", "Furthest behind"],
  ["-unanswered", "Most unanswered"],
  ["user", "By user"],
] as const

const PROTOCOLS: Readonly<Record<string, string>> = {
  native: "Native",
  sse: "Event stream",
  yjs: "y-websocket",
  hocuspocus: "Hocuspocus",
}

export class PeerTable {
  readonly element: HTMLElement
  readonly orderField: HTMLSelectElement
  private readonly body = h("tbody")
  private readonly lines = new Map<string, Line>()

  constructor(
    order: string,
    reorder: (order: string) => void,
    private readonly sendAway: (peer: Peer) => void,
    private readonly changeRight: (peer: Peer, user: string) => void,
  ) {
    this.orderField = h(
      "select",
      { "aria-label": "Order" },
      ...ORDERS.map(([value, words]) => h("option", { value, selected: value === order }, words)),
    )
    this.orderField.addEventListener("change", () => reorder(this.orderField.value))
    const heads = ["Who", "May", "Cursor lag", "Unanswered", "Unread", "Connected", "Over", "Worker"]
    this.element = h(
      "table",
      { class: "figures peers" },
      h("caption", { class: "unseen" }, "Connections to this document"),
      h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, name)), h("th", { scope: "col" }, h("span", { class: "unseen" }, "Actions")))),
      this.body,
    )
  }

  show(peers: readonly Peer[]): void {
    const now = Date.now()
    const gone = new Map(this.lines)
    const shown = peers.map((peer) => {
      const key = `${peer.connection} ${peer.author}`
      const line = this.lines.get(key) ?? new Line(peer, this.sendAway, this.changeRight)
      gone.delete(key)
      this.lines.set(key, line)
      line.show(peer, now)
      return line.element
    })
    for (const [key, line] of gone) {
      this.lines.delete(key)
      line.element.remove()
    }
    place(this.body, shown)
  }
}

class Line {
  readonly element: HTMLTableRowElement
  private readonly access = cell("May")
  private readonly lag = cell("Cursor lag")
  private readonly unanswered = cell("Unanswered")
  private readonly unread = cell("Unread")
  private readonly since = cell("Connected")
  private peer: Peer

  constructor(peer: Peer, sendAway: (peer: Peer) => void, changeRight: (peer: Peer, user: string) => void) {
    this.peer = peer
    const { user } = peer
    const away = h("button", { type: "button", class: "button small danger", "aria-label": `Disconnect ${calledOf(peer)}` }, "Disconnect")
    away.addEventListener("click", () => sendAway(this.peer))
    const right = h("button", { type: "button", class: "button small", disabled: user === null }, "Right…")
    right.setAttribute("aria-label", `Change what ${calledOf(peer)} may do`)
    if (user === null) right.title = "Rights are stored for users, and this connection has none"
    else right.addEventListener("click", () => changeRight(this.peer, user))
    this.element = h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h("span", { class: "who" }, peer.name ?? peer.user ?? "No name"),
        h("span", { class: "under" }, user === null ? "no user" : user, peer.address === null ? null : ` · ${peer.address}`),
      ),
      this.access,
      this.lag,
      this.unanswered,
      this.unread,
      this.since,
      h("td", { "data-label": "Over" }, PROTOCOLS[peer.protocol] ?? peer.protocol, h("code", { class: "under", title: "As in the log" }, peer.connection)),
      h("td", { "data-label": "Worker", class: "number", title: peer.node }, shortNode(peer.node)),
      h("td", { class: "deeds" }, right, away),
    )
  }

  show(peer: Peer, now: number): void {
    this.peer = peer
    say(this.access, peer.access)
    const late = peer.behind_since === null ? "" : ` · ${lasting(now - peer.behind_since)}`
    say(this.lag, peer.lag === 0 ? "0" : `${counted(peer.lag, "version")}${late}`, peer.lag > 0)
    say(this.unanswered, count(peer.unanswered), peer.unanswered > 0)
    say(this.unread, peer.waiting_bytes === null ? "–" : bytes(peer.waiting_bytes), (peer.waiting_bytes ?? 0) > 0)
    say(this.since, lasting(now - peer.since))
    this.since.title = exactly(peer.since)
  }
}
