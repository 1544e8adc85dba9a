// What a document is called, in the bar: a click, and it is a field.
import { type DocumentRow, Problem, retitle, titleOf } from "../api"
import { h, toast } from "../dom"
import { wordsOfProblem } from "../words"

const MAX_TITLE_LENGTH = 200

export interface Title {
  readonly element: HTMLElement
  show(row: DocumentRow): void
  /** Whether it may be changed. */
  allow(may: boolean): void
}

export function makeTitle(id: string, renamed: (row: DocumentRow) => void): Title {
  const button = h("button", { type: "button", class: "title-button", title: "Rename", disabled: true }, id)
  const element = h("h1", { class: "bar-title" }, button)
  let row: DocumentRow | null = null

  const edit = () => {
    if (row === null) return
    const before = titleOf(row)
    const input = h("input", {
      class: "field title-field",
      value: before,
      maxlength: MAX_TITLE_LENGTH,
      "aria-label": "Title",
      autocomplete: "off",
    })
    let over = false
    const end = (keep: boolean) => {
      if (over) return
      over = true
      const title = input.value.trim()
      input.replaceWith(button)
      if (keep && title !== before) void save(title)
    }
    input.addEventListener("blur", () => end(true))
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return
      event.preventDefault()
      end(event.key === "Enter")
      button.focus()
    })
    button.replaceWith(input)
    input.select()
  }
  const save = async (title: string) => {
    try {
      renamed(await retitle(id, title))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      toast(`The title stays. ${wordsOfProblem(error).title}.`)
    }
  }
  button.addEventListener("click", edit)

  return {
    element,
    show(shown) {
      row = shown
      button.textContent = titleOf(shown)
    },
    allow(may) {
      button.disabled = !may || row === null
    },
  }
}
