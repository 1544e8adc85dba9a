// Times in words.

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
]
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" })
const exact = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" })

/** How long ago a moment was, or how far away it is; it is given in milliseconds since 1970. */
export function ago(milliseconds: number): string {
  const seconds = (milliseconds - Date.now()) / 1000
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit)
  }
  return "just now"
}

export function exactly(milliseconds: number): string {
  return exact.format(milliseconds)
}
