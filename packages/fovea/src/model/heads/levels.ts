// The pyramid that heads look at: a model's own, or a new one over the stages of its backbone.

import { isStatic } from '../../graph/dims.ts'
import type { Model } from '../../graph/model.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import { featurePyramid } from '../../nn/necks/pyramid.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { FoveaError } from '../../util/errors.ts'

/** A side that all usual strides divide. */
const probe = 256

export interface LevelOptions {
  /** Levels of stride 8, 16, 32 … that are used. @default 3 */
  readonly levels?: number
  /** Channels of a pyramid that is made. @default 128 */
  readonly channels?: number
}

/** Maps of the backbone below the pyramid, `conv2` and `stem`, the coarser one first; those that the model has. */
export function fineMaps(model: Model, stages: Readonly<Record<string, string>>): Feature[] {
  const shapes = inferValues(model, { bindings: { N: 1, H: probe, W: probe } })
  const maps = ['conv2', 'stem'].flatMap((stage): Feature[] => {
    const dims = shapes.dims(stages[stage] ?? '')
    return isStatic(dims) && dims.length === 4 ? [{ value: stages[stage]!, channels: dims[1]!, stride: probe / dims[2]! }] : []
  })
  return maps.filter(({ stride }, i) => stride < 8 && (i === 0 || stride < maps[i - 1]!.stride))
}

/**
 * The finest levels of the model's pyramid (stages `p3`, `p4` …). Where it has none, one is built over its stages `conv3`, `conv4`, `conv5`:
 * lateral convolutions and a top-down path.
 *
 * @param m for what is built
 * @throws FoveaError MODEL_NO_LEVELS where the model has neither
 */
export function pyramidLevels(
  m: ModuleBuilder,
  model: Model,
  stages: Readonly<Record<string, string>>,
  { levels = 3, channels = 128 }: LevelOptions = {},
): Feature[] {
  const shapes = inferValues(model, { bindings: { N: 1, H: probe, W: probe } })
  const mapOf = (stage: string): Feature[] => {
    const dims = shapes.dims(stages[stage] ?? '')
    if (!isStatic(dims) || dims.length !== 4) return []
    return [{ value: stages[stage]!, channels: dims[1]!, stride: probe / dims[2]! }]
  }
  const own = ['p3', 'p4', 'p5', 'p6', 'p7'].flatMap(mapOf)
  if (own.length >= levels) return own.slice(0, levels)
  const backbone = ['conv3', 'conv4', 'conv5'].flatMap(mapOf)
  const doubling = backbone.every(
    ({ stride }, i) => Number.isInteger(Math.log2(stride)) && (i === 0 || stride === 2 * backbone[i - 1]!.stride),
  )
  if (backbone.length === 0 || !doubling)
    throw new FoveaError('MODEL_NO_LEVELS', {
      expected: 'stages p3, p4, p5 of a pyramid, or conv3, conv4, conv5 of a backbone, each at twice the stride of the one before',
      found: Object.keys(stages).join(', ') || 'none',
    })
  return featurePyramid(m.module('neck'), backbone, { channels, levels: Math.max(levels, backbone.length) }).slice(0, levels)
}
