// Runs a model with heads: thresholds go in beside the pictures, outputs come back as answers about each picture.

import { copyModel } from '../../graph/copy.ts'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { Session } from '../../runtime/session.ts'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import type { Detection } from '../../vision/annotation.ts'
import { Detections } from '../../vision/detections.ts'
import type { Placement } from '../../vision/placement.ts'
import { classification, type HeadAnswer } from '../answers.ts'
import type { ModelMetadata } from '../metadata.ts'
import { readAnomaly } from './anomaly.ts'
import { readCount } from './count.ts'
import { type DetectOutputs, type MaskOutput, readDetections } from './detect.ts'
import type { AnomalyHead, DetectHead, Head } from './head.ts'
import { readMultilabel } from './multilabel.ts'
import { readSegmentation } from './segment.ts'

/** What is asked of the heads that know it; what is not given is as the file has it. */
export interface HeadOptions {
  /** How many classes `top` of a classification holds. @default 5 */
  readonly topK?: number
  /** From which score on a detection, or a class of several, counts, 0 to 1: one for all classes, or by class name. */
  readonly confidence?: number | Readonly<Record<string, number>>
  /** Of detections that overlap more than this the better one stays, 0 to 1. */
  readonly iou?: number
  /** The most detections of a picture. */
  readonly limit?: number
  /** Of classes: below this probability the answer is `rejected`, 0 to 1. @default what the file says, else 0 */
  readonly reject?: number
  /** Of anomalies: above which score a picture is anomalous. */
  readonly threshold?: number
  /** Of anomalies: above which value of the map a pixel is odd. */
  readonly pixelThreshold?: number
}

/** Options and the only task that knows them. */
const taskOptions = {
  detect: { keys: ['confidence', 'iou', 'limit'], expected: 'a model that detects' },
  anomaly: { keys: ['threshold', 'pixelThreshold'], expected: 'a model that finds anomalies' },
} as const

/** Holds that what is asked can take effect: an option that did nothing would be taken for one that did. @throws FoveaError MODEL_OPTION */
export function checkHeadOptions(heads: readonly Head[] | undefined, options: HeadOptions): void {
  if (options.reject !== undefined) {
    part('reject', options.reject)
    if (heads !== undefined && !heads.some(({ task }) => task === 'classify'))
      throw new FoveaError('MODEL_OPTION', { field: 'reject', expected: 'a model that classifies', found: String(options.reject) })
  }
  if (options.iou !== undefined && heads?.some(({ task }) => task === 'detect') && !heads.some(suppresses))
    throw new FoveaError('MODEL_OPTION', { field: 'iou', expected: 'a head that suppresses doubles', found: 'one that answers once' })
  checkConfidence(heads, options.confidence)
  for (const [task, { keys, expected }] of Object.entries(taskOptions)) {
    const asked = keys.find((key) => options[key] !== undefined)
    if (asked === undefined || heads?.some((head) => head.task === task || (head.task === 'multilabel' && asked === 'confidence'))) continue
    throw new FoveaError('MODEL_OPTION', { field: asked, expected, found: String(options[asked]) })
  }
}

/** Every class that is named is one of a head that knows confidences. */
function checkConfidence(heads: readonly Head[] | undefined, wanted: HeadOptions['confidence']): void {
  if (typeof wanted !== 'object' || wanted === null) return
  const labels = (heads ?? []).flatMap((head) => (head.task === 'detect' || head.task === 'multilabel' ? head.labels : []))
  const strange = Object.keys(wanted).find((name) => !labels.includes(name))
  if (labels.length > 0 && strange !== undefined)
    throw new FoveaError('MODEL_OPTION', { field: 'confidence', expected: clip(`one of ${labels.join(', ')}`), found: clip(strange, 60) })
}

/** True for a head whose answers depend on the overlap of boxes. */
export function suppresses(head: Head): boolean {
  return head.task === 'detect' && head.suppression !== 'none'
}

/** Names of the initializers that are inputs of a run. */
function thresholdNames(heads: readonly Head[]): string[] {
  return heads.flatMap((head) => ('thresholds' in head ? Object.values<string>(head.thresholds) : []))
}

/** The model with its thresholds as plain inputs: runtimes differ in whether they let optional ones be replaced. */
export function withThresholdInputs(model: Model, heads: readonly Head[] = []): Model {
  const names = new Set(thresholdNames(heads))
  if (names.size === 0) return model
  const result = copyModel(model)
  const { graph } = result
  for (const name of names) graph.initializers.delete(name)
  // They come last: the first input is the pictures.
  graph.inputs = [...graph.inputs.filter((input) => !names.has(input.name)), ...graph.inputs.filter((input) => names.has(input.name))]
  return result
}

/** The thresholds of a run: those that are asked for, else the file's. @throws FoveaError MODEL_OPTION */
export function thresholdFeeds(model: Model, heads: readonly Head[] = [], options: HeadOptions = {}): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {}
  for (const head of heads) {
    if (head.task === 'anomaly') Object.assign(feeds, anomalyFeeds(model, head, options))
    if (!('thresholds' in head) || head.task === 'anomaly') continue
    const stored = (name: string) => model.graph.initializers.get(name)!
    const { confidence } = head.thresholds
    feeds[confidence] = options.confidence === undefined ? stored(confidence) : confidenceOf(head, options.confidence, stored(confidence))
    if (head.task !== 'detect') continue
    const { iou, limit } = head.thresholds
    feeds[iou] = options.iou === undefined ? stored(iou) : Tensor.float32([1], [part('iou', options.iou)])
    feeds[limit] = options.limit === undefined ? stored(limit) : Tensor.int64([1], [count('limit', options.limit)])
  }
  return feeds
}

function anomalyFeeds(model: Model, { thresholds }: AnomalyHead, { threshold, pixelThreshold }: HeadOptions): Record<string, Tensor> {
  const feed = (name: string, field: string, wanted: number | undefined) => {
    if (wanted === undefined) return model.graph.initializers.get(name)!
    if (!(Number.isFinite(wanted) && wanted >= 0))
      throw new FoveaError('MODEL_OPTION', { field, expected: 'a number of at least 0', found: String(wanted) })
    return Tensor.float32([1], [wanted])
  }
  return {
    [thresholds.score]: feed(thresholds.score, 'threshold', threshold),
    [thresholds.cell]: feed(thresholds.cell, 'pixelThreshold', pixelThreshold),
  }
}

function confidenceOf({ labels }: Head, wanted: NonNullable<HeadOptions['confidence']>, stored: Tensor): Tensor {
  if (typeof wanted === 'number') return Tensor.float32([labels.length], new Float32Array(labels.length).fill(part('confidence', wanted)))
  if (typeof wanted !== 'object' || wanted === null)
    throw new FoveaError('MODEL_OPTION', { field: 'confidence', expected: '0 to 1, or numbers by class', found: String(wanted) })
  const values = Float32Array.from(stored.data as Float32Array)
  for (const [name, value] of Object.entries(wanted)) {
    const at = labels.indexOf(name)
    // Of several heads the name is one of another's classes: `checkHeadOptions` has looked for it.
    if (at >= 0) values[at] = part(`confidence.${name}`, value)
  }
  return Tensor.float32([labels.length], values)
}

function part(field: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new FoveaError('MODEL_OPTION', { field, expected: '0 to 1', found: String(value) })
}

function count(field: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new FoveaError('MODEL_OPTION', { field, expected: 'a whole number above 0', found: String(value) })
}

/** A batch that has been preprocessed, and where its pictures lie in it. */
export interface PlacedBatch {
  /** uint8 [N, H, W, C]. */
  readonly images: Tensor
  readonly placements: readonly Placement[]
}

/** The answers of every head, by its name, one for each picture. @throws FoveaError MODEL_OPTION, RUNTIME_* */
export async function runHeads(
  session: Session,
  { heads, model, rejection }: { readonly heads: readonly Head[]; readonly model: Model } & Pick<ModelMetadata, 'rejection'>,
  { images, placements }: PlacedBatch,
  options: HeadOptions = {},
): Promise<Record<string, HeadAnswer[]>> {
  const outputs = heads.flatMap((head) => Object.values(head.outputs))
  const feeds = { [session.inputs[0]!.name]: images, ...thresholdFeeds(model, heads, options) }
  const results = await session.run(feeds, { outputs })
  return Object.fromEntries(
    heads.map((head) => [
      head.name,
      readHead(head, { ...feeds, ...results }, placements, {
        ...options,
        reject: options.reject ?? rejection?.[head.name]?.threshold ?? 0,
      }),
    ]),
  )
}

function readHead(
  head: Head,
  results: Readonly<Record<string, Tensor>>,
  placements: readonly Placement[],
  { topK = 5, reject = 0 }: HeadOptions,
): HeadAnswer[] {
  const { labels } = head
  switch (head.task) {
    case 'classify': {
      const probabilities = results[head.outputs.probabilities]!.data as Float32Array
      return placements.map((_, i) =>
        classification(labels, probabilities.subarray(i * labels.length, (i + 1) * labels.length), topK, reject),
      )
    }
    case 'detect': {
      const { masks, ...plain } = head.outputs
      const entries = Object.entries(plain).map(([role, name]) => [role, results[name]!.data])
      const found = { ...Object.fromEntries(entries), masks: masks && maskOutput(results[masks]!, head) } as unknown as DetectOutputs
      return placements.map((placement, i) => detectionsOf(head, readDetections(found, i, placement), placement))
    }
    case 'multilabel': {
      const [probabilities, present] = [results[head.outputs.probabilities]!.data, results[head.outputs.present]!.data]
      const rows = { probabilities: probabilities as Float32Array, present: present as Uint8Array }
      return placements.map((_, i) => readMultilabel(rows, i, labels, topK))
    }
    case 'segment': {
      const maps = results[head.outputs.map]!.data as Uint8Array
      return placements.map((placement, i) => readSegmentation(maps, i, placement, labels))
    }
    case 'anomaly': {
      const { data: map, dims } = results[head.outputs.map]!
      const scores = results[head.outputs.scores]!.data as Float32Array
      const number = (name: string) => Number(results[name]!.data[0])
      const limits = { threshold: number(head.thresholds.score), pixelThreshold: number(head.thresholds.cell) }
      return placements.map((placement, i) => readAnomaly({ scores, map: map as Float32Array, dims }, i, placement, limits))
    }
    case 'count': {
      const { data, dims } = results[head.outputs.density]!
      return placements.map((placement, i) => readCount(data as Float32Array, i, placement, labels, [dims[2]!, dims[3]!]))
    }
  }
}

function maskOutput({ data, dims }: Tensor, { masks }: DetectHead): MaskOutput {
  return { data: data as Uint8Array, height: dims[2]!, width: dims[3]!, stride: masks!.stride }
}

function detectionsOf({ labels }: DetectHead, found: readonly Detection[], { picture: [height, width] }: Placement): Detections {
  return new Detections(found, { labels, width, height })
}
