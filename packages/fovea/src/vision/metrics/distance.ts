// Exact squared Euclidean distance to the nearest marked pixel, in linear time (Felzenszwalb & Huttenlocher 2012).

/** Row by row; Infinity everywhere where nothing is marked. */
export function squaredDistances(marked: ArrayLike<number>, width: number, height: number): Float64Array {
  const out = Float64Array.from({ length: width * height }, (_, i) => (marked[i] ? 0 : Number.POSITIVE_INFINITY))
  const longest = Math.max(width, height)
  const space = { line: new Float64Array(longest), at: new Int32Array(longest), from: new Float64Array(longest + 1) }
  for (let x = 0; x < width; x++) distancesOfLine(out, x, width, height, space)
  for (let y = 0; y < height; y++) distancesOfLine(out, y * width, 1, width, space)
  return out
}

interface Space {
  readonly line: Float64Array
  readonly at: Int32Array
  readonly from: Float64Array
}

/** The lower envelope of the parabolas that stand on each pixel of a line. */
function distancesOfLine(out: Float64Array, start: number, step: number, count: number, { line, at, from }: Space): void {
  let last = -1
  for (let q = 0; q < count; q++) {
    const height = out[start + q * step]!
    line[q] = height
    if (height === Number.POSITIVE_INFINITY) continue
    let meet = Number.NEGATIVE_INFINITY
    while (last >= 0) {
      const p = at[last]!
      meet = (height + q * q - (line[p]! + p * p)) / (2 * (q - p))
      if (meet > from[last]!) break
      last--
    }
    if (last < 0) meet = Number.NEGATIVE_INFINITY
    last++
    at[last] = q
    from[last] = meet
  }
  if (last < 0) return
  let k = 0
  for (let q = 0; q < count; q++) {
    while (k < last && from[k + 1]! < q) k++
    const p = at[k]!
    out[start + q * step] = (q - p) ** 2 + line[p]!
  }
}
