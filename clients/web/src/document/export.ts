// A document as a file, in each format that its type has. By a request with the token and not by a
// plain link, which could not carry it.
import { getFile, Problem, titleOf, type DocumentRow } from "../api"
import { h, toast } from "../dom"
import { icon } from "../icons"
import { wordsOfProblem } from "../words"

interface Format {
  readonly name: string
  readonly label: string
  readonly extension: string
}

const TEXT: Format = { name: "text", label: "Text", extension: "txt" }
const MARKDOWN: Format = { name: "markdown", label: "Markdown", extension: "md" }
const HTML: Format = { name: "html", label: "Web page", extension: "html" }
const JSON_FORMAT: Format = { name: "json", label: "JSON", extension: "json" }
const UPDATE: Format = { name: "update", label: "Yjs update", extension: "bin" }

const FORMATS: Readonly<Record<string, readonly Format[]>> = {
  text: [TEXT, JSON_FORMAT],
  richtext: [TEXT, MARKDOWN, HTML, JSON_FORMAT],
  yjs: [TEXT, MARKDOWN, HTML, JSON_FORMAT, UPDATE],
}

/** A button for each format. */
export function exportButtons(row: DocumentRow): HTMLElement[] {
  return (FORMATS[row.type] ?? [JSON_FORMAT]).map((format) => {
    const button = h(
      "button",
      { type: "button", class: "tool", "data-format": format.name },
      icon("download"),
      h("span", {}, `Export as ${format.label}`),
    )
    button.addEventListener("click", () => void save(row, format))
    return button
  })
}

async function save(row: DocumentRow, format: Format): Promise<void> {
  try {
    const file = await getFile(row.id, format.name)
    const address = URL.createObjectURL(file)
    const name = titleOf(row).replaceAll(/[\\/:*?"<>|\p{C}]+/gu, "-")
    h("a", { href: address, download: `${name}.${format.extension}` }).click()
    setTimeout(() => URL.revokeObjectURL(address), 60_000)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    toast(`No file. ${wordsOfProblem(error).title}.`)
  }
}
