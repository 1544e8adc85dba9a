// The newest values of what is looked at again and again, for charts. Pure.

/** The newest `most` values, oldest first; null where nothing was known. */
export class Series {
  private readonly kept: (number | null)[] = []

  constructor(private readonly most: number) {}

  add(value: number | null): void {
    this.kept.push(value)
    if (this.kept.length > this.most) this.kept.shift()
  }

  get values(): readonly (number | null)[] {
    return this.kept
  }

  get highest(): number {
    return Math.max(0, ...this.kept.map((value) => value ?? 0))
  }
}

/** A series for each of many, as long as it is mentioned. */
export class SeriesOf {
  private kept = new Map<string, Series>()

  constructor(private readonly most: number) {}

  /** Add one value for each; who is not mentioned is forgotten. */
  add(values: Iterable<readonly [string, number | null]>): void {
    const kept = new Map<string, Series>()
    for (const [name, value] of values) {
      const series = this.kept.get(name) ?? new Series(this.most)
      series.add(value)
      kept.set(name, series)
    }
    this.kept = kept
  }

  of(name: string): Series {
    return this.kept.get(name) ?? new Series(this.most)
  }
}

/** The least round number that is not below `value`: where a chart ends. */
export function roundedUp(value: number): number {
  if (value <= 0) return 1
  const unit = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 5, 10].find((each) => each * unit >= value * 0.999) ?? 10
  return step * unit
}

/** The runs of a line through the values in a box, as SVG path data: the newest at the right end, a gap
 * where nothing was known. A single value is a short dash. */
export function lineOf(values: readonly (number | null)[], most: number, top: number, width: number, height: number): string {
  const step = width / Math.max(most - 1, 1)
  const parts: string[] = []
  let pen = false
  values.forEach((value, index) => {
    if (value === null) {
      pen = false
      return
    }
    const x = width - (values.length - 1 - index) * step
    const y = height - (Math.min(value, top) / top) * height
    parts.push(`${pen ? "L" : "M"}${rounded(x)} ${rounded(y)}`)
    if (!pen && (values[index + 1] ?? null) === null) parts.push(`L${rounded(Math.min(x + step / 2, width))} ${rounded(y)}`)
    pen = true
  })
  return parts.join("")
}

/** The same, closed along the bottom. */
export function areaOf(values: readonly (number | null)[], most: number, top: number, width: number, height: number): string {
  return lineOf(values, most, top, width, height)
    .split("M")
    .filter((run) => run !== "")
    .map((run) => {
      const points = run.split("L")
      const first = points[0]?.split(" ")[0] ?? "0"
      const last = points.at(-1)?.split(" ")[0] ?? "0"
      return `M${first} ${height}L${points.join("L")}L${last} ${height}Z`
    })
    .join("")
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
