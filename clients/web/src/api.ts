// The HTTP API, as far as the pages need it. Every failure is a Problem.
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

export interface Content {
  readonly text: string
  readonly version: number
  readonly etag: string | null
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

/** Make an empty yjs document; `title` is what people called it. */
export async function createDocument(id: string, title: string): Promise<DocumentRow> {
  const body = { id, type: "yjs", metadata: title === id ? {} : { title } }
  const answer = await call("/v1/documents", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  })
  return answer.json()
}

/** The document as plain text; null if it is still what `etag` stands for. */
export async function getText(id: string, etag: string | null): Promise<Content | null> {
  const headers: Record<string, string> = etag === null ? {} : { "If-None-Match": etag }
  const answer = await call(`${pathOf(id)}/content?format=text`, { headers, cache: "no-store" })
  if (answer.status === 304) return null
  return {
    text: await answer.text(),
    version: Number(answer.headers.get("Collab-Version")),
    etag: answer.headers.get("ETag"),
  }
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

function pathOf(id: string): string {
  return `/v1/documents/${encodeURIComponent(id)}`
}

async function call(path: string, init: RequestInit = {}, bearer = token()): Promise<Response> {
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
