// Documents that have no editor here yet: their text, followed while the page is looked at.
import { getText, Problem, type DocumentRow } from "../api"
import { h } from "../dom"
import { closeSignIn, openSignIn } from "../signing"
import { wordsOfProblem } from "../words"
import { makeBanner } from "./banner"
import type { Place, Running } from "./editor"

const FOLLOW_MILLISECONDS = 3000

export function open(row: DocumentRow, place: Place): Running {
  const text = h("pre", { class: "reading", tabindex: 0, "aria-label": "Text of the document" })
  const state = h("p", { class: "pill", "data-state": "connecting", role: "status" })
  const words = h("span", {}, "Loading…")
  state.append(h("i", { class: "dot" }), words)
  place.status.append(state)
  place.body.append(text)
  const banner = makeBanner(place.notice)
  place.notice.append(noteFor(row))

  let etag: string | null = null
  let gone = false
  let timer = 0
  const show = (kind: string, shown: string) => {
    state.dataset["state"] = kind
    words.textContent = shown
  }

  const follow = async () => {
    clearTimeout(timer)
    try {
      const content = document.hidden && etag !== null ? null : await getText(row.id, etag)
      if (gone) return
      if (content !== null) {
        etag = content.etag
        text.textContent = content.text
        text.classList.toggle("empty", content.text === "")
        show("reading", `Version ${content.version}`)
        banner.show("reading", null)
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (gone) return
      etag = null // so that the next answer says which version it is
      if (refuse(error)) return
    }
    timer = window.setTimeout(() => void follow(), FOLLOW_MILLISECONDS)
  }
  const again = () => void follow()

  /** Say why nothing comes, over the text that is here; whether there is no use in asking on. */
  const refuse = (problem: Problem): boolean => {
    const why = wordsOfProblem(problem)
    switch (problem.status) {
      case 401:
        show("refused", "Signed out")
        banner.show("refused", why, [{ label: "Sign in", go: () => openSignIn(why, again) }])
        return true
      case 403:
      case 404:
        show("refused", "Not followed")
        banner.show("refused", why, [{ label: "Try again", go: again }])
        return true
      default:
        show("offline", why.title)
        return false
    }
  }
  again()

  return {
    mayLeave: () => true,
    signedIn() {
      closeSignIn()
      again()
    },
    leave() {
      gone = true
      clearTimeout(timer)
      closeSignIn()
    },
  }
}

function noteFor(row: DocumentRow): HTMLElement {
  const what = row.type === "richtext" ? "a rich text (Quill Delta), shown without its formats" : "a plain text"
  return h(
    "div",
    { class: "note" },
    h("strong", {}, "Read only here. "),
    `This document is ${what}. Programs edit it live with the Python client (collab_client), `,
    "over HTTP, or from a terminal with ",
    h("code", {}, `collab edit ${row.id}`),
    ".",
  )
}
