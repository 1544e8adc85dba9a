// A shortest edit script between two sequences, with bounded work.
//
// Owns the search, Myers' greedy algorithm; knows nothing of what the sequences mean. Step for step
// the one of the Python client (collab/ot/myers.py), so that both rebase unsent text alike.

const ITEMS_PER_STEP = 32

/** `a[aStart, aEnd)` gave way to `b[bStart, bEnd)`; what is between hunks is equal. */
export interface Hunk {
  readonly aStart: number
  readonly aEnd: number
  readonly bStart: number
  readonly bEnd: number
}

/** Steps that searches may still take together; a step is about a microsecond. */
export interface Budget {
  steps: number
}

/** The hunks of a shortest script, in order; null if it needs more than `maxEdits` deletions and
 * insertions or the budget is used up. */
export function hunks(
  a: readonly number[],
  b: readonly number[],
  maxEdits: number,
  budget: Budget,
): Hunk[] | null {
  let furthest = new Map([[1, 0]]) // by diagonal (x - y): how far in `a` a path of so many edits gets
  const trail: Map<number, number>[] = []
  const most = Math.min(maxEdits, a.length + b.length)
  for (let edits = 0; edits <= most; edits++) {
    const reached = new Map<number, number>()
    let steps = edits + 1
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = entry(furthest, diagonal)
      let y = x - diagonal
      if (x < 0 || x > a.length || y > b.length) continue
      const start = x
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++
        y++
      }
      steps += Math.floor((x - start) / ITEMS_PER_STEP)
      reached.set(diagonal, x)
      if (x === a.length && y === b.length) return walkBack(trail, x, y)
    }
    trail.push(reached)
    furthest = reached
    budget.steps -= steps
    if (budget.steps <= 0) return null
  }
  return null
}

/** How far in `a` one more edit gets on a diagonal; negative if there is no way to it. */
function entry(furthest: ReadonlyMap<number, number>, diagonal: number): number {
  const deleting = (furthest.get(diagonal - 1) ?? -2) + 1
  const inserting = furthest.get(diagonal + 1) ?? -1
  return Math.max(deleting, inserting)
}

/** The hunks of the path that reached (x, y) after `trail.length` edits. */
function walkBack(trail: readonly Map<number, number>[], x: number, y: number): Hunk[] {
  const found: Hunk[] = []
  for (let edits = trail.length - 1; edits >= 0; edits--) {
    const furthest = trail[edits]!
    const diagonal = x - y
    const endX = entry(furthest, diagonal)
    const inserted = furthest.get(diagonal + 1) === endX
    x = inserted ? endX : endX - 1
    const endY = endX - diagonal
    y = inserted ? endY - 1 : endY
    const next = found[found.length - 1]
    if (next !== undefined && next.aStart === endX && next.bStart === endY) {
      found[found.length - 1] = { aStart: x, aEnd: next.aEnd, bStart: y, bEnd: next.bEnd }
    } else {
      found.push({ aStart: x, aEnd: endX, bStart: y, bEnd: endY })
    }
  }
  return found.reverse()
}
