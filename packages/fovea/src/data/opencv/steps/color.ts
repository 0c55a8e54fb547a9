// Colours and brightness: conversion between colour models, inversion, colour maps, equalisation.

import { checkColor, checkGray, checkInteger, checkNumber, checkOneOf, refuse } from '../check.ts'
import type { Native } from '../library.ts'
import { step } from '../step.ts'

/** Colour models with their names in OpenCV. */
const colorModels = { rgb: 'RGB', hsv: 'HSV', hls: 'HLS', lab: 'Lab', luv: 'Luv', ycrcb: 'YCrCb', xyz: 'XYZ', yuv: 'YUV' } as const

export type ColorModel = keyof typeof colorModels

const colorMaps = ['autumn', 'bone', 'jet', 'hot', 'cool', 'viridis', 'inferno', 'magma', 'plasma', 'turbo', 'parula'] as const

export type ColorMapName = (typeof colorMaps)[number]

export interface Conversion {
  readonly from: ColorModel
  readonly to: ColorModel
}

export interface Clahe {
  readonly clipLimit: number
  readonly tiles: number
}

interface Equalizer extends Native {
  apply(source: object, target: object): void
}

export const colorSteps = {
  gray: step<Record<never, never>>({
    check: (_, shape) => ({ ...shape, channels: 1 }),
    apply(scope, source) {
      if (source.channels() === 1) return source
      const out = scope.mat()
      scope.call('cvtColor', source, out, scope.constant('COLOR_RGB2GRAY'))
      return out
    },
  }),

  color: step<Record<never, never>>({
    check: (_, shape) => ({ ...shape, channels: 3 }),
    apply(scope, source) {
      if (source.channels() === 3) return source
      const out = scope.mat()
      scope.call('cvtColor', source, out, scope.constant('COLOR_GRAY2RGB'))
      return out
    },
  }),

  convertColor: step<Conversion>({
    check({ from, to }, shape) {
      checkOneOf('convertColor.from', from, Object.keys(colorModels) as ColorModel[])
      checkOneOf('convertColor.to', to, Object.keys(colorModels) as ColorModel[])
      if ((from === 'rgb') === (to === 'rgb')) refuse('convertColor.to', 'rgb on exactly one side', `${from} to ${to}`)
      checkColor('convertColor', shape)
      return shape
    },
    apply(scope, source, { from, to }) {
      const out = scope.mat()
      scope.call('cvtColor', source, out, scope.constant(`COLOR_${colorModels[from]}2${colorModels[to]}`))
      return out
    },
  }),

  colorMap: step<{ readonly map: ColorMapName }>({
    check({ map }, shape) {
      checkOneOf('colorMap.map', map, colorMaps)
      checkGray('colorMap', shape)
      return { ...shape, channels: 3 }
    },
    apply(scope, source, { map }) {
      const out = scope.mat()
      scope.call('applyColorMap', source, out, scope.constant(`COLORMAP_${map.toUpperCase()}`))
      // OpenCV's tables are in its own order, blue first.
      scope.call('cvtColor', out, out, scope.constant('COLOR_BGR2RGB'))
      return out
    },
  }),

  invert: step<Record<never, never>>({
    check: (_, shape) => shape,
    apply(scope, source) {
      const out = scope.mat()
      scope.call('bitwise_not', source, out)
      return out
    },
  }),

  scaleValues: step<{ readonly scale: number; readonly offset: number }>({
    check({ scale, offset }, shape) {
      checkNumber('scaleValues.scale', scale)
      checkNumber('scaleValues.offset', offset)
      return shape
    },
    apply(scope, source, { scale, offset }) {
      const out = scope.mat()
      source.convertTo(out, -1, scale, offset)
      return out
    },
  }),

  equalizeHistogram: step<Record<never, never>>({
    check(_, shape) {
      checkGray('equalizeHistogram', shape)
      return shape
    },
    apply(scope, source) {
      const out = scope.mat()
      scope.call('equalizeHist', source, out)
      return out
    },
  }),

  clahe: step<Clahe>({
    check({ clipLimit, tiles }, shape) {
      checkNumber('clahe.clipLimit', clipLimit, 0)
      checkInteger('clahe.tiles', tiles, 1, 256)
      checkGray('clahe', shape)
      return shape
    },
    apply(scope, source, { clipLimit, tiles }) {
      const out = scope.mat()
      scope.create<Equalizer>('CLAHE', clipLimit, scope.size(tiles)).apply(source, out)
      return out
    },
  }),
}
