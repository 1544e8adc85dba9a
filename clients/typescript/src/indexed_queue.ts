// Queues in this browser: IndexedDB holds them, a Web Lock says which page has one.
import type { Op } from "./delta.js"
import type { Kept, OpenQueue, Queue } from "./queue.js"

const DATABASE = "collab"
const STORE = "queues"
/** Documents with unsaved edits that are kept at most. */
const MOST_QUEUES = 200
/** So long a page that is just being left may take to let go of its lock. */
const LEAVING = 300

/** Opens a queue of this browser; rejects where it has no IndexedDB or no Web Locks (pages that are not
 * served by https nor from this machine, for one). */
export const openIndexedQueue: OpenQueue = async (name) => {
  if (typeof indexedDB === "undefined" || typeof navigator === "undefined" || !("locks" in navigator)) {
    throw new Error("this browser keeps nothing")
  }
  const release = await lock(`${DATABASE}:${name}`)
  if (release === null) return null
  try {
    return new IndexedQueue(await openDatabase(), name, release)
  } catch (error) {
    release()
    throw error
  }
}

/** The lock of that name, until the function that is returned is called; null if it is taken. */
async function lock(name: string): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), LEAVING)
    navigator.locks
      .request(name, { signal: patience.signal }, () => {
        clearTimeout(timer)
        return new Promise<void>((release) => resolve(release))
      })
      .catch((error: unknown) => {
        if (patience.signal.aborted) resolve(null)
        else reject(error instanceof Error ? error : new Error(String(error)))
      })
  })
}

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close()
      resolve(request.result)
    }
    request.onerror = () => reject(request.error ?? new Error("no database"))
    request.onblocked = () => reject(new Error("another page has an older database open"))
  })
}

/** Two records: what changes with every edit, and the log's state under it, which seldom does. */
class IndexedQueue implements Queue {
  private base: Op[] | null = null

  constructor(
    private readonly database: IDBDatabase,
    private readonly name: string,
    private readonly letGo: () => void,
  ) {}

  async load(): Promise<Kept | null> {
    const store = this.database.transaction(STORE, "readonly").objectStore(STORE)
    const [edits, base] = [store.get(this.editsKey), store.get(this.baseKey)]
    await done(store.transaction)
    if (edits.result === undefined || base.result === undefined) return null
    return { ...(edits.result as Omit<Kept, "synced">), synced: base.result as Op[] }
  }

  async save(kept: Kept | null): Promise<void> {
    const store = this.database.transaction(STORE, "readwrite").objectStore(STORE)
    const before = this.base
    if (kept === null) {
      store.delete(this.editsKey)
      store.delete(this.baseKey)
      this.base = null
    } else {
      const { synced, ...edits } = kept
      if (before === null) refuseAbove(store, 2 * MOST_QUEUES)
      if (before !== synced) store.put(synced, this.baseKey)
      store.put(edits, this.editsKey)
      this.base = synced
    }
    try {
      await done(store.transaction)
    } catch (error) {
      this.base = null
      throw error
    }
  }

  release(): void {
    this.database.close()
    this.letGo()
  }

  private get editsKey(): string {
    return `edits ${this.name}`
  }

  private get baseKey(): string {
    return `base ${this.name}`
  }
}

function refuseAbove(store: IDBObjectStore, records: number): void {
  const counted = store.count()
  counted.onsuccess = () => {
    if (counted.result > records) store.transaction.abort()
  }
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"))
    transaction.onerror = () => reject(transaction.error ?? new Error("the transaction failed"))
  })
}
