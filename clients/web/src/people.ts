// Who somebody is to the others: a name and one of a few colours that are readable in both themes.
import { nameInToken } from "./token"

export const MAX_NAME_LENGTH = 40

/** Everybody's colours. The hex is what goes over the wire, for editors with no palette of ours;
 * here a person has the number of it, and styles/people.css says how that looks. */
const HUES = [
  "#c2410c",
  "#0f766e",
  "#7c3aed",
  "#a16207",
  "#be185d",
  "#1d4ed8",
  "#4d7c0f",
  "#b91c1c",
  "#0e7490",
  "#86198f",
] as const

const NAME_KEY = "collab.name"
const HUE_KEY = "collab.hue"
const GIVEN_NAME_KEY = "collab.given-name"

const QUALITIES = ["Amber", "Brisk", "Calm", "Early", "Gentle", "Lucid", "Merry", "Quiet", "Swift"]
const CREATURES = ["Badger", "Crane", "Dormouse", "Finch", "Heron", "Lynx", "Otter", "Robin", "Wren"]

export interface Person {
  readonly name: string
  readonly hue: number
}

/** What y-codemirror and its like publish of somebody under `user`. */
export interface PublishedUser {
  readonly name: string
  readonly color: string
  readonly colorLight: string
}

/** Me: as my token calls me, which is what the server shows the others; else as I called myself in
 * this browser, else a name that is made up for this tab, so that two windows of one newcomer are
 * two people. */
export function me(): Person {
  const signed = nameInToken()
  const chosen = localStorage.getItem(NAME_KEY)
  const hue = numberIn(chosen === null ? sessionStorage : localStorage, HUE_KEY)
  return { name: tidy(signed ?? chosen ?? givenName()), hue }
}

/** Whether it is for me to say what I am called. */
export function mayRename(): boolean {
  return nameInToken() === null
}

/** Call me so from now on, with the colour I have. */
export function rename(name: string, hue: number): void {
  localStorage.setItem(NAME_KEY, tidy(name))
  localStorage.setItem(HUE_KEY, String(hue))
}

/** Show my colour on the whole page: what I touch is mine. */
export function wearHue(hue: number): void {
  const { classList } = document.documentElement
  for (const name of [...classList]) if (name.startsWith("hue-")) classList.remove(name)
  classList.add(`hue-${hue}`)
}

/** From the start, and when another window of this browser chose another one. */
export function followHue(): void {
  wearHue(me().hue)
  addEventListener("storage", (event) => {
    if (event.key === HUE_KEY) wearHue(me().hue)
  })
}

export function published(person: Person): PublishedUser {
  const color = HUES[person.hue] ?? HUES[0]
  return { name: person.name, color, colorLight: `${color}33` }
}

/** Somebody by what they published, which may be anything at all; who has no colour of ours gets
 * one by `client`. */
export function personOf(client: number | string, user: unknown): Person {
  const { name, color } = typeof user === "object" && user !== null
    ? (user as { name?: unknown; color?: unknown })
    : {}
  const known = HUES.findIndex((hex) => hex === color)
  return {
    name: (typeof name === "string" && tidy(name)) || "Somebody",
    hue: known === -1 ? hueOf(client) : known,
  }
}

/** Somebody by the whole of what they show: a Yjs awareness state has the person under `user`. */
export function personShown(client: number | string, state: unknown): Person {
  const user = typeof state === "object" && state !== null && "user" in state ? state.user : state
  return personOf(client, user)
}

/** The same colour for the same id, wherever it is seen. */
export function hueOf(client: number | string): number {
  if (typeof client === "number") return client % HUES.length
  let sum = 0
  for (const character of client) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  return sum % HUES.length
}

/** The first colour from `wanted` on that is not in `taken`; `wanted` if all are. */
export function freeHue(wanted: number, taken: ReadonlySet<number>): number {
  for (let step = 0; step < HUES.length; step += 1) {
    const hue = (wanted + step) % HUES.length
    if (!taken.has(hue)) return hue
  }
  return wanted
}

/** One or two letters for a person. */
export function initials(name: string): string {
  const words = name.split(/\s+/u).filter((word) => word !== "")
  const first = (word: string | undefined) => [...(word ?? "")][0] ?? ""
  const letters = words.length > 1 ? first(words[0]) + first(words.at(-1)) : first(words[0])
  return letters.toUpperCase()
}

function tidy(name: string): string {
  return [...name.replaceAll(/[\p{C}\s]+/gu, " ").trim()].slice(0, MAX_NAME_LENGTH).join("")
}

function givenName(): string {
  const known = sessionStorage.getItem(GIVEN_NAME_KEY)
  if (known !== null) return known
  const name = `${anyOf(QUALITIES)} ${anyOf(CREATURES)}`
  sessionStorage.setItem(GIVEN_NAME_KEY, name)
  return name
}

function numberIn(storage: Storage, key: string): number {
  const known = Number(storage.getItem(key) ?? Number.NaN)
  if (Number.isInteger(known) && known >= 0 && known < HUES.length) return known
  const hue = Math.floor(Math.random() * HUES.length)
  storage.setItem(key, String(hue))
  return hue
}

function anyOf(texts: readonly string[]): string {
  return texts[Math.floor(Math.random() * texts.length)] ?? ""
}
