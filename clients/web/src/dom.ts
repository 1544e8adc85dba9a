// Makes elements. Text is only ever set as text, so nothing that people or documents say becomes
// markup.

export type Child = Node | string | null

export interface Attributes {
  readonly [name: string]: string | boolean | number | null | undefined
}

/** An element with attributes (true: present, false, null and undefined: absent) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    element.setAttribute(name, value === true ? "" : String(value))
  }
  element.append(...children.filter((child) => child !== null))
  return element
}

const SVG = "http://www.w3.org/2000/svg"

/** A 20 by 20 line drawing, for the eye only. */
export function icon(path: string): SVGSVGElement {
  const drawing = document.createElementNS(SVG, "svg")
  drawing.setAttribute("viewBox", "0 0 20 20")
  drawing.setAttribute("class", "icon")
  drawing.setAttribute("aria-hidden", "true")
  const line = document.createElementNS(SVG, "path")
  line.setAttribute("d", path)
  drawing.append(line)
  return drawing
}

export const ICONS = {
  back: "M12 4.5 6.5 10l5.5 5.5",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM13 13l3.5 3.5",
  link: "M8.5 11.5a3 3 0 0 0 4.3 0l2.4-2.4a3 3 0 0 0-4.3-4.3l-.9.9M11.5 8.5a3 3 0 0 0-4.3 0l-2.4 2.4a3 3 0 0 0 4.3 4.3l.9-.9",
  key: "M12.5 3a4.5 4.5 0 0 0-4.3 5.8L3 14v3h3v-2h2v-2h1.5l1.7-1.7A4.5 4.5 0 1 0 12.5 3ZM13.5 6.5h.01",
} as const

/** One line at the bottom for a moment, read out by screen readers. */
export function toast(text: string): void {
  document.querySelector(".toast")?.remove()
  const line = h("p", { class: "toast", role: "status" })
  document.body.append(line)
  line.textContent = text
  setTimeout(() => line.remove(), 4000)
}
