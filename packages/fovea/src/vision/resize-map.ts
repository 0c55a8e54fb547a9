// Maps of numbers in another size.

export interface NumberMap {
  readonly width: number
  readonly height: number
  /** Row by row. */
  readonly data: ArrayLike<number>
}

/** The map in this size: bilinear between the middles of its cells, the outermost reaching to the edge. The same map where the size is its own. */
export function resizeMap(map: NumberMap, width: number, height: number): NumberMap {
  if (map.width === width && map.height === height) return map
  const columns = axis(map.width, width)
  const rows = axis(map.height, height)
  const data = new Float32Array(width * height)
  let at = 0
  for (const { low: top, high: bottom, part: v } of rows)
    for (const { low: left, high: right, part: h } of columns) {
      const value = (row: number, column: number) => map.data[row * map.width + column]!
      const upper = value(top, left) * (1 - h) + value(top, right) * h
      const lower = value(bottom, left) * (1 - h) + value(bottom, right) * h
      data[at++] = upper * (1 - v) + lower * v
    }
  return { width, height, data }
}

/** The two cells about a place, and how far it lies towards the second. */
export interface CellsAbout {
  readonly low: number
  readonly high: number
  readonly part: number
}

/** @param at in cells from the edge, where middles are halves; outermost cells reach to the edge */
export function cellsAbout(at: number, cells: number): CellsAbout {
  const place = Math.min(cells - 1, Math.max(0, at - 0.5))
  const low = Math.floor(place)
  return { low, high: Math.min(cells - 1, low + 1), part: place - low }
}

function axis(from: number, to: number): CellsAbout[] {
  return Array.from({ length: to }, (_, i) => cellsAbout(((i + 0.5) * from) / to, from))
}
