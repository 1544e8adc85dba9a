// Which page an address stands for, and going from one to another without loading anew.
import { addressOf } from "./api"
import { closeSheets } from "./sheet"
import { pageShortcuts } from "./shortcuts"
import { forgetToken } from "./token"
import type { View } from "./view"

/** A page by the path of its address; what the pattern captures, decoded, is given to it. */
export interface Route {
  readonly path: RegExp
  open(captured: string): View
}

let root: HTMLElement
let routes: readonly Route[]
let current: View | null = null
let address = ""

/** Show the page of the address in `element`, and follow links from now on. The first route is for
 * what none of them fits, too. */
export function start(element: HTMLElement, pages: readonly Route[]): void {
  root = element
  routes = pages
  addEventListener("popstate", onHistory)
  document.addEventListener("click", followLink)
  show()
}

/** Go to another page of ours. */
export function go(to: string): void {
  if (!mayLeave()) return
  history.pushState(null, "", to)
  show()
  scrollTo(0, 0)
}

/** There is another token: go on where one is, or make the page anew. */
export function signedIn(): void {
  if (current?.signedIn?.() !== true) show()
}

/** Forget the token and what it showed. */
export function signOut(): void {
  if (!mayLeave()) return
  forgetToken()
  show()
}

/** Make the page of the address anew. */
export function show(): void {
  current?.leave?.()
  closeSheets()
  pageShortcuts([])
  toDocument()
  current = viewOf(location.pathname)
  address = location.pathname + location.search
  document.title = current.title
  root.replaceChildren(current.element)
}

function viewOf(path: string): View {
  for (const route of routes) {
    const match = route.path.exec(path)
    if (match !== null) return route.open(decoded(match[1] ?? ""))
  }
  const [first] = routes
  if (first === undefined) throw new Error("there are no pages")
  return first.open("")
}

/** `/?document=ID` is the page of that document. */
function toDocument(): void {
  const asked = new URLSearchParams(location.search).get("document")
  if (location.pathname !== "/" || asked === null) return
  history.replaceState(null, "", addressOf(asked))
}

function onHistory(): void {
  const here = location.pathname + location.search
  if (here === address) return // only the fragment: a link within the page
  if (mayLeave()) show()
  else history.pushState(null, "", address)
}

function mayLeave(): boolean {
  const free = current?.mayLeave?.() ?? true
  return free || confirm("Your last edits have not reached the server and would be lost. Leave?")
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = (event.target as Element).closest("a")
  if (link === null || link.target !== "" || link.download !== "" || link.origin !== location.origin) return
  if (!routes.some((route) => route.path.test(link.pathname))) return
  if (link.hash !== "" && link.pathname === location.pathname) return
  event.preventDefault()
  go(link.pathname + link.search)
}
