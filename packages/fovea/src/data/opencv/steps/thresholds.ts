// From grey to black and white.

import { checkGray, checkNumber, checkNumbers, checkOdd, checkOneOf, refuse } from '../check.ts'
import { step } from '../step.ts'

const thresholdKinds = {
  binary: 'THRESH_BINARY',
  binaryInverted: 'THRESH_BINARY_INV',
  truncate: 'THRESH_TRUNC',
  toZero: 'THRESH_TOZERO',
  toZeroInverted: 'THRESH_TOZERO_INV',
} as const

export type ThresholdKind = keyof typeof thresholdKinds

/** A brightness, or the way to find one: Otsu (1979), or the triangle method (Zack 1977). */
export type ThresholdAt = number | 'otsu' | 'triangle'

const adaptiveMethods = { mean: 'ADAPTIVE_THRESH_MEAN_C', gaussian: 'ADAPTIVE_THRESH_GAUSSIAN_C' } as const

export type AdaptiveMethod = keyof typeof adaptiveMethods

export interface AdaptiveThreshold {
  readonly method: AdaptiveMethod
  readonly size: number
  readonly offset: number
  readonly kind: 'binary' | 'binaryInverted'
}

export const thresholdSteps = {
  threshold: step<{ readonly at: ThresholdAt; readonly kind: ThresholdKind; readonly high: number }>({
    check({ at, kind, high }, shape) {
      if (typeof at === 'number') checkNumber('threshold.at', at)
      else if (at !== 'otsu' && at !== 'triangle') refuse('threshold.at', 'a number, otsu or triangle', at)
      else checkGray(`threshold by ${at}`, shape)
      checkOneOf('threshold.kind', kind, Object.keys(thresholdKinds) as ThresholdKind[])
      checkNumber('threshold.high', high, 0, 255)
      return shape
    },
    apply(scope, source, { at, kind, high }) {
      const out = scope.mat()
      const automatic = typeof at === 'number' ? 0 : scope.constant(at === 'otsu' ? 'THRESH_OTSU' : 'THRESH_TRIANGLE')
      scope.call('threshold', source, out, typeof at === 'number' ? at : 0, high, scope.constant(thresholdKinds[kind]) + automatic)
      return out
    },
  }),

  adaptiveThreshold: step<AdaptiveThreshold>({
    check({ method, size, offset, kind }, shape) {
      checkOneOf('adaptiveThreshold.method', method, Object.keys(adaptiveMethods) as AdaptiveMethod[])
      checkOdd('adaptiveThreshold.size', size, 3)
      checkNumber('adaptiveThreshold.offset', offset)
      checkOneOf('adaptiveThreshold.kind', kind, ['binary', 'binaryInverted'])
      checkGray('adaptiveThreshold', shape)
      return shape
    },
    apply(scope, source, { method, size, offset, kind }) {
      const out = scope.mat()
      const how = scope.constant(adaptiveMethods[method])
      scope.call('adaptiveThreshold', source, out, 255, how, scope.constant(thresholdKinds[kind]), size, offset)
      return out
    },
  }),

  inRange: step<{ readonly low: readonly number[]; readonly high: readonly number[] }>({
    check({ low, high }, shape) {
      checkNumbers('inRange.low', low, shape.channels)
      checkNumbers('inRange.high', high, shape.channels)
      return { ...shape, channels: 1 }
    },
    apply(scope, source, { low, high }) {
      const out = scope.mat()
      const bound = (values: readonly number[]) => scope.create('Mat', source.rows, source.cols, source.type(), scope.scalar(...values))
      scope.call('inRange', source, bound(low), bound(high), out)
      return out
    },
  }),
}
