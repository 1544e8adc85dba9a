// What both pages of the inspector have: the head, and how fresh what they show is.
import type { Problem } from "../api"
import { h } from "../dom"
import { shortcutsButton, sign, themeButton } from "../pages/parts"
import { account } from "../signing"
import { wordsOfProblem } from "../words"
import { counted } from "./figures"

export function head(): HTMLElement {
  return h(
    "header",
    { class: "top" },
    sign(),
    h("nav", { "aria-label": "Settings" }, shortcutsButton(), themeButton(), account()),
  )
}

/** A figure with its name, for a list of them; what is notable stands out. */
export function figure(name: string, value: string, notable = false): HTMLElement {
  return h("div", {}, h("dt", {}, name), h("dd", { class: notable ? "number notable" : "number" }, value))
}

/** Whether the figures are of now, and what is wrong if not. */
export class Freshness {
  readonly element = h("p", { class: "fresh", role: "status" })
  /** In place of the figures, or above those that are old. */
  readonly trouble = h("div", { class: "trouble" })
  private said = ""

  now(silent: number): void {
    this.trouble.replaceChildren()
    this.say("live", silent === 0 ? "Live" : `Live, but ${counted(silent, "worker does", "workers do")} not answer`)
  }

  /** `instead` is what there is in place of a line. */
  failed(problem: Problem, retry: () => void, instead: HTMLElement | null): void {
    const words = wordsOfProblem(problem)
    this.say("old", instead === null ? "Not live" : "")
    if (instead !== null) {
      this.trouble.replaceChildren(instead)
      return
    }
    const again = h("button", { type: "button", class: "button small" }, "Try now")
    again.addEventListener("click", retry)
    this.trouble.replaceChildren(
      h("p", { class: "warning", role: "alert" }, h("strong", {}, `${words.title}. `), "The figures below are the last there were.", again),
    )
  }

  private say(state: string, text: string): void {
    this.element.dataset["state"] = state
    if (text === this.said) return // nobody is told the same again and again
    this.said = text
    this.element.textContent = text
  }
}
