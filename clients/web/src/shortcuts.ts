// Keys that do something on a page, and the sheet that tells of them. A page names its own when it is
// made, and they go with it; keys without a modifier are left to whoever is typing.
import { h } from "./dom"
import { openSheet } from "./sheet"

export interface Shortcut {
  /** As in `KeyboardEvent.key`; with `mod` while Control, or Command on a Mac, is held, with `alt`
   * and `shift` likewise. */
  readonly key: string
  readonly mod?: boolean
  readonly alt?: boolean
  readonly shift?: boolean
  readonly label: string
  /** Absent: an editor or the browser does it itself; it is only told. */
  run?(): void
}

const MAC = /Mac|iP(hone|ad)/.test(navigator.platform)

/** What the key is called that goes with others. */
export const MOD = MAC ? "⌘" : "Ctrl"

const EVERYWHERE: readonly Shortcut[] = [
  { key: "?", label: "Show these shortcuts", run: () => showShortcuts() },
  { key: "/", mod: true, label: "The same, from within a text", run: () => showShortcuts() },
]

let ofPage: readonly Shortcut[] = []

/** What the page that is shown now has; replaces what the one before had. */
export function pageShortcuts(shortcuts: readonly Shortcut[]): void {
  ofPage = shortcuts
}

export function followShortcuts(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return
    const found = [...ofPage, ...EVERYWHERE].find((each) => each.run !== undefined && means(event, each))
    if (found === undefined) return
    event.preventDefault()
    found.run?.()
  })
}

export function showShortcuts(): void {
  const rows = [...ofPage, ...EVERYWHERE].flatMap((each) => [
    h("dt", {}, each.label),
    h("dd", {}, ...keysOf(each).map((key) => h("kbd", {}, key))),
  ])
  openSheet("Keyboard shortcuts", "shortcuts", [h("dl", { class: "shortcuts" }, ...rows)])
}

function means(event: KeyboardEvent, { key, mod, alt, shift }: Shortcut): boolean {
  const held = MAC ? event.metaKey : event.ctrlKey
  if (held !== (mod ?? false) || event.altKey !== (alt ?? false)) return false
  if (mod !== true && alt !== true) return event.key === key && !typing(event) && !inSheet()
  const pressed = event.key.toLowerCase() === key || event.code === `Key${key.toUpperCase()}`
  return pressed && event.shiftKey === (shift ?? false)
}

function typing(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement
  return target.isContentEditable || target.matches("input:not([type=radio]), textarea, select")
}

function inSheet(): boolean {
  return document.querySelector("dialog[open]") !== null
}

function keysOf({ key, mod, alt, shift }: Shortcut): string[] {
  const keys: string[] = []
  if (mod === true) keys.push(MOD)
  if (alt === true) keys.push(MAC ? "⌥" : "Alt")
  if (shift === true) keys.push("Shift")
  keys.push(key.length === 1 ? key.toUpperCase() : key)
  return keys
}
