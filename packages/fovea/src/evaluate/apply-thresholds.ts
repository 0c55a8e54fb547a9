// Writes swept thresholds into the metadata of a model.

import { copyModel } from '../graph/copy.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import type { AnomalyHead, DetectHead, MultilabelHead } from '../model/heads/head.ts'
import { inputWords } from '../model/input-spec.ts'
import { type ModelMetadata, writeMetadata } from '../model/metadata.ts'
import { FoveaError } from '../util/errors.ts'
import type { Sweep } from './sweep.ts'

/**
 * The model with `fovea.thresholds` of a sweep; the given one is left as it was. Classes that the sweep could not tell anything of (no
 * truth, no score) get null. Of a detector, and of a model that tells several classes of a picture, they are what its graph decides by
 * (`NAME_confidence`, `NAME_iou`), and so does `predict`; of anomalies `NAME_threshold` and `NAME_cellThreshold`. A model of several heads has them in its graph alone.
 *
 * @param head of a model of several heads: the one that was measured. @default the first
 * @throws FoveaError EVALUATE_CLASSES where the sweep is of other classes than the model's; EVALUATE_SWEEP where the scaling of its pixels was
 *   guessed at import, or the head of several does not decide in the graph
 */
export function applyThresholds(
  { model, metadata }: { readonly model: Model; readonly metadata: ModelMetadata },
  sweep: Sweep,
  head?: string,
): Model {
  const { goal, samples, nms, overall, pixels } = sweep
  checkThresholds(metadata, head)
  const decides = decidingHead(metadata, head)
  const labels = metadata.task === 'multi' ? decides!.labels : metadata.labels
  const found = sweep.perClass.map((one) => one.class)
  if (found.length > 0 && found.join('\n') !== labels.join('\n'))
    throw new FoveaError('EVALUATE_CLASSES', { expected: labels.join(', '), found: found.join(', ') })
  const known = (threshold: number) => (Number.isFinite(threshold) ? threshold : null)
  const perClass = sweep.perClass.map(({ threshold }) => known(threshold))
  const swept =
    decides === undefined
      ? model
      : inGraph(model, decides, perClass, { nmsIoU: nms?.iou, overall: overall?.threshold, pixels: pixels?.threshold })
  if (metadata.task === 'multi') return swept
  return writeMetadata(swept, {
    ...metadata,
    thresholds: {
      goal: goal === 'f1' ? { f1: 'best' } : goal,
      samples,
      ...(found.length > 0 ? { perClass } : {}),
      ...(overall === undefined ? {} : { overall: known(overall.threshold) }),
      ...(pixels === undefined ? {} : { pixels: known(pixels.threshold) }),
      ...(nms === undefined ? {} : { nmsIoU: nms.iou }),
    },
  })
}

type DecidingHead = DetectHead | MultilabelHead | AnomalyHead

/** The head that is measured, where thresholds in the graph decide its answers. */
function decidingHead({ heads = [] }: ModelMetadata, name: string | undefined): DecidingHead | undefined {
  const head = name === undefined ? heads[0] : heads.find((one) => one.name === name)
  return head?.task === 'detect' || head?.task === 'multilabel' || head?.task === 'anomaly' ? head : undefined
}

interface SweptNumbers {
  readonly nmsIoU: number | undefined
  readonly overall: number | undefined
  readonly pixels: number | undefined
}

function inGraph(model: Model, head: DecidingHead, perClass: readonly (number | null)[], { nmsIoU, overall, pixels }: SweptNumbers): Model {
  const result = copyModel(model)
  const put = (name: string, value: (stored: number, i: number) => number) => {
    const { dims, data } = model.graph.initializers.get(name)!
    result.graph.initializers.set(name, Tensor.float32(dims, Array.from(data as Float32Array, value)))
  }
  if (head.task === 'anomaly') {
    if (overall !== undefined && Number.isFinite(overall)) put(head.thresholds.score, () => justBelow(overall))
    if (pixels !== undefined && Number.isFinite(pixels)) put(head.thresholds.cell, () => justBelow(pixels))
    return result
  }
  if (perClass.length > 0) put(head.thresholds.confidence, (stored, i) => perClass[i] ?? stored)
  if (head.task === 'detect' && nmsIoU !== undefined) put(head.thresholds.iou, () => nmsIoU)
  return result
}

/**
 * A sweep counts scores from a threshold on, a detector of anomalies those above its own: the very score that was chosen must count. Values of maps
 * were rounded to 16 bits in the sweep.
 */
function justBelow(threshold: number): number {
  return threshold - Math.max(Math.abs(threshold) * 2 ** -17, 1e-30)
}

/**
 * Holds that thresholds can be written: before the work, not after it.
 *
 * @throws FoveaError EVALUATE_SWEEP where the scaling of pixels was guessed, or the head of several does not decide in the graph
 */
export function checkThresholds(metadata: ModelMetadata, head?: string): void {
  checkScaling(metadata)
  if (metadata.task !== 'multi' || decidingHead(metadata, head) !== undefined) return
  throw new FoveaError('EVALUATE_SWEEP', {
    field: 'thresholds',
    expected: 'a model of one task, or a head that detects or tells several classes',
    found: `the head "${head ?? metadata.heads?.[0]?.name}" of several`,
    remedy: 'Name another head with --head.',
  })
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
