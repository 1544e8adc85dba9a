// What several pages have: the sign that leads home, and a refusal with a way out.
import type { Problem } from "../api"
import { h } from "../dom"
import mark from "../mark.svg"
import { tokenForm } from "../signing"
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

/** A refusal in words, with the field for a token where that is what is missing. */
export function refusal(problem: Problem, retry: () => void, ...more: HTMLElement[]): HTMLElement {
  const words = wordsOfProblem(problem)
  return h(
    "section",
    { class: "refusal", role: "alert" },
    h("h2", {}, words.title),
    h("p", {}, words.advice),
    ...more,
    problem.status === 401 ? tokenForm(retry) : null,
  )
}
