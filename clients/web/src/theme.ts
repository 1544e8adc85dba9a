// Light, dark, or as the system has it: kept in this browser, shown by `data-theme` on the root.

const KEY = "collab.theme"

export const THEMES = ["system", "light", "dark"] as const
export type Theme = (typeof THEMES)[number]

export function theme(): Theme {
  const kept = localStorage.getItem(KEY)
  return THEMES.find((each) => each === kept) ?? "system"
}

export function setTheme(wanted: Theme): void {
  if (wanted === "system") localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, wanted)
  applyTheme()
}

/** Show what is kept; also when another window of this browser changed it. */
export function followTheme(): void {
  applyTheme()
  addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) applyTheme()
  })
}

/** The one after this one, for a button that goes round. */
export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? "system"
}

function applyTheme(): void {
  const wanted = theme()
  if (wanted === "system") delete document.documentElement.dataset["theme"]
  else document.documentElement.dataset["theme"] = wanted
}
