// Embeds in Quill. What they are is shown in words, since these pages load no pictures and frames from
// elsewhere; and Quill, which stops at an embed that it has no word for, is given one for each that comes.
import type { CollabDocument, Delta } from "@collab/client"
import type { EmbedBlot } from "parchment"
import Quill from "quill"

const Embed = Quill.import("blots/embed") as typeof EmbedBlot
const BlockEmbed = Quill.import("blots/block/embed") as typeof EmbedBlot

const known = new Set<string>()

class Divider extends BlockEmbed {
  static override blotName = "divider"
  static override tagName = "HR"

  static override value(): unknown {
    return true
  }
}

/** Know the embeds of a document and of all that comes to it: to be called before it is bound. */
export function knowEmbeds(doc: CollabDocument): () => void {
  if (known.size === 0) {
    Quill.register("formats/divider", Divider, true)
    known.add("divider")
  }
  know(doc.contents)
  return doc.on("change", ({ operation }) => know(operation))
}

function know({ ops }: Delta): void {
  for (const { insert } of ops) {
    if (typeof insert !== "object") continue
    for (const name of Object.keys(insert)) {
      if (known.has(name)) continue
      known.add(name)
      Quill.register(`formats/${name}`, inWords(name), true)
    }
  }
}

function inWords(name: string): typeof EmbedBlot {
  return class extends Embed {
    static override blotName = name
    static override tagName = "SPAN"
    static override className = `embed-${[...name].map((each) => each.codePointAt(0)?.toString(16)).join("")}`

    static override create(value: unknown): Element {
      const node = super.create(value) as HTMLElement
      node.classList.add("past-embed")
      node.dataset["value"] = JSON.stringify(value)
      node.textContent = typeof value === "string" && value.length < 80 ? `${name}: ${value}` : name
      return node
    }

    static override value(node: HTMLElement): unknown {
      return JSON.parse(node.dataset["value"] ?? "null")
    }
  }
}
