// The buttons of an editor that has formats: groups that one walks through with the arrow keys. What
// they do and when they are pressed, the editor says.
import { h } from "../dom"
import { type ToolIcon, toolIcon } from "./tool-icons"

export interface Tool {
  readonly name: string
  readonly label: string
  readonly icon: ToolIcon
  /** The keys that do the same, to be told. */
  readonly keys?: string
  run(): void
  /** Whether the format holds where the caret is; absent: it is no format. */
  isOn?(): boolean
  isPossible?(): boolean
}

/** A choice of one among several, such as the kind of a paragraph. */
export interface Pick {
  readonly label: string
  readonly options: readonly (readonly [value: string, label: string])[]
  value(): string
  choose(value: string): void
}

export interface Toolbar {
  /** Ask all tools anew. */
  refresh(mayType: boolean): void
}

export function makeToolbar(place: HTMLElement, pick: Pick, groups: readonly (readonly Tool[])[]): Toolbar {
  const select = h(
    "select",
    { "aria-label": pick.label, class: "pick" },
    ...pick.options.map(([value, label]) => h("option", { value }, label)),
  )
  select.addEventListener("change", () => pick.choose(select.value))
  const buttons = new Map<Tool, HTMLButtonElement>()
  const made = groups.map((tools) => h("div", { class: "tool-group", role: "group" }, ...tools.map((tool) => button(tool, buttons))))
  const bar = h("div", { class: "tools", role: "toolbar", "aria-label": "Formats" }, h("div", { class: "tool-group" }, select), ...made)
  place.replaceChildren(bar)
  walkWithArrows(bar)

  return {
    refresh(mayType) {
      const value = pick.value()
      if (select.value !== value) select.value = value
      select.disabled = !mayType
      for (const [tool, element] of buttons) {
        if (tool.isOn !== undefined) element.setAttribute("aria-pressed", String(tool.isOn()))
        element.disabled = !mayType || tool.isPossible?.() === false
      }
    },
  }
}

function button(tool: Tool, buttons: Map<Tool, HTMLButtonElement>): HTMLElement {
  const title = tool.keys === undefined ? tool.label : `${tool.label} (${tool.keys})`
  const made = h(
    "button",
    { type: "button", class: "tool", "aria-label": tool.label, title, "data-tool": tool.name },
    toolIcon(tool.icon),
  )
  // The text keeps its selection, and a phone its keyboard.
  made.addEventListener("pointerdown", (event) => event.preventDefault())
  made.addEventListener("click", () => tool.run())
  buttons.set(tool, made)
  return made
}

/** One stop for the tab key; from there the arrows lead on. */
function walkWithArrows(bar: HTMLElement): void {
  const all = () => [...bar.querySelectorAll<HTMLElement>("select, button")]
  const stops = all()
  const settle = (at: HTMLElement) => {
    for (const each of stops) each.tabIndex = each === at ? 0 : -1
  }
  if (stops[0] !== undefined) settle(stops[0])
  bar.addEventListener("focusin", (event) => settle(event.target as HTMLElement))
  bar.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return
    const usable = all().filter((each) => !each.matches(":disabled"))
    const at = usable.indexOf(document.activeElement as HTMLElement)
    const step = event.key === "ArrowRight" ? 1 : -1
    event.preventDefault()
    usable[(at + step + usable.length) % usable.length]?.focus()
  })
}
