// The head of a detector on a model: built, and its answers read.

import { copyModel } from '../../graph/copy.ts'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { type Candidates, emitCandidates, emitSuppression, type Suppression } from '../../nn/detection/decode.ts'
import { emitMasks, type MaskScores } from '../../nn/detection/masks.ts'
import { Emitter } from '../../nn/emitter.ts'
import { type DetectionHeadOptions, detectionHead } from '../../nn/heads/detection.ts'
import { maskHead } from '../../nn/heads/masks.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import { FoveaError } from '../../util/errors.ts'
import type { Detection } from '../../vision/annotation.ts'
import { clipBox } from '../../vision/boxes.ts'
import type { Placement } from '../../vision/placement.ts'
import { readMetadata } from '../metadata.ts'
import type { DetectHead, Head } from './head.ts'
import { eliminateAllBut } from './keep-attention.ts'
import { type CellMask, readMask } from './read-mask.ts'
import { threshold } from './threshold.ts'

export interface DetectHeadSpec extends Omit<DetectionHeadOptions, 'classes'> {
  readonly task: 'detect'
  /** @default 'detect' */
  readonly name?: string
  readonly labels: readonly string[]
  /** Each detection gets a mask. @default false */
  readonly masks?: boolean
  /** @default 'class' */
  readonly suppression?: Suppression
  /** From which score on a detection counts. @default 0.25 */
  readonly confidence?: number
  /** Of boxes that overlap more than this the better one stays. @default 0.6 */
  readonly iou?: number
  /** The most detections of a picture. @default 300 */
  readonly limit?: number
}

const defaultBins = 16

/** A head that can be trained: what it learns is known. */
export type TrainableDetectHead = DetectHead & Required<Pick<DetectHead, 'scores'>>

/**
 * Builds the head and its outputs, `NAME_boxes`, `NAME_scores`, `NAME_labels`, `NAME_count`.
 *
 * A head without suppression answers once for each thing: a single point learns it (one-to-one assignment). That alone teaches the pyramid little, so
 * while it is trained a second head stands beside it that many points learn, and the first one passes no gradient to the pyramid (dual assignments:
 * YOLOv10, Wang 2024, arXiv:2405.14458). `withoutAuxiliary` takes the second one off.
 *
 * @param m the module of the head
 * @param fine maps of the backbone below the pyramid, which masks are drawn on
 */
export function buildDetectHead(
  m: ModuleBuilder,
  levels: readonly Feature[],
  fine: readonly Feature[],
  name: string,
  spec: DetectHeadSpec,
): TrainableDetectHead {
  const { labels, suppression = 'class', bins = defaultBins, channels, depth } = spec
  const scoresOn = (module: ModuleBuilder, maps: readonly Feature[]) => {
    const options = {
      classes: labels.length,
      bins,
      ...(channels === undefined ? {} : { channels }),
      ...(depth === undefined ? {} : { depth }),
    }
    return { ...detectionHead(module, maps, options), bins }
  }
  const e = new Emitter(m.b)
  const masks = spec.masks ? maskHead(m.module('masks'), levels, fine[0]) : undefined
  if (suppression !== 'none') {
    const scores = scoresOn(m, levels)
    return { ...answerOf(e, name, emitCandidates(e, scores, bins), { ...spec, suppression }, masks), scores }
  }
  const cut = levels.map((level) => ({ ...level, value: m.op(`cut.s${level.stride}`, 'Identity', [level.value]) }))
  const scores = scoresOn(m.module('one'), cut)
  const auxiliary = scoresOn(m.module('many'), levels)
  const answer = answerOf(e, name, emitCandidates(e, scores, bins), { ...spec, suppression }, masks)
  for (const value of [auxiliary.classes, auxiliary.sides]) m.b.output(value)
  return { ...answer, scores, auxiliary }
}

/** The model as it is saved: without what only training needs. */
export function withoutAuxiliary(source: Model, heads: readonly Head[]): { readonly model: Model; readonly heads: readonly Head[] } {
  const extra = new Set(
    heads.flatMap((head) => (head.task === 'detect' && head.auxiliary ? [head.auxiliary.classes, head.auxiliary.sides] : [])),
  )
  if (extra.size === 0) return { model: source, heads }
  const model = copyModel(source)
  model.graph.outputs = model.graph.outputs.filter(({ name }) => !extra.has(name))
  const plain = heads.map((head) => {
    if (head.task !== 'detect') return head
    const { auxiliary: _, ...rest } = head
    return rest
  })
  const { attention } = readMetadata(source).stages
  return { model: eliminateAllBut(model, attention === undefined ? [] : [attention]), heads: plain }
}

/** From candidates to the outputs of a head, with thresholds of its own. */
export function answerOf(
  e: Emitter,
  name: string,
  candidates: Candidates,
  {
    labels,
    suppression,
    confidence = 0.25,
    iou = 0.6,
    limit = 300,
  }: Pick<DetectHeadSpec, 'labels' | 'confidence' | 'iou' | 'limit'> & Required<Pick<DetectHeadSpec, 'suppression'>>,
  masks?: MaskScores,
): DetectHead {
  const { b } = e
  const thresholds = {
    confidence: threshold(b, `${name}_confidence`, Tensor.float32([labels.length], new Float32Array(labels.length).fill(confidence))),
    iou: threshold(b, `${name}_iou`, Tensor.float32([1], [iou])),
    limit: threshold(b, `${name}_limit`, Tensor.int64([1], [limit])),
  }
  const decoded = emitSuppression(e, candidates, suppression, thresholds)
  const outputs = {
    boxes: b.output(decoded.boxes, undefined, b.fresh(`${name}_boxes`)),
    scores: b.output(decoded.scores, undefined, b.fresh(`${name}_scores`)),
    labels: b.output(decoded.labels, undefined, b.fresh(`${name}_labels`)),
    count: b.output(decoded.count, undefined, b.fresh(`${name}_count`)),
    ...(masks && { masks: b.output(emitMasks(e, masks, decoded.points), undefined, b.fresh(`${name}_masks`)) }),
  }
  return { task: 'detect', name, labels, outputs, thresholds, suppression, candidates, ...(masks && { masks }) }
}

/** Arrays as a run gives them, by the roles of the head's outputs. */
export interface DetectOutputs {
  readonly boxes: Float32Array
  readonly scores: Float32Array
  readonly labels: BigInt64Array
  readonly count: BigInt64Array
  /** Where the head gives masks. */
  readonly masks?: MaskOutput | undefined
}

export interface MaskOutput {
  /** [N, K, height, width]. */
  readonly data: Uint8Array
  readonly height: number
  readonly width: number
  readonly stride: number
}

/**
 * The detections of a picture of the batch, in pixels of the picture itself; what lies outside of it is cut off.
 *
 * @throws FoveaError MODEL_SCORES where scores or boxes are no numbers
 */
export function readDetections({ boxes, scores, labels, count, masks }: DetectOutputs, picture: number, placement: Placement): Detection[] {
  const { scaled, offset, picture: size } = placement
  const [height, width] = size
  const places = scores.length / count.length
  const broken = (what: string, found = 'NaN or infinity') =>
    new FoveaError('MODEL_SCORES', { field: what, expected: 'finite numbers', found })
  if (Number(count[picture]) < 0) throw broken('scores', 'NaN, infinity, or an answer of a class beyond the names')
  const [down, across] = [height / scaled[0], width / scaled[1]]
  const found: Detection[] = []
  for (let i = picture * places; i < picture * places + Number(count[picture]); i++) {
    const at = (side: number) => boxes[4 * i + side]!
    const box = {
      x1: (at(0) - offset[1]) * across,
      y1: (at(1) - offset[0]) * down,
      x2: (at(2) - offset[1]) * across,
      y2: (at(3) - offset[0]) * down,
    }
    if (!Number.isFinite(box.x1 + box.y1 + box.x2 + box.y2)) throw broken('boxes')
    const inside = clipBox(box, { width, height })
    if (inside === undefined) continue
    const mask = masks && readMask(cellsOf(masks, i), inside, placement)
    found.push({ label: Number(labels[i]), score: scores[i]!, box: inside, ...(mask && { mask }) })
  }
  return found
}

function cellsOf({ data, ...shape }: MaskOutput, place: number): CellMask {
  const cells = shape.height * shape.width
  return { cells: data.subarray(place * cells, (place + 1) * cells), ...shape }
}
