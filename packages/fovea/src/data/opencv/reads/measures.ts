// Numbers of a whole picture: statistics, histograms, distances, watersheds.

import type { Image } from '../../../vision/image.ts'
import { checkColor, checkGray, checkImage, checkInteger, checkOneOf, checkSameSize, refuse } from '../check.ts'
import type { FloatMap, IntegerMap } from '../matrix.ts'
import { reading } from '../step.ts'

export interface ValueStatistics {
  readonly mean: number
  readonly deviation: number
  readonly least: number
  readonly greatest: number
}

export type DistanceKind = 'l1' | 'l2' | 'chessboard'

const distances = { l1: ['DIST_L1', 3], l2: ['DIST_L2', 0], chessboard: ['DIST_C', 3] } as const

export const measureReads = {
  image: reading<Record<never, never>, Image>({
    check() {},
    read: (scope, source) => scope.toImage(source),
  }),

  statistics: reading<Record<never, never>, ValueStatistics[]>({
    check() {},
    read(scope, source) {
      const [mean, deviation] = [scope.mat(), scope.mat()]
      scope.call('meanStdDev', source, mean, deviation)
      const channels = source.channels()
      const { data } = source
      return Array.from({ length: channels }, (_, c) => {
        let [least, greatest] = [255, 0]
        for (let i = c; i < data.length; i += channels) {
          least = Math.min(least, data[i]!)
          greatest = Math.max(greatest, data[i]!)
        }
        return { mean: mean.data64F[c]!, deviation: deviation.data64F[c]!, least, greatest }
      })
    },
  }),

  histogram: reading<{ readonly bins: number; readonly mask?: Image | undefined }, number[][]>({
    check({ bins, mask }, shape) {
      checkInteger('histogram.bins', bins, 1, 256)
      if (mask === undefined) return
      const found = checkImage('histogram.mask', mask)
      checkGray('the mask of histogram', found)
      checkSameSize('histogram.mask', shape, found, false)
    },
    read(scope, source, { bins, mask }) {
      const sources = scope.create<{ push_back(mat: object): void } & ReturnType<typeof scope.mat>>('MatVector')
      sources.push_back(source)
      const where = mask === undefined ? scope.mat() : scope.image(mask)
      return Array.from({ length: source.channels() }, (_, channel) => {
        const out = scope.mat()
        scope.call('calcHist', sources, [channel], where, out, [bins], [0, 256])
        return Array.from(out.data32F)
      })
    },
  }),

  distances: reading<{ readonly kind: DistanceKind }, FloatMap>({
    check({ kind }, shape) {
      checkOneOf('distances.kind', kind, Object.keys(distances) as DistanceKind[])
      checkGray('distances', shape)
    },
    read(scope, source, { kind }) {
      const out = scope.mat()
      const [metric, mask] = distances[kind]
      scope.call('distanceTransform', source, out, scope.constant(metric), mask)
      return { width: out.cols, height: out.rows, data: out.data32F.slice() }
    },
  }),

  watershed: reading<{ readonly markers: IntegerMap }, IntegerMap>({
    check({ markers }, shape) {
      const { width, height, data } = markers ?? {}
      if (!(data instanceof Int32Array) || data.length !== width * height)
        refuse('watershed.markers', 'a map of whole numbers, one for each pixel', data?.length)
      checkSameSize('watershed.markers', shape, { width, height, channels: 1 }, false)
      checkColor('watershed', shape)
    },
    read(scope, source, { markers }) {
      const map = scope.numbers(markers.height, markers.width, markers.data, 'CV_32SC1')
      scope.call('watershed', source, map)
      return { width: map.cols, height: map.rows, data: map.data32S.slice() }
    },
  }),
}
