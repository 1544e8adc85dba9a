// The routes of a document's past. Each may be missing on a server that is older than these pages: what
// it would show is left out then.
import { call, type DocumentRow, pathOf, Problem, send } from "../api"
import type { Op, Stretch } from "./runs"

/** One edit of the log, or with yjs a batch of edits. */
export interface Commit {
  readonly version: number
  readonly author: string
  readonly user: string | null
  readonly time: number
}

/** Somebody by what the log says of them: a user, or else an author. */
export interface Who {
  readonly user: string | null
  readonly author: string | null
}

/** A version that has a name; `automatic` ones the server gives. */
export interface NamedVersion {
  readonly version: number
  readonly name: string
  readonly time: number
  readonly automatic: boolean
}

/** What was written without a long pause, and who took part. */
export interface Sitting {
  readonly users: readonly (Who & { readonly from: number; readonly to: number })[]
}

interface Blame {
  readonly version: number
  readonly runs: readonly (Who & { readonly text?: string })[]
  readonly next: number | null
}

const BLAME_LIMIT = 10_000
/** Of longer texts the end is nobody's. */
const MAX_BLAME_PAGES = 20

export interface Restored {
  readonly version: number
  readonly undo: unknown
}

/** Whether there is nothing of that kind on this server. */
export function isMissing(error: unknown): boolean {
  return error instanceof Problem && error.status === 404 && error.code === "no_such_route"
}

/** The past of one document, and of one root of a yjs document. */
export class Past {
  private readonly path: string
  private readonly root: string

  constructor(
    readonly row: DocumentRow,
    root: string | null,
  ) {
    this.path = pathOf(row.id)
    this.root = root === null ? "" : `&root=${encodeURIComponent(root)}`
  }

  /** The operation that leads from one version to another; and the newest version, if `to` is none. */
  async difference(from: number, to: number | null): Promise<{ readonly to: number; readonly operation: readonly Op[] }> {
    const end = to === null ? "" : `&to=${to}`
    return (await call(`${this.path}/diff?from=${from}${end}${this.root}`)).json()
  }

  /** What was at a version: all that has to be inserted into nothing. */
  async contents(version: number): Promise<readonly Op[]> {
    return (await this.difference(0, version)).operation
  }

  /** Who made a version and when; null for the empty one, and where the log has been cut off. */
  async commit(version: number): Promise<Commit | null> {
    if (version === 0) return null
    try {
      const answer = await call(`${this.path}/edits?since=${version - 1}&limit=1`)
      const { edits }: { edits: Commit[] } = await answer.json()
      return edits[0] ?? null
    } catch (error) {
      if (error instanceof Problem && error.status === 410) return null
      throw error
    }
  }

  /** Who wrote what is there at a version; nobody, where that is not known. */
  async blame(version: number): Promise<{ readonly stretches: readonly Stretch[]; readonly people: ReadonlyMap<string, Who> }> {
    const stretches: Stretch[] = []
    const people = new Map<string, Who>()
    let at: number | null = 0
    for (let page = 0; at !== null && page < MAX_BLAME_PAGES; page += 1) {
      const query: string = `version=${version}&at=${at}&limit=${BLAME_LIMIT}${this.root}`
      const { runs, next }: Blame = await (await call(`${this.path}/blame?${query}`)).json()
      for (const { text, user, author } of runs) {
        const key = user ?? author
        if (key !== null) people.set(key, { user, author })
        stretches.push({ length: text?.length ?? 1, author: key })
      }
      at = next
    }
    return { stretches, people }
  }

  /** The log in sittings, as far back as one page tells. */
  async sittings(): Promise<readonly Sitting[]> {
    const { sittings }: { sittings: Sitting[] } = await (await call(`${this.path}/activity?limit=1000`)).json()
    return sittings
  }

  /** The versions that have names, newest first. */
  async named(): Promise<readonly NamedVersion[]> {
    const { versions }: { versions: NamedVersion[] } = await (await call(`${this.path}/versions?limit=200`)).json()
    return versions
  }

  async name(version: number, name: string): Promise<void> {
    await send("POST", `${this.path}/versions`, { version, name })
  }

  async rename(version: number, name: string): Promise<void> {
    await send("PATCH", `${this.path}/versions/${version}`, { name })
  }

  async forget(version: number): Promise<void> {
    await call(`${this.path}/versions/${version}`, { method: "DELETE" })
  }

  /** Make the content what it was, as an edit at the end of the log. */
  async restore(version: number): Promise<Restored> {
    const answer = await call(`${this.path}/restore`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() },
      body: JSON.stringify({ version }),
    })
    return answer.json()
  }

  /** Take a restore back, and nothing else. */
  async unrestore({ version, undo }: Restored): Promise<void> {
    if (this.row.type !== "yjs") {
      await send("POST", `${this.path}/edits`, { base: version, operation: undo })
      return
    }
    const { update } = undo as { update: string }
    const bytes = Uint8Array.from(atob(update), (character) => character.charCodeAt(0))
    const headers = { "Content-Type": "application/octet-stream" }
    await call(`${this.path}/updates`, { method: "POST", headers, body: bytes })
  }
}
