// The connection, one's right and what has become of what one typed, in words: a short one in the bar,
// a whole sentence under it when it matters. "Saved" is only said of what the server has stored.
import type { Connection } from "../connection"
import { h } from "../dom"
import { openSignIn } from "../signing"
import { type Words, wordsOfDenial } from "../words"
import { makeBanner, type WayOut } from "./banner"

const NOT_SIGNED_IN = 4401

export interface StatusActions {
  /** Connect anew, with whatever token there is by then. */
  tryAgain(): void
}

/** What one may do, and what has become of what one did. */
export interface Standing {
  readonly readOnly: boolean
  /** The server's reason for having made it read only while one was here. */
  readonly denied: string | null
  /** Something was typed that is not known to be stored. */
  readonly pending: boolean
  /** It is kept in this browser, and outlives the tab. */
  readonly kept: boolean
}

export interface Status {
  show(connection: Connection, standing: Standing): void
}

export function makeStatus(pillPlace: HTMLElement, notice: HTMLElement, actions: StatusActions): Status {
  const words = h("span", {})
  const pill = h("p", { class: "pill" }, h("i", { class: "dot" }), words)
  // Read out when it changes for longer than a keystroke: saving and saved take turns all the time.
  const told = h("p", { class: "unseen", role: "status" })
  pillPlace.append(pill, told)
  const banner = makeBanner(notice)

  return {
    show(connection, standing) {
      const [state, short] = shortWords(connection, standing)
      pill.dataset["state"] = state
      pill.title = titles[state] ?? ""
      if (words.textContent !== short) words.textContent = short
      const said = state === "saving" || state === "saved" ? "Connected" : short
      if (told.textContent !== said) told.textContent = said
      banner.show(state, longWords(connection, standing), waysOut(connection, actions))
    },
  }
}

const titles: Readonly<Record<string, string>> = {
  saved: "Everything you typed is stored on the server",
  saving: "What you typed last is on its way to the server",
  reading: "You see what others write as they write it",
  offline: "What you type is kept in this tab until the server is back",
}

function shortWords(connection: Connection, { readOnly, pending }: Standing): [string, string] {
  switch (connection.state) {
    case "connecting":
      return connection.failed ? ["offline", "No connection"] : ["connecting", "Connecting…"]
    case "syncing":
      return ["connecting", connection.before ? "Catching up…" : "Loading…"]
    case "live":
      if (readOnly) return ["reading", "Read only"]
      return pending ? ["saving", "Saving…"] : ["saved", "Saved"]
    case "offline":
      return ["offline", "Offline"]
    case "refused":
      return ["refused", connection.code === NOT_SIGNED_IN ? "Signed out" : "Not connected"]
  }
}

function longWords(connection: Connection, standing: Standing): Words | null {
  switch (connection.state) {
    case "connecting":
      if (!connection.failed) return null
      return connection.why ?? {
        title: "The server does not answer",
        advice: "The document is shown as soon as it is there.",
      }
    case "offline":
      return { title: connection.why?.title ?? "The connection is lost", advice: adviceOffline(standing) }
    case "refused":
      return { title: connection.why.title, advice: adviceRefused(connection, standing) }
    case "live":
      return standing.denied === null ? null : deniedWords(standing.denied, standing.pending)
    default:
      return null
  }
}

function deniedWords(reason: string, pending: boolean): Words {
  const words = wordsOfDenial(reason)
  if (!pending) return words
  return {
    title: words.title,
    advice: "What you typed last may be on this page only: copy it before you leave.",
  }
}

function adviceOffline({ readOnly, pending, kept }: Standing): string {
  if (readOnly) return "This page keeps trying."
  if (pending && kept) return "What you typed is kept in this browser, and sent when the server is back."
  return pending
    ? "What you typed is kept in this tab only, and sent when the server is back: do not close it."
    : "You can go on typing: it is kept in this tab and sent when the server is back."
}

function adviceRefused(connection: Connection & { readonly state: "refused" }, { pending }: Standing): string {
  if (connection.code === NOT_SIGNED_IN && connection.before) {
    return pending
      ? "Until you sign in again you can only read here. Your last edits are kept in this tab: do not close it."
      : "Until you sign in again you can only read here."
  }
  return pending
    ? `${connection.why.advice} Your last edits may be in this tab only: copy them.`
    : connection.why.advice
}

function waysOut(connection: Connection, actions: StatusActions): readonly WayOut[] {
  if (connection.state === "live") return [{ label: "Check again", go: actions.tryAgain }]
  if (connection.state !== "refused") return []
  if (connection.code !== NOT_SIGNED_IN) return [{ label: "Try again", go: actions.tryAgain }]
  const words = wordsForDialog(connection.why)
  return [{ label: "Sign in", go: () => openSignIn(words, actions.tryAgain) }]
}

/** In the dialog as in the banner, but that one goes on with what is here. */
function wordsForDialog(why: Words): Words {
  return { title: why.title, advice: "Paste another one and go on where you are. It is kept for this tab only." }
}
