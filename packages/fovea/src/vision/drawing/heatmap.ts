// A heatmap laid over a picture, as Grad-CAM and anomaly maps are shown.

import { FoveaError } from '../../util/errors.ts'
import { createImage, type Image, toRgb } from '../image.ts'
import { type ColorMapName, colorTable } from './colors.ts'

export interface HeatmapOptions {
  /** Default turbo. */
  readonly colors?: ColorMapName
  /** Opacity where the heat is 1. Default 0.6. */
  readonly opacity?: number
}

/**
 * Blends a map of values from 0 to 1, [height, width] row-major and of any size, over the picture: smoothed, more opaque where it is hot.
 * @throws DRAWING_INVALID where values and size do not fit
 */
export function overlayHeatmap(image: Image, heat: ArrayLike<number>, height: number, width: number, options: HeatmapOptions = {}): Image {
  if (heat.length !== height * width || height < 1 || width < 1) {
    throw new FoveaError('DRAWING_INVALID', { field: 'heat', expected: `${height * width} values`, found: String(heat.length) })
  }
  const { colors = 'turbo', opacity = 0.6 } = options
  const table = colorTable(colors)
  const base = toRgb(image)
  const out = createImage(base.width, base.height, 3, undefined, image.source)
  const columns = axis(base.width, width)
  const rows = axis(base.height, height)
  const line = new Float64Array(width)
  for (let y = 0, at = 0; y < base.height; y++) {
    line.fill(0)
    for (let k = 0; k < 4; k++) {
      const [row, weight] = [rows.index[y * 4 + k]! * width, rows.weight[y * 4 + k]!]
      for (let x = 0; x < width; x++) line[x] = line[x]! + heat[row + x]! * weight
    }
    for (let x = 0; x < base.width; x++, at += 3) {
      let sum = 0
      for (let k = x * 4; k < x * 4 + 4; k++) sum += line[columns.index[k]!]! * columns.weight[k]!
      const value = Math.min(1, Math.max(0, sum))
      // Cold parts stay clear, so the picture can be read; from a third on the colour holds.
      const alpha = opacity * Math.min(1, value * 3)
      // The last, nearly black reds of a map would look cold again.
      const color = Math.round(value * 240) * 3
      for (let c = 0; c < 3; c++) out.data[at + c] = Math.round(base.data[at + c]! * (1 - alpha) + table[color + c]! * alpha)
    }
  }
  return out
}

/** For each output position: four input samples and their weights in the cubic B-spline, which shows no edges of the coarse map. */
function axis(size: number, from: number): { index: Int32Array; weight: Float64Array } {
  const index = new Int32Array(size * 4)
  const weight = new Float64Array(size * 4)
  for (let i = 0; i < size; i++) {
    const position = ((i + 0.5) * from) / size - 0.5
    const low = Math.floor(position)
    const t = position - low
    const weights = [(1 - t) ** 3, 3 * t ** 3 - 6 * t ** 2 + 4, -3 * t ** 3 + 3 * t ** 2 + 3 * t + 1, t ** 3]
    weights.forEach((value, k) => {
      index[i * 4 + k] = Math.min(from - 1, Math.max(0, low - 1 + k))
      weight[i * 4 + k] = value / 6
    })
  }
  return { index, weight }
}
