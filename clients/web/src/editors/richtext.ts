// The editor of richtext documents: Quill over collab's own protocol.
import { bindQuill } from "@collab/client/quill"
import Quill from "quill"
import type { DocumentRow } from "../api"
import { h } from "../dom"
import type { Place, Running } from "./editor"
import { look, type Native, NativeEditor, type Surface } from "./native"
import { knowEmbeds } from "./quill-embeds"
import { quillTools } from "./quill-tools"
import "../styles/rich.css"
import "../styles/quill.css"

export function open(row: DocumentRow, place: Place): Running {
  return new NativeEditor(row, place, makeSurface)
}

function makeSurface({ doc, title, place }: Native): Surface {
  const paper = h("div", { class: "rich" })
  const quill = new Quill(paper, {
    placeholder: "Write something. Everybody here sees it at once.",
    modules: {
      toolbar: false,
      history: { userOnly: true },
      keyboard: {
        bindings: {
          redo: { key: "y", shortKey: true, handler: () => quill.history.redo() },
          tab: { key: "Tab", handler: () => true }, // on to what comes next; in a list it indents
        },
      },
      uploader: { mimetypes: [] }, // a picture would become a part of the text, in base64
    },
  })
  const { root } = quill
  root.classList.add("prose")
  const told = { "aria-label": title, role: "textbox", "aria-multiline": "true", spellcheck: "true" }
  for (const [name, value] of Object.entries(told)) root.setAttribute(name, value)
  const forget = knowEmbeds(doc)
  const binding = bindQuill(quill, doc, { look })
  const tools = quillTools(place.tools, quill)
  let mayType = true
  quill.on("editor-change", () => tools.refresh(mayType))

  return {
    element: paper,
    allow(may) {
      mayType = may
      quill.enable(may)
      root.setAttribute("aria-readonly", String(!may))
      tools.refresh(may)
    },
    selection() {
      const range = quill.hasFocus() ? quill.getSelection() : quill.selection.savedRange
      if (range === null) return null
      const last = doc.contents.length()
      return { anchor: Math.min(range.index, last), head: Math.min(range.index + range.length, last) }
    },
    goTo(position) {
      const [leaf] = quill.getLeaf(position)
      leaf?.domNode.parentElement?.scrollIntoView({ block: "center" })
    },
    focus: () => quill.focus(),
    leave() {
      binding.destroy()
      forget()
    },
  }
}
