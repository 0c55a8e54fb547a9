// Connected regions of a mask.

/** The region of each pixel, from 1, by its eight neighbours; 0 outside. Row by row. */
export function connectedRegions(mask: ArrayLike<number>, width: number, height: number): { labels: Int32Array; areas: number[] } {
  const labels = new Int32Array(width * height)
  const areas: number[] = []
  const stack: number[] = []
  for (let start = 0; start < labels.length; start++) {
    if (!mask[start] || labels[start] !== 0) continue
    const region = areas.push(0)
    labels[start] = region
    stack.push(start)
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      areas[region - 1]!++
      const [x, y] = [at % width, Math.floor(at / width)]
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++)
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column
          if (!mask[next] || labels[next] !== 0) continue
          labels[next] = region
          stack.push(next)
        }
    }
  }
  return { labels, areas }
}
