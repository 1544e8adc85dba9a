// What is known of versions already: one request for each, however often it is asked for.

const MAX_KEPT = 400

/** Keeps what `load` gave for a key, failures not. */
export class Kept<Value> {
  private readonly values = new Map<number, Promise<Value>>()

  constructor(private readonly load: (key: number) => Promise<Value>) {}

  get(key: number): Promise<Value> {
    const known = this.values.get(key)
    if (known !== undefined) return known
    const asked = this.load(key)
    this.values.set(key, asked)
    asked.catch(() => this.values.delete(key))
    if (this.values.size > MAX_KEPT) {
      const [oldest] = this.values.keys()
      if (oldest !== undefined) this.values.delete(oldest)
    }
    return asked
  }

  clear(): void {
    this.values.clear()
  }
}
