// Older forms of Resize, and Upsample, which it replaced.

import { Tensor } from '../graph/tensor.ts'
import type { OpsetChange, Rewrite, Rewriting } from './opset-rewriting.ts'

const isList = (r: Rewriting, index: number) => r.input(index) !== '' && r.constant(index)?.data.length !== 0

/** Attributes that say what resampling meant before it could be chosen: origins without an offset of half a pixel. */
function asBefore(mode: string, nearest: 'floor' | 'ceil'): Record<string, string> {
  const linear = mode === 'bilinear' ? 'linear' : mode
  return { mode: linear, coordinate_transformation_mode: 'asymmetric', ...(linear === 'nearest' ? { nearest_mode: nearest } : {}) }
}

/**
 * The nearest pixel was left open; ONNX Runtime took the one below when it enlarged an axis, and the one above when it shrank
 * one. An image that does both is resized twice.
 */
const coordinatesAreChosen: Rewrite = (r) => {
  const mode = r.string('mode', 'nearest')
  const scales = mode === 'nearest' ? r.constant(1)?.data : undefined
  if (mode !== 'nearest' || scales?.every((scale) => scale >= 1))
    return r.emit({ inputs: [r.input(0), '', r.input(1)], set: asBefore(mode, 'floor') })
  if (scales === undefined) return r.refuse('constant scales where the nearest pixel is taken', 'computed ones')
  if (scales.every((scale) => scale <= 1)) return r.emit({ inputs: [r.input(0), '', r.input(1)], set: asBefore(mode, 'ceil') })
  const list = (bound: (scale: number) => number) =>
    r.b.constant(Tensor.float32([scales.length], Float32Array.from(scales, bound)), 'scales')
  const enlarged = r.b.op('Resize', [r.input(0), '', list((scale) => Math.max(scale, 1))], asBefore(mode, 'floor'))
  r.emit({ inputs: [enlarged, '', list((scale) => Math.min(scale, 1))], set: asBefore(mode, 'ceil') })
}

/** Regions and scales may be left out, where an empty list stood for them before. */
const absentListsAreLeftOut: Rewrite = (r) => {
  const coordinates = r.string('coordinate_transformation_mode', 'half_pixel')
  const roi = coordinates === 'tf_crop_and_resize' ? r.input(1) : ''
  const sizes = isList(r, 3) ? r.input(3) : ''
  const inputs = [r.input(0), roi, sizes === '' ? r.input(2) : '', sizes]
  if (coordinates !== 'tf_half_pixel_for_nn') return r.emit({ inputs })
  // floor((x + 0.5) / scale) is what half_pixel with its nearest pixel at floor(origin + 0.5) gives.
  if (r.string('mode', 'nearest') !== 'nearest' || r.string('nearest_mode', 'round_prefer_floor') !== 'floor')
    return r.refuse('nearest_mode floor with tf_half_pixel_for_nn, which is no more', r.string('nearest_mode', 'round_prefer_floor'))
  r.emit({ inputs, set: { coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' } })
}

export const resizeChanges: readonly OpsetChange[] = [
  { since: 11, rewrite: coordinatesAreChosen },
  { since: 13, rewrite: absentListsAreLeftOut },
]

const scalesAreAList: Rewrite = (r) => {
  const scales = [1, 1, r.float('height_scale'), r.float('width_scale')]
  r.emit({ set: { scales }, without: ['height_scale', 'width_scale'] })
}

const scalesBecomeInput: Rewrite = (r) => {
  const scales = r.floats('scales')
  r.emit({ inputs: [r.input(0), r.b.constant(Tensor.float32([scales.length], scales), 'scales')], without: ['scales'] })
}

export const upsampleChanges: readonly OpsetChange[] = [
  { since: 7, rewrite: scalesAreAList },
  { since: 9, rewrite: scalesBecomeInput },
  {
    since: 10,
    rewrite: (r) => r.emit({ op: 'Resize', inputs: [r.input(0), '', r.input(1)], set: asBefore(r.string('mode', 'nearest'), 'floor') }),
  },
]
