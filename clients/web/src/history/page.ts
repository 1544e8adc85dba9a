// Runs as a page: the lines of a Delta as paragraphs, headings and lists, each run in its formats, in
// its author's colour and marked as inserted or deleted. Everything is set as text or by class.
import { h } from "../dom"
import type { Person } from "../people"
import type { Fate, Run } from "./runs"

interface Line {
  readonly runs: Run[]
  readonly formats: Run["attributes"]
  readonly fate: Fate
}

const MARKS = [
  ["bold", "strong"],
  ["italic", "em"],
  ["underline", "u"],
  ["strike", "s"],
  ["code", "code"],
] as const

/** `whose` knows the people of the authors; without it nobody's colour is shown. */
export function pageOf(runs: readonly Run[], rich: boolean, whose: ((author: string) => Person) | null): HTMLElement {
  const page = h("div", { class: rich ? "prose past" : "plain past" })
  for (const line of linesOf(runs)) page.append(lineElement(line, rich, whose))
  return page
}

function linesOf(runs: readonly Run[]): Line[] {
  const lines: Line[] = []
  let line: Run[] = []
  for (const run of runs) {
    if (typeof run.insert !== "string") {
      line.push(run)
      continue
    }
    const parts = run.insert.split("\n")
    parts.forEach((part, index) => {
      if (part !== "") line.push({ ...run, insert: part })
      if (index === parts.length - 1) return
      lines.push({ runs: line, formats: run.attributes, fate: run.fate })
      line = []
    })
  }
  if (line.length > 0) lines.push({ runs: line, formats: {}, fate: "kept" })
  return lines
}

function lineElement({ runs, formats, fate }: Line, rich: boolean, whose: ((author: string) => Person) | null): HTMLElement {
  const element = rich ? blockOf(formats) : h("p")
  element.append(...runs.map((run) => runElement(run, whose)))
  if (runs.length === 0) element.append(h("br"))
  // Where a line begins or ends anew there may be nothing else to be seen of it.
  if (fate !== "kept") element.append(h("span", { class: `line-end ${fate}`, "aria-hidden": "true" }, "¶"))
  return element
}

function blockOf(formats: Run["attributes"]): HTMLElement {
  const { header, list, blockquote, indent } = formats
  const depth = typeof indent === "number" ? Math.min(8, Math.max(0, indent)) : 0
  if (typeof header === "number") return h(`h${Math.min(6, Math.max(1, header))}` as "h1")
  if (list !== undefined) return h("p", { class: `item item-${listKind(list)} depth-${depth}` })
  if (formats["code-block"] !== undefined) return h("p", { class: "code-line" })
  if (blockquote !== undefined) return h("p", { class: "quote" })
  return h("p", { class: depth > 0 ? `depth-${depth}` : null })
}

function listKind(list: unknown): string {
  return list === "ordered" || list === "checked" || list === "unchecked" ? list : "bullet"
}

function runElement({ insert, attributes, fate, author }: Run, whose: ((author: string) => Person) | null): HTMLElement {
  let content: Node = typeof insert === "string" ? new Text(insert) : embed(insert)
  for (const [name, tag] of MARKS) if (attributes[name] === true) content = h(tag, {}, content)
  if (attributes["link"] !== undefined) content = h("u", { class: "past-link", title: String(attributes["link"]) }, content)
  const tag = fate === "inserted" ? "ins" : fate === "deleted" ? "del" : "span"
  const person = author === null ? null : (whose?.(author) ?? null)
  const look = person === null ? null : `by hue-${person.hue}`
  return h(tag, { class: look, title: person?.name }, content)
}

function embed(insert: Readonly<Record<string, unknown>>): HTMLElement {
  const [name, value] = Object.entries(insert)[0] ?? ["embed", ""]
  if (name === "divider") return h("span", { class: "past-divider" })
  return h("span", { class: "past-embed" }, typeof value === "string" && value.length < 80 ? `${name}: ${value}` : name)
}
