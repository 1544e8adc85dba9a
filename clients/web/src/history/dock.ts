// The slider under a document's past: where one is in time, and playing through it. Tells which version
// is wanted; knows nothing of what is shown.
import { h } from "../dom"
import { icon } from "../icons"

/** A whole history plays in about so many steps. */
const STEPS = 120
const STEP_MILLISECONDS = 160
/** So many people fit above each other on the track. */
const MAX_ROWS = 3

export interface DockActions {
  /** Show this version; resolves when it is shown. */
  show(version: number): Promise<void>
}

export class Dock {
  readonly element: HTMLElement
  private readonly slider = h("input", { type: "range", class: "slider", min: 0, max: 0, value: 0, step: 1, "aria-label": "Version" })
  private readonly label = h("output", { class: "dock-label number" })
  private readonly who = h("span", { class: "dock-who" })
  private readonly playButton = h("button", { type: "button", class: "button play" })
  private readonly back = stepButton("Version before", "back")
  private readonly forth = stepButton("Version after", "forward")
  readonly track = h("div", { class: "track" })
  private playing = 0
  private head = 0

  constructor(private readonly actions: DockActions) {
    this.element = h(
      "div",
      { class: "dock" },
      this.playButton,
      h("div", { class: "dock-steps" }, this.back, this.forth),
      h("div", { class: "slider-place" }, this.track, this.slider),
      h("div", { class: "dock-words" }, this.label, this.who),
    )
    this.slider.addEventListener("input", () => {
      this.pause()
      void this.actions.show(this.version)
    })
    this.back.addEventListener("click", () => this.step(-1))
    this.forth.addEventListener("click", () => this.step(1))
    this.playButton.addEventListener("click", () => (this.playing === 0 ? void this.play() : this.pause()))
    this.pause()
  }

  /** Show on the track who wrote when, those of one sitting above each other, and which versions have
   * names. */
  mark(
    sittings: readonly (readonly { readonly from: number; readonly to: number; readonly hue: number }[])[],
    named: readonly { readonly version: number; readonly name: string }[],
  ): void {
    const share = (version: number) => `${(100 * version) / Math.max(1, this.head)}%`
    const bars = sittings.flatMap((people) =>
      people.slice(0, MAX_ROWS).map(({ from, to, hue }, row, rows) => {
        const bar = h("i", { class: `sitting hue-${hue}` })
        bar.style.left = share(from - 1)
        bar.style.width = `calc(${share(to - from + 1)} - 1px)`
        bar.style.top = `${(100 * row) / rows.length}%`
        bar.style.height = `${100 / rows.length}%`
        return bar
      }),
    )
    const ticks = named.map(({ version, name }) => {
      const tick = h("i", { class: "tick", title: name })
      tick.style.left = share(version)
      return tick
    })
    this.track.replaceChildren(h("div", { class: "sittings" }, ...bars), ...ticks)
  }

  get version(): number {
    return Number(this.slider.value)
  }

  focus(): void {
    this.slider.focus()
  }

  /** There are so many versions. Whoever is at the newest one stays there. */
  setHead(head: number): void {
    const atEnd = this.version === this.head
    this.head = head
    this.slider.max = String(head)
    if (atEnd) this.slider.value = String(head)
    this.tell(this.version)
  }

  go(version: number): void {
    this.pause()
    this.slider.value = String(version)
    void this.actions.show(version)
  }

  step(by: number): void {
    this.go(Math.min(this.head, Math.max(0, this.version + by)))
  }

  /** Say which version is shown, and who made it. */
  tell(version: number, who = ""): void {
    const words = `Version ${version.toLocaleString("en")} of ${this.head.toLocaleString("en")}`
    this.label.textContent = words
    this.who.textContent = who
    this.slider.setAttribute("aria-valuetext", who === "" ? words : `${words}, ${who}`)
    this.back.disabled = version === 0
    this.forth.disabled = version === this.head
  }

  pause(): void {
    this.playing = 0
    this.playButton.replaceChildren(icon("play"), h("span", {}, "Play"))
    this.playButton.setAttribute("aria-label", "Play")
  }

  /** From where one is, or from the beginning if that is the end. */
  private async play(): Promise<void> {
    const run = (this.playing = performance.now())
    this.playButton.replaceChildren(icon("pause"), h("span", {}, "Pause"))
    this.playButton.setAttribute("aria-label", "Pause")
    const step = Math.max(1, Math.round(this.head / STEPS))
    let version = this.version >= this.head ? 0 : this.version
    while (this.playing === run) {
      this.slider.value = String(version)
      await Promise.all([this.actions.show(version), pause(STEP_MILLISECONDS)])
      if (version >= this.head) break
      version = Math.min(this.head, version + step)
    }
    if (this.playing === run) this.pause()
  }
}

function stepButton(label: string, name: "back" | "forward"): HTMLButtonElement {
  return h("button", { type: "button", class: "tool", "aria-label": label, title: label }, icon(name))
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
