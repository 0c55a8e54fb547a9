// The attention of a pyramid as a sheet: which level counts how much, and where each one looks.

import type { FeatureMap } from '../vision/feature-map.ts'
import type { Image } from '../vision/image.ts'
import type { Grid } from '../vision/placement.ts'

export interface LevelSheet {
  readonly panels: readonly { readonly image: Image; readonly caption: string; readonly note?: string }[]
  readonly subtitle: string
  readonly columns: number
}

interface Range {
  readonly low: number
  readonly high: number
}

/**
 * Upper row: the picture, then each channel on one scale for all. Lower row: their mean, then each channel, all on scales of their own,
 * since the places of one level often differ by less than the levels do.
 *
 * @param stride of the map, which is that of the first level
 * @param heat lays a grid of 0 to 1 over the picture
 */
export function levelSheet(
  { height, width, data }: FeatureMap,
  { stride, count, picture, heat }: { stride: number | undefined; count: number; picture: Image; heat: (grid: Grid) => Image },
): LevelSheet {
  const plane = height * width
  const levels = Array.from({ length: count }, (_, c) => data.subarray(c * plane, (c + 1) * plane))
  const mean = Float32Array.from({ length: plane }, (_, i) => levels.reduce((sum, level) => sum + level[i]!, 0) / count)
  const whole = rangeOf(data.subarray(0, count * plane))
  const panel = (values: Float32Array, { low, high }: Range, caption: string) => ({
    image: heat({ height, width, data: values.map((value) => (isFlat({ low, high }) ? 0 : (value - low) / (high - low))) }),
    caption,
    note: rangeText(rangeOf(values)),
  })
  const named = levels.map((values, i) => ({ values, name: levelName(stride, i) }))
  return {
    panels: [
      { image: picture, caption: 'picture' },
      ...named.map(({ values, name }) => panel(values, whole, name)),
      panel(mean, rangeOf(mean), 'mean, own scale'),
      ...named.map(({ values, name }) => panel(values, rangeOf(values), `${name}, own scale`)),
    ],
    subtitle: `${count} levels of ${width}x${height}. Above one scale for all: clear to red is ${rangeText(whole)}. Below each from its lowest to its highest.`,
    columns: count + 1,
  }
}

/** Differences below a ten-thousandth of the values say nothing, and stretched they would look like much. */
function isFlat({ low, high }: Range): boolean {
  return high - low <= 1e-4 * Math.max(Math.abs(low), Math.abs(high))
}

/** The first level of attention has the map's own stride: with one of 8 it is p3. */
function levelName(stride: number | undefined, index: number): string {
  const first = Math.log2(stride ?? 0)
  return Number.isInteger(first) ? `p${first + index}` : `level ${index + 1}`
}

function rangeOf(values: Float32Array): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return { low, high }
}

/** As many digits as tell the ends apart. */
function rangeText({ low, high }: Range): string {
  if (isFlat({ low, high })) return `${Number(low.toPrecision(3))} everywhere`
  const digits = Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(high - low))))
  return `${low.toFixed(digits)} to ${high.toFixed(digits)}`
}
