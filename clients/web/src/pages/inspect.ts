// The inspector's pages, loaded when somebody goes there: nobody who writes needs them.
import { h } from "../dom"
import type { View } from "../view"

export function inspectPage(id: string): View {
  return new InspectView(id)
}

class InspectView implements View {
  readonly title: string
  readonly element = h("div", { class: "inspect-page" })
  private page: { leave(): void } | null = null
  private left = false

  constructor(id: string) {
    this.title = id === "" ? "Inspector · collab" : `${id} · Inspector · collab`
    void this.open(id)
  }

  leave(): void {
    this.left = true
    this.page?.leave()
  }

  private async open(id: string): Promise<void> {
    const { openDocument, openMachine } = await import("../inspect/open")
    if (this.left) return
    this.page = id === "" ? openMachine(this.element) : openDocument(this.element, id)
  }
}
