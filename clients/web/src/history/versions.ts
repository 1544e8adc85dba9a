// The versions that have names: go to one, give one a name, another one, or none.
import { Problem } from "../api"
import { h } from "../dom"
import { icon } from "../icons"
import { openSheet, type Sheet } from "../sheet"
import { ago } from "../times"
import { wordsOfProblem } from "../words"
import type { NamedVersion, Past } from "./api"

const MAX_NAME_LENGTH = 100

export interface VersionActions {
  go(version: number): void
  changed(): void
}

/** Show them; `version` is the one that may be named here. */
export async function openVersions(past: Past, version: number, mayWrite: boolean, actions: VersionActions): Promise<void> {
  const list = h("ul", { class: "version-list" })
  const error = h("p", { class: "error", role: "alert" })
  const input = h("input", { id: "version-name", class: "field", maxlength: MAX_NAME_LENGTH, autocomplete: "off", autofocus: true })
  const button = h("button", { class: "button primary" }, "Name it")
  const form = h(
    "form",
    { class: "stack", hidden: !mayWrite, novalidate: true },
    h("label", { class: "label", for: "version-name" }, `A name for version ${version}`),
    h("div", { class: "copy-row" }, input, button),
  )
  let sheet: Sheet | null = null

  const attempt = async (change: () => Promise<void>) => {
    error.textContent = ""
    try {
      await change()
      await load()
      actions.changed()
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure
      const { title, advice } = wordsOfProblem(failure)
      error.textContent = failure.code === "version_exists" ? "This version has a name already: give it another one below." : `${title}. ${advice}`
    }
  }
  const load = async () => {
    const named = await past.named()
    list.replaceChildren(...named.map(line))
    if (named.length === 0) list.append(h("li", { class: "muted" }, "No version has a name yet."))
  }
  const line = (each: NamedVersion): HTMLElement => {
    const go = h(
      "button",
      { type: "button", class: "tool version-go" },
      each.name,
      h("small", { class: "number" }, `Version ${each.version} · ${ago(each.time)}${each.automatic ? " · automatic" : ""}`),
    )
    go.addEventListener("click", () => {
      sheet?.close()
      actions.go(each.version)
    })
    const forget = h("button", { type: "button", class: "tool", "aria-label": `Forget the name “${each.name}”`, title: "Forget the name" }, icon("close"))
    forget.addEventListener("click", () => void attempt(() => past.forget(each.version)))
    const rename = h("button", { type: "button", class: "tool", "aria-label": `Rename “${each.name}”`, title: "Rename" }, icon("pen"))
    rename.addEventListener("click", () => {
      const field = h("input", { class: "field", value: each.name, maxlength: MAX_NAME_LENGTH, "aria-label": "Name" })
      const save = h("button", { class: "button" }, "Save")
      const edit = h("form", { class: "copy-row" }, field, save)
      edit.addEventListener("submit", (event) => {
        event.preventDefault()
        void attempt(() => past.rename(each.version, field.value.trim()))
      })
      go.closest("li")?.replaceChildren(edit)
      field.select()
    })
    return h("li", {}, go, ...(mayWrite ? [rename, forget] : []))
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const name = input.value.trim()
    if (name === "") return void (error.textContent = "Give it a name first.")
    void attempt(async () => {
      await past.name(version, name)
      input.value = ""
    })
  })
  sheet = openSheet("Versions with names", "versions", [h("div", { class: "stack" }, form, error, list)])
  await attempt(load)
}
