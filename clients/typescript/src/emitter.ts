// Who is told of what. A listener that throws does not keep the others from hearing, and what a listener
// causes is told when all have heard of what caused it, so that everybody hears the same order.

export type Stop = () => void

export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(event: never) => void>>()
  private readonly untold: [keyof Events, unknown][] = []
  private telling = false

  /** Hear of every `name` from now on, until the function that is returned is called. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): Stop {
    const hearing = this.listeners.get(name) ?? new Set()
    this.listeners.set(name, hearing)
    const own = (event: Events[Name]): void => listener(event)
    hearing.add(own)
    return () => {
      hearing.delete(own)
    }
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    this.untold.push([name, event])
    if (this.telling) return
    this.telling = true
    for (let next = this.untold.shift(); next !== undefined; next = this.untold.shift()) this.tellAll(...next)
    this.telling = false
  }

  private tellAll(name: keyof Events, event: unknown): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        ;(listener as (event: unknown) => void)(event)
      } catch (error) {
        // As an event target does it: the page is told, and what is under way goes on.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  hears(name: keyof Events): boolean {
    return (this.listeners.get(name)?.size ?? 0) > 0
  }

  clear(): void {
    this.listeners.clear()
  }
}
