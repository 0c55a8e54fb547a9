// Whether a graph and what its metadata say of it speak of the same pictures and classes.

import { dataInputs } from '../graph/analysis.ts'
import type { Dim } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { channelsOf } from '../vision/preprocessing.ts'
import { checkLabels } from './labels.ts'
import type { ModelMetadata } from './metadata.ts'

/**
 * Holds that the scores are as many as the labels, and that pictures prepared by the contract fit the input. What the graph leaves open fits.
 *
 * @throws FoveaError MODEL_LABELS, MODEL_METADATA naming the field of the preprocessing
 */
export function checkContract(model: Model, { task, labels, preprocessing }: ModelMetadata, file?: string): void {
  const { graph } = model
  const classes = task === 'classify' ? classesOf(model) : undefined
  if (typeof classes === 'number') checkLabels(labels, classes, { file, field: 'fovea.labels' })

  const [name] = dataInputs(graph)
  const type = graph.inputs.find((input) => input.name === name)?.type
  // Only bytes are laid out as the contract has them: [N, H, W, C].
  if (type?.kind !== 'tensor' || type.dtype !== 'uint8' || type.dims?.length !== 4) return
  const [, height, width, channels] = type.dims
  const wanted = channelsOf(preprocessing)
  if (typeof channels === 'number' && channels !== wanted)
    throw new FoveaError('MODEL_METADATA', {
      file,
      field: 'fovea.preprocessing.color',
      expected: `the order of ${channels} channels, which the graph takes`,
      found: `${preprocessing.color}, which has ${wanted}`,
    })
  const { size } = preprocessing
  if (size !== undefined && [height, width].some((side, i) => typeof side === 'number' && side !== size[i]))
    throw new FoveaError('MODEL_METADATA', {
      file,
      field: 'fovea.preprocessing.size',
      expected: `[${height}, ${width}], which the graph takes`,
      found: `[${size.join(', ')}]`,
    })
}

/** The number of scores: as the graph declares it, else as its operators give it. What cannot be told is left to the runtime. */
function classesOf(model: Model): Dim | undefined {
  const [output] = model.graph.outputs
  if (output === undefined) return undefined
  const declared = output.type?.kind === 'tensor' ? output.type.dims?.at(-1) : undefined
  if (typeof declared === 'number') return declared
  try {
    return inferValues(model).dims(output.name)?.at(-1)
  } catch (error) {
    if (isFoveaError(error)) return undefined
    throw error
  }
}
