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

const TOAST_MILLISECONDS = 4000
const OFFER_MILLISECONDS = 20_000

/** One line at the bottom for a moment, read out by screen readers; longer if it offers something. */
export function toast(text: string, offer?: { readonly label: string; go(): void }): void {
  document.querySelector(".toast")?.remove()
  const words = h("span", { role: "status" })
  const line = h("div", { class: "toast" }, words)
  document.body.append(line)
  words.textContent = text
  if (offer !== undefined) {
    const button = h("button", { type: "button", class: "toast-button" }, offer.label)
    button.addEventListener("click", () => {
      line.remove()
      offer.go()
    })
    line.append(button)
  }
  setTimeout(() => line.remove(), offer === undefined ? TOAST_MILLISECONDS : OFFER_MILLISECONDS)
}
