// What the server knows of a document besides its content, and the way to delete it.
import { deleteDocument, type DocumentRow, getDocument, Problem, titleOf } from "../api"
import { h, toast } from "../dom"
import { kindOf } from "../kinds"
import { openSheet } from "../sheet"
import { exactly } from "../times"
import { wordsOfProblem } from "../words"

const SHOWN_ELSEWHERE = new Set(["title", "editor"])

export async function openDetails(known: DocumentRow): Promise<void> {
  const row = await getDocument(known.id).catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error
    return known
  })
  const more = Object.entries(row.metadata).filter(([name]) => !SHOWN_ELSEWHERE.has(name))
  const told: readonly (readonly [string, string])[] = [
    ["Id", row.id],
    ["Kind", kindOf(row).label],
    ["Version", row.version.toLocaleString("en")],
    ["Created", exactly(row.created)],
    ["Changed", exactly(row.updated)],
    ["Epoch", row.epoch],
    ...more.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const),
  ]
  const rows = told.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])
  openSheet("Details", "details", [h("dl", { class: "details" }, ...rows)])
}

/** Ask, then delete for everybody; `done` when it is gone. */
export function openDelete(row: DocumentRow, done: () => void): void {
  const button = h("button", { type: "button", class: "button danger", autofocus: true }, "Delete for everybody")
  const sheet = openSheet(`Delete “${titleOf(row)}”?`, "delete", [
    h("p", { class: "muted" }, "It goes with its whole history, and whoever is in it is sent away. There is no way back."),
    h("div", { class: "row end" }, button),
  ])
  button.addEventListener("click", () => {
    button.disabled = true
    deleteDocument(row.id).then(
      () => {
        sheet.close()
        done()
      },
      (error: unknown) => {
        sheet.close()
        if (!(error instanceof Problem)) throw error
        toast(`It stays. ${wordsOfProblem(error).title}.`)
      },
    )
  })
}
