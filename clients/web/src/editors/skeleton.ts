// What is shown while the text is on its way.
import { h } from "../dom"

export function skeleton(): HTMLElement {
  const lines = ["long", "long", "short", "gap", "long", "middle"]
  return h("div", { class: "skeleton", "aria-hidden": "true" }, ...lines.map((line) => h("i", { class: line })))
}
