// The head of a detector on a model: built, and its answers read.

import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import { type Candidates, emitCandidates, emitSuppression, type Suppression } from '../../nn/detection/decode.ts'
import { Emitter } from '../../nn/emitter.ts'
import { type DetectionHeadOptions, detectionHead } from '../../nn/heads/detection.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import type { Detection } from '../../vision/annotation.ts'
import { clipBox } from '../../vision/boxes.ts'
import type { Placement } from '../../vision/placement.ts'
import type { DetectHead } from './head.ts'

export interface DetectHeadSpec extends Omit<DetectionHeadOptions, 'classes'> {
  readonly task: 'detect'
  /** @default 'detect' */
  readonly name?: string
  readonly labels: readonly string[]
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

/** Builds the head and its outputs, `NAME_boxes`, `NAME_scores`, `NAME_labels`, `NAME_count`. @param m the module of the head */
export function buildDetectHead(m: ModuleBuilder, levels: readonly Feature[], name: string, spec: DetectHeadSpec): TrainableDetectHead {
  const { labels, suppression = 'class', bins = defaultBins, channels, depth } = spec
  const scores = detectionHead(m, levels, {
    classes: labels.length,
    bins,
    ...(channels === undefined ? {} : { channels }),
    ...(depth === undefined ? {} : { depth }),
  })
  const e = new Emitter(m.b)
  const candidates = emitCandidates(e, scores, bins)
  return { ...answerOf(e, name, candidates, { ...spec, suppression }), scores: { ...scores, bins } }
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
  }
  return { task: 'detect', name, labels, outputs, thresholds, suppression, candidates }
}

/** An initializer that is an input too, so that it can be replaced in a run (an optional input of ONNX). */
export function threshold(b: GraphBuilder, name: string, tensor: Tensor): string {
  const unique = b.fresh(name)
  b.input(unique, tensor.dtype, tensor.dims)
  return b.weight(unique, tensor)
}

/** Arrays as a run gives them, by the roles of the head's outputs. */
export interface DetectOutputs {
  readonly boxes: Float32Array
  readonly scores: Float32Array
  readonly labels: BigInt64Array
  readonly count: BigInt64Array
}

/** The detections of a picture of the batch, in pixels of the picture itself; what lies outside of it is cut off. */
export function readDetections(
  { boxes, scores, labels, count }: DetectOutputs,
  picture: number,
  { scaled, offset, picture: [height, width] }: Placement,
): Detection[] {
  const places = scores.length / count.length
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
    const inside = clipBox(box, { width, height })
    if (inside !== undefined) found.push({ label: Number(labels[i]), score: scores[i]!, box: inside })
  }
  return found
}
