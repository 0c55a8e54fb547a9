// Maps of labels in another size: numbers of classes cannot be averaged, but their shares can.

export interface LabelGrid {
  readonly height: number
  readonly width: number
  /** Row by row. */
  readonly data: Uint8Array
}

/** Where the pixels of a side lie in another: its part of that side, in pixels of it. */
export interface Span {
  readonly from: number
  readonly length: number
}

/**
 * Each pixel takes the label that weighs most where labels are interpolated as shares (the highest of one-hot maps enlarged bilinearly), so that
 * borders of enlarged maps run smoothly and not in steps; of equal ones the nearest. Where pixels lie on those of the map it is the map.
 *
 * @param rows the part of the map that the new one shows, between its borders; @param columns likewise
 * @returns labels [height, width], row by row
 */
export function resizeLabels(
  map: LabelGrid,
  { height, width }: { readonly height: number; readonly width: number },
  rows: Span = { from: 0, length: map.height },
  columns: Span = { from: 0, length: map.width },
): Uint8Array<ArrayBuffer> {
  const down = axisOf(height, rows, map.height)
  const across = axisOf(width, columns, map.width)
  const out = new Uint8Array(width * height)
  for (let y = 0, at = 0; y < height; y++) {
    const [upper, lower, v] = [down.low[y]! * map.width, down.high[y]! * map.width, down.part[y]!]
    for (let x = 0; x < width; x++, at++) {
      const [left, right, u] = [across.low[x]!, across.high[x]!, across.part[x]!]
      const [a, b, c, d] = [map.data[upper + left]!, map.data[upper + right]!, map.data[lower + left]!, map.data[lower + right]!]
      out[at] = a === b && a === c && a === d ? a : heaviest(a, b, c, d, u, v)
    }
  }
  return out
}

/** Of four labels around a place, u and v to the right and down between them. */
function heaviest(a: number, b: number, c: number, d: number, u: number, v: number): number {
  const [wa, wb, wc, wd] = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]
  const weight = (label: number) => (a === label ? wa : 0) + (b === label ? wb : 0) + (c === label ? wc : 0) + (d === label ? wd : 0)
  let best = v < 0.5 ? (u < 0.5 ? a : b) : u < 0.5 ? c : d
  let most = weight(best)
  for (const label of [a, b, c, d]) {
    const own = weight(label)
    // Beyond what rounding makes of equal sums.
    if (own > most + 1e-9) [best, most] = [label, own]
  }
  return best
}

/** The pixels before and behind the middle of each new one, and how far it lies between them; not beyond the part that is shown. */
function axisOf(count: number, { from, length }: Span, side: number) {
  const first = Math.min(side - 1, Math.max(0, Math.floor(from)))
  const last = Math.max(first, Math.min(side, Math.ceil(from + length)) - 1)
  const low = new Int32Array(count)
  const high = new Int32Array(count)
  const part = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    const at = Math.min(last, Math.max(first, from + ((i + 0.5) * length) / count - 0.5))
    low[i] = Math.floor(at)
    high[i] = Math.min(last, low[i]! + 1)
    part[i] = at - low[i]!
  }
  return { low, high, part }
}
