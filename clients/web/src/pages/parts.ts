// What several pages have: the sign that leads home, the buttons of the head, faces, and a refusal
// with a way out.
import type { Problem } from "../api"
import { h } from "../dom"
import { icon } from "../icons"
import mark from "../mark.svg"
import { initials, type Person } from "../people"
import { showShortcuts } from "../shortcuts"
import { signInPanel } from "../signing"
import { nextTheme, setTheme, theme, type Theme } from "../theme"
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

const THEME_WORDS: Readonly<Record<Theme, string>> = {
  system: "Theme: as the system",
  light: "Theme: light",
  dark: "Theme: dark",
}
const THEME_ICONS = { system: "auto", light: "sun", dark: "moon" } as const

/** Goes round light, dark and what the system says. With its words where there is room. */
export function themeButton(worded = false): HTMLElement {
  const button = h("button", { type: "button", class: "tool theme" })
  const show = () => {
    const words = THEME_WORDS[theme()]
    button.replaceChildren(icon(THEME_ICONS[theme()]), worded ? h("span", {}, words) : "")
    if (worded) return
    button.title = words
    button.setAttribute("aria-label", words)
  }
  button.addEventListener("click", (event) => {
    event.stopPropagation() // a menu that it is in stays
    setTheme(nextTheme())
    show()
  })
  show()
  return button
}

export function shortcutsButton(worded = false): HTMLElement {
  const words = "Keyboard shortcuts"
  const named = worded ? {} : { "aria-label": words, title: `${words} (?)` }
  const button = h("button", { type: "button", class: "tool keys", ...named }, icon("keyboard"), worded ? h("span", {}, words) : null)
  button.addEventListener("click", showShortcuts)
  return button
}

export function face(person: Person): HTMLElement {
  return h("span", { class: `face hue-${person.hue}`, title: person.name }, initials(person.name))
}

/** The first faces, and how many more there are. */
export function faces(people: readonly Person[], most: number): HTMLElement[] {
  const more = people.length - most
  const shown = people.slice(0, most).map(face)
  if (more > 0) shown.push(h("span", { class: "face more" }, `+${more}`))
  return shown
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
