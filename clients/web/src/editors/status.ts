// The connection in words: a short one in the bar, a whole sentence under it when it matters.
import type { Connection } from "../connection"
import { h } from "../dom"
import { tokenForm } from "../signing"
import type { Words } from "../words"

export interface StatusActions {
  /** Connect anew, with whatever token there is by then. */
  tryAgain(): void
}

export interface Status {
  show(connection: Connection, unsent: boolean, readOnly: boolean): void
}

export function makeStatus(pillPlace: HTMLElement, notice: HTMLElement, actions: StatusActions): Status {
  const words = h("span", {})
  const pill = h("p", { class: "pill", role: "status" }, h("i", { class: "dot" }), words)
  const banner = h("div", { class: "banner", role: "alert", hidden: true })
  pillPlace.append(pill)
  notice.append(banner)
  let shown = ""

  return {
    show(connection, unsent, readOnly) {
      const [state, short] = shortWords(connection, readOnly)
      pill.dataset["state"] = state
      if (words.textContent !== short) words.textContent = short
      const long = longWords(connection, unsent)
      const key = JSON.stringify([connection.state, long])
      if (key === shown) return // so that it is read out once
      shown = key
      banner.hidden = long === null
      banner.dataset["state"] = state
      banner.replaceChildren()
      if (long === null) return
      banner.append(h("p", {}, h("strong", {}, long.title), ". ", long.advice))
      if (connection.state === "refused") banner.append(wayOut(connection.code, actions))
    },
  }
}

function shortWords(connection: Connection, readOnly: boolean): [string, string] {
  switch (connection.state) {
    case "connecting":
      return connection.failed ? ["offline", "No connection"] : ["connecting", "Connecting…"]
    case "syncing":
      return ["connecting", connection.before ? "Catching up…" : "Loading…"]
    case "live":
      return readOnly ? ["reading", "Live, read only"] : ["live", "Live"]
    case "offline":
      return ["offline", "Offline"]
    case "refused":
      return ["refused", "Not connected"]
  }
}

function longWords(connection: Connection, unsent: boolean): Words | null {
  switch (connection.state) {
    case "connecting":
      if (!connection.failed) return null
      return connection.why ?? {
        title: "The server does not answer",
        advice: "The document is shown as soon as it is there.",
      }
    case "offline":
      return {
        title: connection.why?.title ?? "The connection is lost",
        advice: unsent
          ? "What you typed is kept in this tab only, and sent when the server is back: do not close it."
          : "You can go on typing: it is kept in this tab and sent when the server is back.",
      }
    case "refused":
      if (!unsent) return connection.why
      return {
        title: connection.why.title,
        advice: `${connection.why.advice} Your last edits are in this tab only: copy them before you close it.`,
      }
    default:
      return null
  }
}

function wayOut(code: number, actions: StatusActions): HTMLElement {
  if (code === 4401) return tokenForm(() => actions.tryAgain())
  const button = h("button", { type: "button", class: "button small" }, "Try again")
  button.addEventListener("click", () => actions.tryAgain())
  return button
}
