// The inspector's part of the HTTP API: docs/inspect.md says what the figures mean.
import { call, send } from "../api"

export interface Load {
  readonly version: number
  readonly snapshot_version: number
  readonly peers: number
  readonly lag: number
  readonly waiting: number
  readonly edits_per_second: number
  readonly commit_ms: { readonly p50: number; readonly p99: number } | null
  readonly held_bytes: number
}

export interface OnWorker extends Load {
  readonly node: string
}

export interface OpenDocument extends Load {
  readonly id: string
  readonly type: string
  readonly epoch: string
  readonly floor: number
  readonly workers: readonly OnWorker[]
}

export interface Worker {
  readonly node: string
  readonly draining: boolean
  readonly documents: number
  readonly peers: number
  readonly lag: number
  readonly waiting: number
  readonly edits_per_second: number
  readonly commit_p99_ms: number | null
  readonly longest_stall_ms: number
  readonly memory_bytes: number | null
}

export interface Machine {
  readonly workers: readonly Worker[]
  readonly silent: number
  readonly documents: readonly OpenDocument[]
  readonly total: number
  readonly left_out: number
  readonly next: number | null
}

export interface Peer {
  readonly connection: string
  readonly node: string
  readonly user: string | null
  readonly name: string | null
  readonly author: string
  readonly protocol: string
  readonly access: Access
  readonly address: string | null
  readonly since: number
  readonly version: number
  readonly lag: number
  readonly behind_since: number | null
  readonly unanswered: number
  readonly waiting_frames: number
  readonly waiting_bytes: number | null
}

export interface People {
  readonly document: OpenDocument | null
  readonly quarantined: boolean | null
  readonly peers: readonly Peer[]
  readonly total: number
  readonly left_out: number
  readonly silent: number
  readonly next: number | null
}

export type Access = "none" | "read" | "write" | "admin"

export interface Asked {
  readonly contains: string
  readonly type: string
  readonly order: string
  readonly limit: number
}

export async function machine({ contains, type, order, limit }: Asked): Promise<Machine> {
  const query = new URLSearchParams({ contains, order, limit: String(limit) })
  if (type !== "") query.set("type", type)
  return (await call(`/v1/inspect?${query}`)).json()
}

export async function people(id: string, order: string, limit: number): Promise<People> {
  const query = new URLSearchParams({ order, limit: String(limit) })
  return (await call(`${pathOf(id)}?${query}`)).json()
}

export async function disconnect(id: string, connection: string): Promise<void> {
  await call(`${pathOf(id)}/peers/${connection}`, { method: "DELETE" })
}

export async function quarantine(id: string, on: boolean): Promise<void> {
  await call(`${pathOf(id)}/quarantine`, { method: on ? "PUT" : "DELETE" })
}

/** The first documents in quarantine, and whether there are more. */
export async function quarantined(limit: number): Promise<{ documents: string[]; next: string | null }> {
  return (await call(`/v1/inspect/quarantine?limit=${limit}`)).json()
}

/** Store a right; null takes it back, so that the token counts again. */
export async function grant(document: string, user: string, access: Access | null): Promise<void> {
  await send("POST", "/v1/access", { document, user, access })
}

/** The inspector's page of a document. */
export function inspectorOf(id: string): string {
  return `/inspect/${encodeURIComponent(id)}`
}

function pathOf(id: string): string {
  return `/v1/inspect/documents/${encodeURIComponent(id)}`
}
