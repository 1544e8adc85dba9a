// What somebody's caret looks like in any text; styles/editor.css says how their colour does.
import type { Person } from "../people"

export function peerCaret(person: Person): HTMLElement {
  const name = document.createElement("span")
  name.className = "peer-name"
  name.textContent = person.name
  const caret = document.createElement("span")
  caret.className = `peer-caret hue-${person.hue}`
  caret.setAttribute("aria-hidden", "true")
  caret.append(name)
  return caret
}

export function peerSelection(person: Person): string {
  return `peer-selection hue-${person.hue}`
}
