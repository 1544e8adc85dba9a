// What an operator can do: send a peer away, change a right, put a document in quarantine.
import { h } from "../dom"
import { type Access, disconnect, grant, type Peer, quarantine } from "./api"
import type { Deed } from "./ask"

export function sendAway(id: string, peer: Peer): Deed {
  return {
    title: `Disconnect ${calledOf(peer)}?`,
    body: [
      h("p", {}, "The connection is closed. Their editor comes back by itself and sends what was not stored: nothing is lost."),
      h("p", { class: "muted" }, "To keep somebody away, change what they may do instead."),
    ],
    words: "Disconnect",
    done: `${calledOf(peer)} was disconnected`,
    act: () => disconnect(id, peer.connection),
  }
}

const RIGHTS: readonly (readonly [Access | "token", string])[] = [
  ["none", "Nothing: they are sent away"],
  ["read", "Read"],
  ["write", "Write"],
  ["admin", "Administer"],
  ["token", "What their token says"],
]

/** `user` has a name: rights are stored for names. */
export function changeRight(id: string, user: string, peer: Peer): Deed {
  const choices = RIGHTS.map(([value, label]) =>
    h(
      "label",
      { class: "right" },
      h("input", { type: "radio", name: "right", value, checked: value === peer.access }),
      h("span", {}, label),
    ),
  )
  const field = h("fieldset", { class: "rights" }, h("legend", {}, `What ${user} may do with ${id}`), ...choices)
  return {
    title: "Change a right",
    body: [field, h("p", { class: "muted" }, "It is stored for this document, counts before their token, and takes effect at once, on every connection they have.")],
    words: "Change",
    done: `The right of ${user} was changed`,
    act: () => {
      const chosen = field.querySelector<HTMLInputElement>("input:checked")?.value ?? "token"
      return grant(id, user, chosen === "token" ? null : (chosen as Access))
    },
  }
}

export function beginQuarantine(id: string, peers: number): Deed {
  return {
    title: `Put ${id} in quarantine?`,
    body: [
      h(
        "p",
        {},
        `Everybody is sent away${peers === 0 ? "" : ` (${peers} here now)`} and nobody let in, on every server, until you lift it. ` +
          "Nothing is lost: editors keep what was not stored and send it afterwards.",
      ),
      h("p", { class: "muted" }, "You can still read and delete it over the HTTP API."),
    ],
    words: "Put in quarantine",
    done: `${id} is in quarantine`,
    act: () => quarantine(id, true),
  }
}

export function endQuarantine(id: string): Deed {
  return {
    title: `Lift the quarantine of ${id}?`,
    body: [h("p", {}, "Everybody who has a right to it can open it again, and editors that wait come back by themselves.")],
    words: "Lift it",
    done: `${id} is open again`,
    act: () => quarantine(id, false),
  }
}

/** What a peer is called by who has to tell it from others. */
export function calledOf(peer: Peer): string {
  return peer.name ?? peer.user ?? "somebody without a name"
}
