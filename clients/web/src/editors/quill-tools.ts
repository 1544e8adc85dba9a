// The buttons of Quill's formats.
import type Quill from "quill"
import { MOD } from "../shortcuts"
import { askForLink } from "./links"
import { makeToolbar, type Pick, type Tool, type Toolbar } from "./toolbar"

type Mark = "bold" | "italic" | "underline" | "strike" | "code"

const STYLES: Pick["options"] = [
  ["text", "Text"],
  ["1", "Heading 1"],
  ["2", "Heading 2"],
  ["3", "Heading 3"],
  ["code-block", "Code"],
]

export function quillTools(place: HTMLElement, quill: Quill): Toolbar {
  const formats = (): Record<string, unknown> => {
    const selection = quill.getSelection()
    return selection === null ? {} : quill.getFormat(selection)
  }
  const apply = (name: string, value: unknown): void => {
    quill.focus()
    quill.format(name, value, "user")
  }
  const mark = (name: Mark, label: string, keys?: string): Tool => ({
    name,
    label,
    icon: name,
    ...(keys === undefined ? {} : { keys }),
    run: () => apply(name, formats()[name] !== true),
    isOn: () => formats()[name] === true,
  })
  const list = (name: "bullets" | "numbers" | "tasks", label: string, values: readonly string[]): Tool => ({
    name,
    label,
    icon: name,
    run: () => apply("list", values.includes(String(formats()["list"])) ? false : values[0]),
    isOn: () => values.includes(String(formats()["list"])),
  })
  const pick: Pick = {
    label: "Style",
    options: STYLES,
    value() {
      const { header, "code-block": code } = formats()
      return code ? "code-block" : typeof header === "number" && header <= 3 ? String(header) : "text"
    },
    choose(value) {
      quill.focus()
      if (value === "code-block") quill.format("code-block", true, "user")
      else {
        quill.format("code-block", false, "user")
        quill.format("header", value === "text" ? false : Number(value), "user")
      }
    },
  }
  return makeToolbar(place, pick, [
    [
      mark("bold", "Bold", `${MOD} B`),
      mark("italic", "Italic", `${MOD} I`),
      mark("underline", "Underline", `${MOD} U`),
      mark("strike", "Strike through"),
      mark("code", "Code"),
      {
        name: "link",
        label: "Link",
        icon: "link",
        run: () => editLink(quill),
        isOn: () => formats()["link"] !== undefined,
        isPossible: () => (quill.getSelection()?.length ?? 0) > 0,
      },
    ],
    [
      list("bullets", "Bulleted list", ["bullet"]),
      list("numbers", "Numbered list", ["ordered"]),
      list("tasks", "Task list", ["unchecked", "checked"]),
      {
        name: "quote",
        label: "Quote",
        icon: "quote",
        run: () => apply("blockquote", formats()["blockquote"] !== true),
        isOn: () => formats()["blockquote"] === true,
      },
    ],
    [
      {
        name: "undo",
        label: "Undo what I did",
        icon: "undo",
        keys: `${MOD} Z`,
        run: () => quill.history.undo(),
        isPossible: () => quill.history.stack.undo.length > 0,
      },
      {
        name: "redo",
        label: "Redo",
        icon: "redo",
        keys: `${MOD} Y`,
        run: () => quill.history.redo(),
        isPossible: () => quill.history.stack.redo.length > 0,
      },
    ],
  ])
}

function editLink(quill: Quill): void {
  const selection = quill.getSelection()
  if (selection === null) return
  const current: unknown = quill.getFormat(selection)["link"]
  askForLink(typeof current === "string" ? current : null, (address) => {
    quill.setSelection(selection, "silent")
    quill.format("link", address ?? false, "user")
  })
}
