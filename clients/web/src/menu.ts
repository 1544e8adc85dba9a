// A menu under a button: buttons and links, walked by arrows, closed by Escape or a click elsewhere.
import { h } from "./dom"

export interface Menu {
  /** The button and the menu, to be put into a page. */
  readonly element: HTMLElement
  close(): void
}

/** `items` is asked each time the menu opens. */
export function menuUnder(button: HTMLButtonElement, items: () => readonly HTMLElement[]): Menu {
  const menu = h("div", { class: "menu", role: "group", hidden: true })
  const element = h("div", { class: "menu-place" }, button, menu)
  button.setAttribute("aria-expanded", "false")

  const show = (open: boolean) => {
    menu.hidden = !open
    button.setAttribute("aria-expanded", String(open))
    if (!open) return
    menu.replaceChildren(...items())
    focusables(menu)[0]?.focus()
    document.addEventListener("pointerdown", onOutside)
  }
  const close = () => {
    document.removeEventListener("pointerdown", onOutside)
    if (!menu.hidden) show(false)
  }
  const onOutside = (event: Event) => {
    if (!element.isConnected || !element.contains(event.target as Node)) close()
  }
  button.addEventListener("click", () => (menu.hidden ? show(true) : close()))
  menu.addEventListener("click", (event) => {
    if ((event.target as Element).closest("button, a") !== null) close()
  })
  element.addEventListener("keydown", (event) => {
    if (menu.hidden) return
    if (event.key === "Escape") {
      event.stopPropagation()
      close()
      button.focus()
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault()
      const all = focusables(menu)
      const step = event.key === "ArrowDown" ? 1 : -1
      const at = all.indexOf(document.activeElement as HTMLElement)
      all[(at + step + all.length) % all.length]?.focus()
    }
  })
  return { element, close }
}

function focusables(menu: HTMLElement): HTMLElement[] {
  return [...menu.querySelectorAll<HTMLElement>("button:enabled, a[href]")]
}
