// Bilinear reading of a plane at a point between its pixels.

/**
 * The pixels around a point of an H x W plane and their weights. A point up to one pixel outside reads the edge; one further out reads
 * nothing (RoiAlign's convention).
 */
export function bilinearTaps(y: number, x: number, H: number, W: number): [position: number, weight: number][] {
  if (y < -1 || y > H || x < -1 || x > W) return []
  const rows = edgeTaps(y, H)
  const columns = edgeTaps(x, W)
  return rows.flatMap(([row, a]) => columns.map(([column, b]): [number, number] => [row * W + column, a * b]))
}

function edgeTaps(value: number, size: number): [position: number, weight: number][] {
  const at = Math.max(0, value)
  const low = Math.floor(at)
  if (low >= size - 1) return [[size - 1, 1]]
  return [
    [low, low + 1 - at],
    [low + 1, at - low],
  ]
}

/** Like `bilinearTaps`, with zeros outside the plane (the convention of deformable convolutions). */
export function zeroPaddedTaps(y: number, x: number, H: number, W: number): [position: number, weight: number][] {
  const [top, left] = [Math.floor(y), Math.floor(x)]
  const taps: [number, number][] = []
  for (const [row, a] of [
    [top, top + 1 - y],
    [top + 1, y - top],
  ] as const)
    for (const [column, b] of [
      [left, left + 1 - x],
      [left + 1, x - left],
    ] as const)
      if (row >= 0 && row < H && column >= 0 && column < W) taps.push([row * W + column, a * b])
  return taps
}
