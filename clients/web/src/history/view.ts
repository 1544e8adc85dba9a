// A document's past in the place of its editor, which goes on beneath: one looks at any version, plays
// through them, compares with now, and brings one back.
import { Problem } from "../api"
import { h, toast } from "../dom"
import { icon } from "../icons"
import { hueOf, type Person } from "../people"
import { openSheet } from "../sheet"
import { ago } from "../times"
import { wordsOfProblem } from "../words"
import { type Commit, isMissing, type Past, type Restored, type Who } from "./api"
import { Dock } from "./dock"
import { Kept } from "./frames"
import { pageOf } from "./page"
import { authored, compared, type Op, type Run, runsOf } from "./runs"
import { openVersions } from "./versions"
import "../styles/history.css"

export interface HistoryActions {
  close(): void
  /** An author who is here now. */
  whoIs(author: string): Person | null
}

export type Look = "then" | "authors" | "changes"

const LOOKS: readonly (readonly [Look, string])[] = [
  ["then", "As it was"],
  ["authors", "Authors"],
  ["changes", "Changes since"],
]

export class HistoryView {
  readonly tools: HTMLElement
  readonly element: HTMLElement
  readonly dock: HTMLElement
  private readonly slider: Dock
  private readonly paper = h("div", { class: "past-paper", tabindex: 0, "aria-label": "The document as it was" })
  private readonly restoreButton = h("button", { type: "button", class: "button primary small" }, "Restore this version")
  private readonly contents = new Kept<readonly Op[]>((version) => this.past.contents(version))
  private readonly commits = new Kept<Commit | null>((version) => this.past.commit(version))
  private readonly since = new Kept<readonly Op[]>(async (version) => (await this.past.difference(version, this.head)).operation)
  private readonly blame = new Kept((version) => this.past.blame(version))
  private readonly versionsButton = h("button", { type: "button", class: "button small versions", hidden: true }, "Versions")
  /** Everybody that has been heard of, by the keys of runs. */
  private readonly people = new Map<string, Who>()
  private look: Look = "then"
  private head = 0
  private asked = 0 // only the newest question may answer
  private mayWrite = true

  constructor(
    private readonly past: Past,
    private readonly rich: boolean,
    private readonly actions: HistoryActions,
  ) {
    this.slider = new Dock({ show: (version) => this.show(version) })
    const close = h("button", { type: "button", class: "button small" }, icon("close"), h("span", {}, "Back to the text"))
    close.addEventListener("click", actions.close)
    this.versionsButton.addEventListener("click", () => {
      const { version } = this.slider
      void openVersions(this.past, version, this.mayWrite, { go: (to) => this.slider.go(to), changed: () => void this.mark() })
    })
    this.restoreButton.addEventListener("click", () => this.askToRestore())
    this.tools = h("div", { class: "past-tools" }, this.looks(), h("div", { class: "row end" }, this.versionsButton, this.restoreButton, close))
    this.element = h("div", { class: "past-place" }, this.paper)
    this.dock = this.slider.element
  }

  /** Show the newest version. Throws a Problem where there is no past to be had. */
  async open(): Promise<void> {
    const { to } = await this.past.difference(0, null)
    this.setHead(to)
    this.slider.go(to)
    void this.mark()
  }

  /** Who wrote when, and which versions have names; as far as the server tells. */
  private async mark(): Promise<void> {
    const told = async <Value>(asked: Promise<readonly Value[]>): Promise<readonly Value[] | null> => {
      try {
        return await asked
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        return isMissing(error) ? null : []
      }
    }
    const [sittings, named] = await Promise.all([told(this.past.sittings()), told(this.past.named())])
    this.versionsButton.hidden = named === null
    this.slider.mark(
      (sittings ?? []).map(({ users }) => users.map((who) => ({ from: who.from, to: who.to, hue: this.person(who).hue }))),
      (named ?? []).map(({ version, name }) => ({ version, name })),
    )
  }

  allow(mayWrite: boolean): void {
    this.mayWrite = mayWrite
    this.tell()
  }

  focus(): void {
    this.slider.focus()
  }

  leave(): void {
    this.asked += 1
    this.slider.pause()
  }

  step(by: number): void {
    this.slider.step(by)
  }

  private setHead(head: number): void {
    if (head !== this.head) this.since.clear()
    this.head = head
    this.slider.setHead(head)
  }

  private async show(version: number): Promise<void> {
    const question = (this.asked += 1)
    this.tell()
    try {
      const [runs, commit] = await Promise.all([this.runsAt(version), this.commits.get(version)])
      if (question !== this.asked) return
      this.paper.replaceChildren(pageOf(runs, this.rich, (key) => this.person(this.people.get(key) ?? { user: null, author: key })))
      this.paper.dataset["version"] = String(version)
      this.slider.tell(version, commit === null ? "" : this.madeBy(commit))
      if (version + 1 <= this.head) void this.contents.get(version + 1).catch(() => undefined)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (question !== this.asked) return
      const words = wordsOfProblem(error)
      this.paper.replaceChildren(h("p", { class: "muted", role: "alert" }, `${words.title}. ${words.advice}`))
    }
  }

  private async runsAt(version: number): Promise<readonly Run[]> {
    if (this.look === "then") return runsOf(await this.contents.get(version))
    if (this.look === "authors") {
      const [then, stretches] = await Promise.all([this.contents.get(version), this.stretchesAt(version)])
      return authored(runsOf(then), stretches)
    }
    const [then, since, stretches] = await Promise.all([
      this.contents.get(version),
      this.since.get(version),
      this.stretchesAt(this.head),
    ])
    const runs = authored(compared(then, since), stretches)
    return runs.map((run) => (run.fate === "inserted" ? run : { ...run, author: null }))
  }

  private async stretchesAt(version: number): Promise<Awaited<ReturnType<Past["blame"]>>["stretches"]> {
    try {
      const { stretches, people } = await this.blame.get(version)
      for (const [key, who] of people) this.people.set(key, who)
      return stretches
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }

  private tell(): void {
    this.restoreButton.disabled = !this.mayWrite || this.slider.version === this.head
  }

  private looks(): HTMLElement {
    const labels = LOOKS.map(([value, label]) =>
      h("label", {}, h("input", { type: "radio", name: "look", value, checked: value === this.look }), h("span", {}, label)),
    )
    const choices = h("div", { class: "choices", role: "radiogroup", "aria-label": "What is shown" }, ...labels)
    choices.addEventListener("change", (event) => {
      this.look = (event.target as HTMLInputElement).value as Look
      void this.refresh()
    })
    return choices
  }

  /** What "now" is may have moved. */
  private async refresh(): Promise<void> {
    try {
      if (this.look === "changes") this.setHead((await this.past.difference(this.slider.version, null)).to)
      await this.show(this.slider.version)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      toast(`${wordsOfProblem(error).title}.`)
    }
  }

  private askToRestore(): void {
    const { version } = this.slider
    const button = h("button", { type: "button", class: "button primary", autofocus: true }, `Restore version ${version}`)
    const sheet = openSheet(`Restore version ${version}?`, "restore", [
      h("p", { class: "muted" }, "Everybody's text becomes what it was then, by an edit like any other: nothing of the history is lost, and it can be taken back."),
      h("div", { class: "row end" }, button),
    ])
    button.addEventListener("click", () => {
      button.disabled = true
      sheet.close()
      void this.restore(version)
    })
  }

  private async restore(version: number): Promise<void> {
    try {
      const restored = await this.past.restore(version)
      this.setHead(restored.version)
      this.slider.go(restored.version)
      void this.mark()
      toast(`Version ${version} is back, as version ${restored.version}.`, restored.undo === null ? undefined : {
        label: "Undo",
        go: () => void this.unrestore(restored),
      })
    } catch (error) {
      this.complain(error)
    }
  }

  private async unrestore(restored: Restored): Promise<void> {
    try {
      await this.past.unrestore(restored)
      const { to } = await this.past.difference(restored.version, null)
      this.setHead(to)
      this.slider.go(to)
      toast("The restore is taken back.")
    } catch (error) {
      this.complain(error)
    }
  }

  private madeBy(commit: Commit): string {
    return `${this.person(commit).name} · ${ago(commit.time)}`
  }

  /** An author as a person: as they are here now, or else by what the log says. */
  private person(who: Who): Person {
    return (who.author === null ? null : this.actions.whoIs(who.author)) ?? personBy(who)
  }

  private complain(error: unknown): void {
    if (!(error instanceof Problem)) throw error
    const words = wordsOfProblem(error)
    toast(`${words.title}. ${words.advice}`)
  }
}

/** In a colour that is always the same. */
function personBy({ user, author }: Who): Person {
  return { name: user ?? (author === null ? "Somebody" : `Guest ${author.slice(0, 4)}`), hue: hueOf(user ?? author ?? "") }
}
