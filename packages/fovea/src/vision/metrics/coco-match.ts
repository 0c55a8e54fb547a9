// Which detection meets which thing: COCO's matching of one class in one picture (pycocotools, `evaluateImg`), on typed arrays.

/** 0.5, 0.55 … 0.95, as NumPy's `linspace` gives them. */
export const cocoThresholds: Float64Array = Float64Array.from({ length: 10 }, (_, i) => (i === 9 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9)))

/** Least and largest area in pixels of: all things, small, medium, large ones. Both bounds belong to the range. */
export const cocoAreas = [
  [0, 1e5 ** 2],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e5 ** 2],
] as const

/** The things and the detections of one class in one picture. */
export interface Candidates {
  /** Detections, best score first. */
  readonly found: number
  readonly truths: number
  /** Overlaps, row-major [found, truths]. */
  readonly overlaps: Float64Array
  readonly foundAreas: Float64Array
  readonly truthAreas: Float64Array
  /** 1 where a thing is left out whatever its size: a crowd, or difficult. */
  readonly leftOut: Uint8Array
  /** 1 where a thing may be met by many: a crowd. */
  readonly crowd: Uint8Array
}

/**
 * Matches greedily at every threshold within every range of areas.
 *
 * @param flags For each detection and range [found, 4]: bit t where it meets a thing at threshold t, bit 10 + t where it does not count there.
 * @param counted For each range: how many things there are to find is added.
 */
export function matchCandidates(candidates: Candidates, flags: Uint32Array, counted: (range: number, truths: number) => void): void {
  const { found, truths, overlaps, foundAreas, truthAreas, leftOut, crowd } = candidates
  const best = new Float64Array(found)
  for (let d = 0; d < found; d++) for (let g = 0; g < truths; g++) best[d] = Math.max(best[d]!, overlaps[d * truths + g]!)
  const order = new Int32Array(truths)
  const ignored = new Uint8Array(truths)
  const taken = new Uint8Array(truths)
  for (const [range, [low, high]] of cocoAreas.entries()) {
    // Things that do not count come last, else in their own order.
    let counts = 0
    for (let g = 0; g < truths; g++) {
      const outside = truthAreas[g]! < low || truthAreas[g]! > high
      ignored[g] = leftOut[g] === 1 || outside ? 1 : 0
      if (ignored[g] === 0) order[counts++] = g
    }
    for (let g = 0, at = counts; g < truths; g++) if (ignored[g] === 1) order[at++] = g
    counted(range, counts)

    for (let t = 0; t < cocoThresholds.length; t++) {
      const threshold = Math.min(cocoThresholds[t]!, 1 - 1e-10)
      taken.fill(0)
      for (let d = 0; d < found; d++) {
        const at = d * cocoAreas.length + range
        let match = -1
        if (best[d]! >= threshold) {
          let overlap = threshold
          for (let i = 0; i < truths; i++) {
            const g = order[i]!
            if (taken[g] === 1 && crowd[g] === 0) continue
            // One that counts is met: those that do not are no better, however large the overlap.
            if (match >= 0 && ignored[match] === 0 && ignored[g] === 1) break
            if (overlaps[d * truths + g]! < overlap) continue
            overlap = overlaps[d * truths + g]!
            match = g
          }
        }
        if (match >= 0) {
          taken[match] = 1
          flags[at] = flags[at]! | (1 << t) | (ignored[match] === 1 ? 1 << (10 + t) : 0)
        } else if (foundAreas[d]! < low || foundAreas[d]! > high) {
          flags[at] = flags[at]! | (1 << (10 + t))
        }
      }
    }
  }
}
