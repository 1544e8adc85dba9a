// Asking before something is done to others, and saying what became of it.
import { Problem } from "../api"
import { type Child, h, toast } from "../dom"
import { openSheet } from "../sheet"
import { wordsOfProblem } from "../words"

export interface Deed {
  readonly title: string
  readonly body: readonly Child[]
  /** On the button. */
  readonly words: string
  readonly done: string
  act(): Promise<void>
}

/** Do it when that is confirmed; `after` is called once it is done. */
export function ask(deed: Deed, after: () => void): void {
  const error = h("p", { class: "error", role: "alert" })
  const confirm = h("button", { type: "submit", class: "button primary" }, deed.words)
  const cancel = h("button", { type: "button", class: "button" }, "Cancel")
  const form = h("form", { class: "deed" }, ...deed.body, error, h("div", { class: "row" }, confirm, cancel))
  const sheet = openSheet(deed.title, "deed", [form])
  cancel.addEventListener("click", sheet.close)
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    if (!confirm.disabled) void run()
  })
  confirm.focus()

  const run = async () => {
    confirm.disabled = true
    try {
      await deed.act()
      sheet.close()
      toast(deed.done)
      after()
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure
      const words = wordsOfProblem(failure)
      error.textContent = failure.code === "peer_not_found" ? "This connection is gone already." : `${words.title}. ${words.advice}`
    } finally {
      confirm.disabled = false
    }
  }
}
