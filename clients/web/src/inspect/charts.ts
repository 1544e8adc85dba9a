// Charts: a card with a figure and its last two minutes, and a line as high as the text beside it.
// Drawn as SVG paths, in ink: colour belongs to people.
import { h } from "../dom"
import { areaOf, lineOf, roundedUp, type Series } from "./series"

const SVG = "http://www.w3.org/2000/svg"
const WIDTH = 300
const HEIGHT = 64
const SMALL_WIDTH = 80
const SMALL_HEIGHT = 18

/** How many values a chart has room for, taken every EVERY_MILLISECONDS. */
export const KEPT = 80
export const SMALL_KEPT = 40
export const EVERY_MILLISECONDS = 1500

export class Chart {
  readonly element: HTMLElement
  private readonly now = h("strong", { class: "number" }, "–")
  private readonly top = h("span", { class: "chart-top number" })
  private readonly drawn = svg(WIDTH, HEIGHT, "chart-lines")
  private readonly area = path("chart-area")
  private readonly line = path("chart-line")

  constructor(
    private readonly label: string,
    private readonly words: (value: number | null) => string,
    note: string | null = null,
  ) {
    this.drawn.append(this.area, this.line)
    this.drawn.setAttribute("role", "img")
    this.element = h(
      "section",
      { class: "chart" },
      h("h2", { class: "label" }, label),
      h("p", { class: "chart-now" }, this.now, note === null ? null : h("span", { class: "muted" }, note)),
      h("div", { class: "chart-drawing" }, this.drawn, this.top),
    )
  }

  show(series: Series): void {
    const { values, highest } = series
    const top = roundedUp(highest)
    const latest = values.at(-1) ?? null
    this.now.textContent = this.words(latest)
    this.top.textContent = highest > 0 ? this.words(top) : ""
    this.area.setAttribute("d", areaOf(values, KEPT, top, WIDTH, HEIGHT))
    this.line.setAttribute("d", lineOf(values, KEPT, top, WIDTH, HEIGHT))
    this.drawn.setAttribute("aria-label", `${this.label}, the last two minutes: now ${this.words(latest)}, at most ${this.words(highest)}`)
  }
}

/** Says nothing by itself: the figure is beside it. */
export class Spark {
  readonly element = svg(SMALL_WIDTH, SMALL_HEIGHT, "spark")
  private readonly line = path("chart-line")

  constructor() {
    this.element.setAttribute("aria-hidden", "true")
    this.element.append(this.line)
  }

  show(series: Series): void {
    const { values, highest } = series
    this.line.setAttribute("d", lineOf(values, SMALL_KEPT, Math.max(highest, 1), SMALL_WIDTH, SMALL_HEIGHT))
  }
}

function svg(width: number, height: number, name: string): SVGSVGElement {
  const made = document.createElementNS(SVG, "svg")
  made.setAttribute("viewBox", `0 -2 ${width} ${height + 4}`)
  made.setAttribute("preserveAspectRatio", "none")
  made.setAttribute("class", name)
  return made
}

function path(name: string): SVGPathElement {
  const made = document.createElementNS(SVG, "path")
  made.setAttribute("class", name)
  made.setAttribute("vector-effect", "non-scaling-stroke")
  return made
}
