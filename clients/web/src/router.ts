// Which page an address stands for, and going from one to another without loading anew.
import { addressOf } from "./api"
import { forgetToken } from "./token"
import type { View } from "./view"

type Route =
  | { readonly page: "list" }
  | { readonly page: "document"; readonly id: string }

let root: HTMLElement
let open: (route: Route) => View
let current: View | null = null
let address = ""

/** Show the page of the address in `element`, and follow links from now on. */
export function start(element: HTMLElement, views: (route: Route) => View): void {
  root = element
  open = views
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
  current = open(routeOf())
  address = location.pathname + location.search
  document.title = current.title
  root.replaceChildren(current.element)
}

function routeOf(): Route {
  const asked = new URLSearchParams(location.search).get("document")
  if (location.pathname === "/" && asked !== null) {
    history.replaceState(null, "", addressOf(asked))
    return { page: "document", id: asked }
  }
  const [, id] = /^\/d\/(.+)$/.exec(location.pathname) ?? []
  return id === undefined ? { page: "list" } : { page: "document", id: decoded(id) }
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
  if (link === null || link.target !== "" || link.origin !== location.origin) return
  if (link.pathname !== "/" && !link.pathname.startsWith("/d/")) return
  if (link.hash !== "" && link.pathname === location.pathname) return
  event.preventDefault()
  go(link.pathname + link.search)
}
