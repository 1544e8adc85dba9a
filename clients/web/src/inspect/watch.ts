// Looking again and again, politely: never twice at once, not while nobody sees the page, less often
// while the server does not answer.
import { Problem } from "../api"
import { EVERY_MILLISECONDS } from "./charts"

const FAILED_MILLISECONDS = 3000
/** What another look would only repeat. */
const FINAL = new Set([400, 401, 403, 404])

export class Watch {
  private timer = 0
  private asking = false
  private again = false
  private ended = false
  private stopped = false

  /** `look` asks and shows; `failed` is told why that did not work. */
  constructor(
    private readonly look: () => Promise<void>,
    private readonly failed: (problem: Problem) => void,
  ) {
    document.addEventListener("visibilitychange", this.onVisible)
    void this.run()
  }

  /** Look at once: something else is asked for now. */
  now(): void {
    this.stopped = false
    if (this.asking) this.again = true
    else void this.run()
  }

  leave(): void {
    this.ended = true
    clearTimeout(this.timer)
    document.removeEventListener("visibilitychange", this.onVisible)
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer)
    this.asking = true
    let wait = EVERY_MILLISECONDS
    try {
      await this.look()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      wait = FAILED_MILLISECONDS
      if (!this.ended) {
        this.stopped = FINAL.has(error.status)
        this.failed(error)
      }
    } finally {
      this.asking = false
    }
    if (this.ended) return
    if (this.again) {
      this.again = false
      void this.run()
    } else if (!this.stopped && !document.hidden) {
      this.timer = window.setTimeout(() => void this.run(), wait)
    }
  }

  private readonly onVisible = (): void => {
    if (document.hidden) clearTimeout(this.timer)
    else if (!this.stopped && !this.asking) void this.run()
  }
}
