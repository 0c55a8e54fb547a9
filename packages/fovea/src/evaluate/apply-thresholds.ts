// Writes swept thresholds into the metadata of a model.

import { copyModel } from '../graph/copy.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { inputWords } from '../model/input-spec.ts'
import { type ModelMetadata, writeMetadata } from '../model/metadata.ts'
import { FoveaError } from '../util/errors.ts'
import type { Sweep } from './sweep.ts'

/**
 * The model with `fovea.thresholds` of a sweep; the given one is left as it was. Classes that the sweep could not tell anything of (no
 * truth, no score) get null. Of a detector, and of a
 * model that tells several classes of a picture, they are what its graph decides by (`NAME_confidence`, `NAME_iou`), and so does `predict`.
 *
 * @throws FoveaError EVALUATE_CLASSES where the sweep is of other classes than the model's; EVALUATE_SWEEP where the scaling of its pixels was
 *   guessed at import
 */
export function applyThresholds({ model, metadata }: { readonly model: Model; readonly metadata: ModelMetadata }, sweep: Sweep): Model {
  const { goal, samples, nms, overall } = sweep
  checkScaling(metadata)
  const found = sweep.perClass.map((one) => one.class)
  if (found.length > 0 && found.join('\n') !== metadata.labels.join('\n'))
    throw new FoveaError('EVALUATE_CLASSES', { expected: metadata.labels.join(', '), found: found.join(', ') })
  const known = (threshold: number) => (Number.isFinite(threshold) ? threshold : null)
  const perClass = sweep.perClass.map(({ threshold }) => known(threshold))
  return writeMetadata(inGraph(model, metadata, perClass, nms?.iou), {
    ...metadata,
    thresholds: {
      goal: goal === 'f1' ? { f1: 'best' } : goal,
      samples,
      ...(found.length > 0 ? { perClass } : {}),
      ...(overall === undefined ? {} : { overall: known(overall.threshold) }),
      ...(nms === undefined ? {} : { nmsIoU: nms.iou }),
    },
  })
}

/** Detectors and models of several classes a picture decide by thresholds in their graph. */
function inGraph(model: Model, { heads = [] }: ModelMetadata, perClass: readonly (number | null)[], nmsIoU: number | undefined): Model {
  const [head] = heads
  if (heads.length !== 1 || (head?.task !== 'multilabel' && head?.task !== 'detect')) return model
  const result = copyModel(model)
  const put = (name: string, value: (stored: number, i: number) => number) => {
    const { dims, data } = model.graph.initializers.get(name)!
    result.graph.initializers.set(name, Tensor.float32(dims, Array.from(data as Float32Array, value)))
  }
  if (perClass.length > 0) put(head.thresholds.confidence, (stored, i) => perClass[i] ?? stored)
  if (head.task === 'detect' && nmsIoU !== undefined) put(head.thresholds.iou, () => nmsIoU)
  return result
}

/** The file would hold the guess in its graph from then on, as a fact. @throws FoveaError EVALUATE_SWEEP */
export function checkScaling({ scaleIsGuessed, preprocessing }: ModelMetadata): void {
  if (scaleIsGuessed)
    throw new FoveaError('EVALUATE_SWEEP', {
      field: 'thresholds',
      expected: 'a model whose scaling of pixels is stated',
      found: `"${preprocessing.scale}", which was guessed`,
      remedy: `State it with the option input (--input): ${inputWords.join('|')}.`,
    })
}
