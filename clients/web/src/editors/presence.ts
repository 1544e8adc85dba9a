// Who is here: a row of faces in the bar, and under it a panel with everybody's name, where one's
// own can be changed.
import { h } from "../dom"
import { face, faces } from "../pages/parts"
import { account } from "../signing"
import { initials, MAX_NAME_LENGTH, mayRename, type Person } from "../people"

const MAX_FACES = 3
const MAX_LISTED = 100

export interface Present<Id> extends Person {
  readonly id: Id
  /** Whether they have a caret that one can go to. */
  readonly placed: boolean
}

export interface PresenceActions<Id> {
  rename(name: string): void
  goTo(id: Id): void
}

export interface Presence<Id> {
  show(me: Person, others: readonly Present<Id>[]): void
  leave(): void
}

export function makePresence<Id>(place: HTMLElement, actions: PresenceActions<Id>): Presence<Id> {
  const row = h("span", { class: "faces", "aria-hidden": "true" })
  const count = h("span", { class: "count" })
  const button = h(
    "button",
    { type: "button", class: "people-button", "aria-expanded": "false", "aria-controls": "people" },
    row,
    count,
  )
  const input = h("input", {
    id: "my-name",
    class: "field",
    maxlength: MAX_NAME_LENGTH,
    autocomplete: "nickname",
    spellcheck: "false",
  })
  const myFace = h("span", { class: "face" })
  const list = h("ul", { class: "people-list" })
  const alone = h("p", { class: "muted" }, "Nobody else is here. Open this page in a second window, or share the link.")
  const panel = h(
    "section",
    { id: "people", class: "panel", hidden: true, "aria-label": "People in this document" },
    h("label", { for: "my-name", class: "label" }, "Your name"),
    h("div", { class: "me" }, myFace, input),
    h("h2", { class: "label" }, "Also here"),
    alone,
    list,
    account("Signed in with a token"),
  )
  place.append(button, panel)

  const toggle = (open: boolean) => {
    panel.hidden = !open
    button.setAttribute("aria-expanded", String(open))
    if (open && !input.readOnly) input.focus()
  }
  const rename = () => actions.rename(input.value)
  const onOutside = (event: Event) => {
    if (!panel.hidden && !place.contains(event.target as Node)) toggle(false)
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || panel.hidden) return
    toggle(false)
    button.focus()
  }
  button.addEventListener("click", () => toggle(panel.hidden !== false))
  input.addEventListener("input", rename)
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return
    event.preventDefault() // or the button, which has the focus then, would be pressed by it
    toggle(false)
    button.focus()
  })
  place.addEventListener("keydown", onKey)
  document.addEventListener("pointerdown", onOutside)

  return {
    show(me, others) {
      const everyone = [me, ...others]
      row.replaceChildren(...faces(everyone, MAX_FACES))
      count.textContent = everyone.length === 1 ? "Only you" : `${everyone.length} here`
      button.setAttribute("aria-label", `${count.textContent}: ${everyone.map((each) => each.name).join(", ")}`)
      input.readOnly = !mayRename()
      input.title = input.readOnly ? "As your token calls you" : ""
      if (document.activeElement !== input) input.value = me.name
      myFace.className = `face hue-${me.hue}`
      myFace.textContent = initials(me.name)
      alone.hidden = others.length > 0
      list.replaceChildren(...others.slice(0, MAX_LISTED).map((each) => listed(each, actions)))
      if (others.length > MAX_LISTED) {
        list.append(h("li", { class: "muted" }, `and ${others.length - MAX_LISTED} more`))
      }
    },
    leave() {
      document.removeEventListener("pointerdown", onOutside)
    },
  }
}

function listed<Id>(person: Present<Id>, actions: PresenceActions<Id>): HTMLElement {
  const name = h("span", { class: "name" }, person.name)
  const button = h(
    "button",
    { type: "button", class: "person", disabled: !person.placed, title: person.placed ? "Go to their caret" : null },
    face(person),
    name,
  )
  button.addEventListener("click", () => actions.goTo(person.id))
  return h("li", {}, button)
}
