// One whole sentence under the bar when it matters, with the way out of it.
import { h } from "../dom"
import type { Words } from "../words"

export interface Banner {
  /** Say this, in the tone of a state, with these buttons; null: nothing. Said once, until it
   * changes. */
  show(state: string, words: Words | null, ways?: readonly WayOut[]): void
}

export interface WayOut {
  readonly label: string
  go(): void
}

export function makeBanner(notice: HTMLElement): Banner {
  const banner = h("div", { class: "banner", role: "alert", hidden: true })
  notice.append(banner)
  let shown = ""

  return {
    show(state, words, ways = []) {
      const key = JSON.stringify([state, words, ways])
      if (key === shown) return // so that it is read out once
      shown = key
      banner.hidden = words === null
      banner.dataset["state"] = state
      banner.replaceChildren()
      if (words === null) return
      banner.append(h("p", {}, h("strong", {}, words.title), ". ", words.advice), ...ways.map(button))
    },
  }
}

function button(way: WayOut): HTMLElement {
  const made = h("button", { type: "button", class: "button small" }, way.label)
  made.addEventListener("click", () => way.go())
  return made
}
