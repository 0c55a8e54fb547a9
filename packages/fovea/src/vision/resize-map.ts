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

/** For each place of the result the two cells about it, and how far it lies towards the second. */
function axis(from: number, to: number): { low: number; high: number; part: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const place = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5))
    const low = Math.floor(place)
    return { low, high: Math.min(from - 1, low + 1), part: place - low }
  })
}
