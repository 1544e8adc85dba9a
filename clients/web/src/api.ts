// The HTTP API, as far as the pages need it. Every failure is a Problem.
import type { Kind } from "./kinds"
import { token } from "./token"

export interface DocumentRow {
  readonly id: string
  readonly type: string
  readonly epoch: string
  readonly version: number
  readonly created: number
  readonly updated: number
  readonly metadata: Readonly<Record<string, unknown>>
}

export interface Listing {
  readonly documents: readonly DocumentRow[]
  readonly next: string | null
}

/** Why a request did not work: the server's problem object, or `unreachable` with status 0. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail)
  }
}

/** A page of the documents that one may read, in order of id. */
export async function listDocuments(
  prefix: string,
  type: string,
  after: string,
  limit: number,
): Promise<Listing> {
  const query = new URLSearchParams({ prefix, after, limit: String(limit) })
  if (type !== "") query.set("type", type)
  return (await call(`/v1/documents?${query}`)).json()
}

/** Ask whether a token holds; refused with 401 if it does not. */
export async function checkToken(candidate: string): Promise<void> {
  await call("/v1/documents?limit=1", { cache: "no-store" }, candidate)
}

export async function getDocument(id: string): Promise<DocumentRow> {
  return (await call(pathOf(id))).json()
}

/** Make an empty document of a kind; `title` is what people called it. */
export async function createDocument(id: string, kind: Pick<Kind, "type" | "editor">, title: string): Promise<DocumentRow> {
  const metadata = {
    ...(title === id ? {} : { title }),
    ...(kind.editor === null ? {} : { editor: kind.editor }),
  }
  return (await send("POST", "/v1/documents", { id, type: kind.type, metadata })).json()
}

/** Change what a document is called; an empty title leaves it its id. */
export async function retitle(id: string, title: string): Promise<DocumentRow> {
  const body = { metadata: { title: title === "" || title === id ? null : title } }
  return (await send("PATCH", pathOf(id), body)).json()
}

export async function deleteDocument(id: string): Promise<void> {
  await call(pathOf(id), { method: "DELETE" })
}

/** The document in one of its formats. */
export async function getFile(id: string, format: string): Promise<Blob> {
  return (await call(`${pathOf(id)}/content?format=${format}`, { cache: "no-store" })).blob()
}

/** A token for whoever gets it: what it allows with this one document, and for how many seconds. */
export async function makeToken(
  id: string,
  right: "read" | "write",
  seconds: number,
): Promise<{ readonly token: string; readonly expires: number }> {
  return (await send("POST", "/v1/tokens", { docs: { [id]: right }, seconds })).json()
}

/** What somebody shows of themselves in a document, which may be anything. */
export interface Shown {
  readonly author: string
  readonly state: unknown
}

/** Who is in a document now. */
export async function peopleIn(id: string): Promise<readonly Shown[]> {
  const { peers }: { peers: Shown[] } = await (await call(`${pathOf(id)}/presence`)).json()
  return peers
}

/** What people call a document: its title, or else its id. */
export function titleOf(row: DocumentRow): string {
  const title = row.metadata["title"]
  return typeof title === "string" && title.trim() !== "" ? title : row.id
}

/** The page of a document. */
export function addressOf(id: string): string {
  return `/d/${encodeURIComponent(id)}`
}

export function pathOf(id: string): string {
  return `/v1/documents/${encodeURIComponent(id)}`
}

/** A request with a JSON body. */
export function send(method: string, path: string, body: unknown): Promise<Response> {
  const headers = { "Content-Type": "application/json" }
  return call(path, { method, headers, body: JSON.stringify(body) })
}

export async function call(path: string, init: RequestInit = {}, bearer = token()): Promise<Response> {
  const headers = new Headers(init.headers)
  if (bearer !== null) headers.set("Authorization", `Bearer ${bearer}`)
  let answer: Response
  try {
    answer = await fetch(path, { ...init, headers })
  } catch {
    throw new Problem(0, "unreachable", "The server does not answer.")
  }
  if (answer.ok || answer.status === 304) return answer
  throw await problemOf(answer)
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const { code, detail }: { code?: unknown; detail?: unknown } = await answer.json()
    if (typeof code === "string") return new Problem(answer.status, code, String(detail ?? ""))
  } catch {
    // not a problem object: a proxy's own page, perhaps
  }
  return new Problem(answer.status, "unknown", `The server answered ${answer.status}.`)
}
