// A picture with a second one, and repairs: sums and differences, masks, filling, inpainting.

import type { Image } from '../../../vision/image.ts'
import { checkColor, checkGray, checkImage, checkInteger, checkNumber, checkNumbers, checkOneOf, checkSameSize, refuse } from '../check.ts'
import { step } from '../step.ts'

const combinations = {
  add: 'add',
  subtract: 'subtract',
  difference: 'absdiff',
  least: 'min',
  greatest: 'max',
  and: 'bitwise_and',
  or: 'bitwise_or',
  xor: 'bitwise_xor',
} as const

/** Sums are cut off at 0 and 255. */
export type Combination = keyof typeof combinations

export type InpaintMethod = 'telea' | 'navierStokes'

export interface FloodFill {
  readonly x: number
  readonly y: number
  readonly value: readonly number[]
  readonly tolerance: number
  readonly neighbours: 4 | 8
}

export const combineSteps = {
  combine: step<{ readonly kind: Combination; readonly other: Image }>({
    check({ kind, other }, shape) {
      checkOneOf('combine.kind', kind, Object.keys(combinations) as Combination[])
      checkSameSize('combine.other', shape, checkImage('combine.other', other))
      return shape
    },
    apply(scope, source, { kind, other }) {
      const out = scope.mat()
      scope.call(combinations[kind], source, scope.image(other), out)
      return out
    },
  }),

  blend: step<{ readonly other: Image; readonly share: number }>({
    check({ other, share }, shape) {
      checkNumber('blend.share', share, 0, 1)
      checkSameSize('blend.other', shape, checkImage('blend.other', other))
      return shape
    },
    apply(scope, source, { other, share }) {
      const out = scope.mat()
      scope.call('addWeighted', source, 1 - share, scope.image(other), share, 0, out)
      return out
    },
  }),

  mask: step<{ readonly mask: Image }>({
    check({ mask }, shape) {
      const found = checkImage('mask.mask', mask)
      checkGray('the mask of mask', found)
      checkSameSize('mask.mask', shape, found, false)
      return shape
    },
    apply(scope, source, { mask }) {
      const out = scope.create<typeof source>('Mat', source.rows, source.cols, source.type(), scope.scalar())
      source.copyTo(out, scope.image(mask))
      return out
    },
  }),

  floodFill: step<FloodFill>({
    check({ x, y, value, tolerance, neighbours }, shape) {
      checkInteger('floodFill.x', x, 0, shape.width - 1)
      checkInteger('floodFill.y', y, 0, shape.height - 1)
      checkNumbers('floodFill.value', value, shape.channels)
      checkNumber('floodFill.tolerance', tolerance, 0, 255)
      checkOneOf('floodFill.neighbours', neighbours, [4, 8])
      return shape
    },
    apply(scope, source, { x, y, value, tolerance, neighbours }) {
      const out = scope.mat()
      source.copyTo(out)
      const bound = scope.scalar(tolerance, tolerance, tolerance)
      const area = { x: 0, y: 0, width: 0, height: 0 }
      const flags = neighbours + scope.constant('FLOODFILL_FIXED_RANGE')
      // An empty mask: OpenCV makes its own.
      scope.call('floodFill', out, scope.mat(), scope.point(x, y), scope.scalar(...value), area, bound, bound, flags)
      return out
    },
  }),

  inpaint: step<{ readonly mask: Image; readonly radius: number; readonly method: InpaintMethod }>({
    check({ mask, radius, method }, shape) {
      const found = checkImage('inpaint.mask', mask)
      checkGray('the mask of inpaint', found)
      checkSameSize('inpaint.mask', shape, found, false)
      checkNumber('inpaint.radius', radius, 0, 100)
      checkOneOf('inpaint.method', method, ['telea', 'navierStokes'])
      return shape
    },
    apply(scope, source, { mask, radius, method }) {
      const out = scope.mat()
      const how = scope.constant(method === 'telea' ? 'INPAINT_TELEA' : 'INPAINT_NS')
      scope.call('inpaint', source, scope.image(mask), out, radius, how)
      return out
    },
  }),

  grabCut: step<{ readonly x: number; readonly y: number; readonly width: number; readonly height: number; readonly iterations: number }>({
    check({ x, y, width, height, iterations }, shape) {
      checkInteger('grabCut.x', x, 0, shape.width - 1)
      checkInteger('grabCut.y', y, 0, shape.height - 1)
      checkInteger('grabCut.width', width, 1, shape.width - x)
      checkInteger('grabCut.height', height, 1, shape.height - y)
      if (width === shape.width && height === shape.height)
        refuse('grabCut.width', 'a rectangle that leaves background outside', 'the whole picture')
      checkInteger('grabCut.iterations', iterations, 1, 100)
      checkColor('grabCut', shape)
      return { ...shape, channels: 1 }
    },
    apply(scope, source, { x, y, width, height, iterations }) {
      const mask = scope.create<typeof source>('Mat', source.rows, source.cols, scope.constant('CV_8UC1'), scope.scalar())
      const how = scope.constant('GC_INIT_WITH_RECT')
      scope.call('grabCut', source, mask, { x, y, width, height }, scope.mat(), scope.mat(), iterations, how)
      // 1 and 3 are sure and likely foreground.
      const { data } = mask
      for (let i = 0; i < data.length; i++) data[i] = data[i]! & 1 ? 255 : 0
      return mask
    },
  }),
}
