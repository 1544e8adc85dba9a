// Documents that have no editor here yet: their text, followed while the page is looked at, and who
// edits them.
import { getText, Problem, type DocumentRow } from "../api"
import { h } from "../dom"
import { wordsOfProblem } from "../words"
import type { Place, Running } from "./editor"

const FOLLOW_MILLISECONDS = 3000

export function open(row: DocumentRow, place: Place): Running {
  const text = h("pre", { class: "reading", tabindex: 0, "aria-label": "Text of the document" })
  const state = h("p", { class: "pill", "data-state": "connecting", role: "status" })
  const words = h("span", {}, "Loading…")
  state.append(h("i", { class: "dot" }), words)
  place.status.append(state)
  place.body.append(text)
  place.notice.append(noteFor(row))

  let etag: string | null = null
  let gone = false
  let timer = 0
  const show = (kind: string, shown: string) => {
    state.dataset["state"] = kind
    words.textContent = shown
  }

  const follow = async () => {
    try {
      const content = document.hidden && etag !== null ? null : await getText(row.id, etag)
      if (gone) return
      if (content !== null) {
        etag = content.etag
        text.textContent = content.text
        text.classList.toggle("empty", content.text === "")
        show("reading", `Version ${content.version}`)
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (gone) return
      etag = null // so that the next answer says which version it is
      show("offline", wordsOfProblem(error).title)
    }
    timer = window.setTimeout(() => void follow(), FOLLOW_MILLISECONDS)
  }
  void follow()

  return {
    mayLeave: () => true,
    leave() {
      gone = true
      clearTimeout(timer)
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
