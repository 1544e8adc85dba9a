// Numbers in words: short, and as exact as they need to be. Pure.

const UNITS = ["B", "KB", "MB", "GB"] as const

export function bytes(value: number | null): string {
  if (value === null) return "–"
  let size = value
  let unit = 0
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1024
    unit += 1
  }
  return `${unit === 0 ? size : short(size)} ${UNITS[unit] ?? ""}`
}

export function milliseconds(value: number | null): string {
  if (value === null) return "–"
  return value < 1000 ? `${short(value)} ms` : `${short(value / 1000)} s`
}

/** One digit after the point below ten, none above. */
export function short(value: number): string {
  if (value === 0) return "0"
  if (value < 0.1) return "<0.1"
  return value < 9.95 ? value.toFixed(1) : count(Math.round(value))
}

export function count(value: number): string {
  return value.toLocaleString("en")
}

export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** How long something has lasted. */
export function lasting(millisecondsLong: number): string {
  const seconds = Math.max(0, Math.round(millisecondsLong / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return counted(Math.floor(seconds / 86_400), "day")
}
