// The others' carets and selections over a Quill editor: elements laid over the text, so that nothing of
// them is ever in the document.
import type Quill from "quill"
import type { CollabDocument } from "./document.js"
import { type Look, lookOf } from "./people.js"
import type { Peer } from "./presence.js"

export interface CaretsOptions {
  /** How a peer is shown (by `name` and `color` of its presence). */
  readonly look?: (peer: Peer) => Look
}

export class Carets {
  private readonly layer: HTMLElement
  private readonly look: (peer: Peer) => Look
  private readonly resized: ResizeObserver | null
  private scheduled = 0

  constructor(
    private readonly quill: Quill,
    private readonly doc: CollabDocument,
    options: CaretsOptions,
  ) {
    this.look = options.look ?? lookOf
    this.layer = document.createElement("div")
    this.layer.className = "collab-layer"
    this.layer.setAttribute("aria-hidden", "true")
    place(this.layer, { position: "absolute", inset: "0", overflow: "hidden", "pointer-events": "none" })
    quill.container.append(this.layer)
    quill.root.addEventListener("scroll", this.draw)
    this.resized = typeof ResizeObserver === "undefined" ? null : new ResizeObserver(this.draw)
    this.resized?.observe(quill.container)
  }

  destroy(): void {
    this.quill.root.removeEventListener("scroll", this.draw)
    this.resized?.disconnect()
    if (this.scheduled !== 0) cancelAnimationFrame(this.scheduled)
    this.layer.remove()
  }

  /** Draw anew, once a frame however often something moves. */
  readonly draw = (): void => {
    if (this.scheduled !== 0) return
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0
      this.drawNow()
    })
  }

  private drawNow(): void {
    const elements: HTMLElement[] = []
    for (const peer of this.doc.presence.peers.values()) {
      if (peer.selection !== null) elements.push(...this.drawn(peer))
    }
    this.layer.replaceChildren(...elements)
  }

  private drawn(peer: Peer): HTMLElement[] {
    const look = this.look(peer)
    const most = this.quill.getLength() - 1
    const anchor = Math.min(peer.selection!.anchor, most)
    const head = Math.min(peer.selection!.head, most)
    const bounds = this.quill.getBounds(head)
    if (bounds === null) return []
    const caret = element("collab-caret", look)
    const name = document.createElement("span")
    name.className = "collab-name"
    name.textContent = look.name
    place(name, {
      position: "absolute",
      bottom: bounds.top < 18 ? "auto" : "100%",
      top: bounds.top < 18 ? "100%" : "auto",
      left: "-2px",
      padding: "0 4px",
      "border-radius": "3px",
      background: "var(--collab-color, #555)",
      color: "#fff",
      font: "11px/1.5 system-ui, sans-serif",
      "white-space": "nowrap",
    })
    caret.append(name)
    place(caret, {
      position: "absolute",
      left: `${bounds.left}px`,
      top: `${bounds.top}px`,
      height: `${bounds.height}px`,
      "border-left": "2px solid var(--collab-color, currentColor)",
    })
    return [...this.marked(Math.min(anchor, head), Math.max(anchor, head), look), caret]
  }

  private marked(from: number, to: number, look: Look): HTMLElement[] {
    if (from === to) return []
    const [startNode, startOffset, endNode, endOffset] = this.quill.selection.rangeToNative({
      index: from,
      length: to - from,
    } as never)
    if (startNode === null || endNode === null) return []
    const range = document.createRange()
    range.setStart(startNode, startOffset)
    range.setEnd(endNode, endOffset)
    const origin = this.quill.container.getBoundingClientRect()
    return Array.from(range.getClientRects?.() ?? [], (rect) => {
      const mark = element("collab-selection", look)
      place(mark, {
        position: "absolute",
        left: `${rect.left - origin.left}px`,
        top: `${rect.top - origin.top}px`,
        width: `${rect.width}px`,
        height: `${rect.height}px`,
        background: "var(--collab-color, #888)",
        opacity: "0.25",
      })
      return mark
    })
  }
}

function element(name: string, look: Look): HTMLElement {
  const made = document.createElement("div")
  made.className = look.className === undefined ? name : `${name} ${look.className}`
  if (look.color !== undefined) made.style.setProperty("--collab-color", look.color)
  return made
}

/** Set one by one, which a content security policy without style attributes allows. */
function place(element: HTMLElement, style: Readonly<Record<string, string>>): void {
  for (const [property, value] of Object.entries(style)) element.style.setProperty(property, value)
}
