// What several pages have: the sign that leads home, and a refusal with a way out.
import type { Problem } from "../api"
import { h } from "../dom"
import mark from "../mark.svg"
import { signInPanel } from "../signing"
import { wordsOfProblem } from "../words"

/** The sign that leads to the list. */
export function sign(): HTMLElement {
  return h(
    "a",
    { href: "/", class: "sign", "aria-label": "All documents" },
    h("img", { src: mark, alt: "", width: 28, height: 28 }),
    h("span", {}, "collab"),
  )
}

/** A refusal in words, or the question for a token where that is what is missing: with one that
 * holds, `retry`. */
export function refusal(problem: Problem, retry: () => void, ...more: HTMLElement[]): HTMLElement {
  const words = wordsOfProblem(problem)
  if (problem.status === 401) return signInPanel(words, retry)
  return h(
    "section",
    { class: "refusal", role: "alert" },
    h("h2", {}, words.title),
    h("p", {}, words.advice),
    ...more,
  )
}
