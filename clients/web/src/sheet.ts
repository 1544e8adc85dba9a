// A sheet above the page: a modal dialog with a title and a way to close it.
import { type Child, h } from "./dom"
import { icon } from "./icons"

export interface Sheet {
  readonly element: HTMLDialogElement
  close(): void
}

let open: HTMLDialogElement | null = null

/** Show a sheet; another one that is open goes. `closed` is called once, however it is closed. */
export function openSheet(title: string, name: string, body: readonly Child[], closed?: () => void): Sheet {
  open?.close()
  const id = `sheet-${name}`
  const close = h("button", { type: "button", class: "tool", "aria-label": "Close" }, icon("close"))
  const element = h(
    "dialog",
    { class: `sheet ${name}-sheet`, "aria-labelledby": id },
    h("div", { class: "sheet-head" }, h("h2", { id }, title), close),
    ...body,
  )
  close.addEventListener("click", () => element.close())
  element.addEventListener("click", (event) => {
    if (event.target === element && outside(event, element)) element.close()
  })
  element.addEventListener("close", () => {
    if (open === element) open = null
    element.remove()
    closed?.()
  })
  document.body.append(element)
  open = element
  element.showModal()
  return { element, close: () => element.close() }
}

/** When another page comes: its sheets go with it. */
export function closeSheets(): void {
  open?.close()
}

function outside(event: MouseEvent, element: HTMLElement): boolean {
  const { left, right, top, bottom } = element.getBoundingClientRect()
  const { clientX: x, clientY: y } = event
  return x < left || x > right || y < top || y > bottom
}
