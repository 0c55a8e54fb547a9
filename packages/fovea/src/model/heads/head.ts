// What a model file says of its heads: which question each answers, and by which values of the graph.

import type { Suppression } from '../../nn/detection/decode.ts'
import type { MaskScores } from '../../nn/detection/masks.ts'

/** A map of the pyramid that a head looks at. */
export interface HeadLevel {
  readonly value: string
  /** Pixels of the input between its points. */
  readonly stride: number
}

interface HeadCommon {
  /** Of its own among the heads of the model. */
  readonly name: string
  /** Class names, in the order of the scores. */
  readonly labels: readonly string[]
}

/** Which class a picture is of. */
export interface ClassifyHead extends HeadCommon {
  readonly task: 'classify'
  /** Outputs: float [N, classes]. */
  readonly outputs: { readonly probabilities: string }
  /** Scores before softmax, [N, classes]. */
  readonly scores: { readonly logits: string }
}

/** Which classes a picture shows: none, one or several. */
export interface MultilabelHead extends HeadCommon {
  readonly task: 'multilabel'
  /** Outputs: float [N, classes]; uint8 [N, classes], 1 where the probability reaches the threshold. */
  readonly outputs: { readonly probabilities: string; readonly present: string }
  /** An initializer that whoever runs the model may replace: float [classes]. */
  readonly thresholds: { readonly confidence: string }
  /** Scores before the sigmoid, [N, classes]. */
  readonly scores: { readonly logits: string }
}

/** What is where. */
export interface DetectHead extends HeadCommon {
  readonly task: 'detect'
  /** Outputs: float [N, K, 4] in pixels of the input, float [N, K], int64 [N, K], int64 [N]. */
  readonly outputs: {
    readonly boxes: string
    readonly scores: string
    readonly labels: string
    readonly count: string
    /** uint8 [N, K, h, w], 255 for certain, in cells of `masks.stride`; not cut to the boxes. */
    readonly masks?: string
  }
  /** Initializers that whoever runs the model may replace: float [classes], float [1], int64 [1]. */
  readonly thresholds: { readonly confidence: string; readonly iou: string; readonly limit: string }
  readonly suppression: Suppression
  /** Before suppression: float [N, A, 4], float [N, classes, A]. */
  readonly candidates: { readonly boxes: string; readonly probabilities: string }
  /** What is trained, over the points of the levels. Another tool's detector has none. */
  readonly scores?: DetectScores
  /** Of a head that gives masks: maps [N, count, h, w] that they are mixed from, and how much of each at every point, [N, count, A]. */
  readonly masks?: MaskScores
  /** Of a head that answers once, while it is trained: a second one beside it that several points of a thing teach. No file has it. */
  readonly auxiliary?: DetectScores
}

/** What a detector is trained by. */
export interface DetectScores {
  /** Before the sigmoid, [N, classes, A]. */
  readonly classes: string
  /** Scores of the distances to the four sides, [N, 4, bins, A]. */
  readonly sides: string
  readonly bins: number
  readonly levels: readonly HeadLevel[]
}

/** Which class each pixel is of. */
export interface SegmentHead extends HeadCommon {
  readonly task: 'segment'
  /** Outputs: uint8 [N, H, W] in the size of the input. */
  readonly outputs: { readonly map: string }
  /** Scores before softmax, [N, classes, H, W]. */
  readonly scores: { readonly logits: string }
}

/** How many things there are. */
export interface CountHead extends HeadCommon {
  readonly task: 'count'
  /** Outputs: float [N, classes, h, w], things in each cell. */
  readonly outputs: { readonly density: string }
  readonly scores: { readonly density: string; readonly stride: number }
}

export type Head = ClassifyHead | MultilabelHead | DetectHead | SegmentHead | CountHead

/** Questions that a head answers. */
export type HeadTask = Head['task']

export type HeadOf<T extends HeadTask> = Extract<Head, { readonly task: T }>

type Shape = (value: unknown) => boolean

const isText: Shape = (value) => typeof value === 'string' && value !== ''
const isTexts: Shape = (value) => Array.isArray(value) && value.length > 0 && value.every(isText)
const isCount: Shape = (value) => Number.isSafeInteger(value) && (value as number) > 0
const isLevels: Shape = (value) => Array.isArray(value) && value.length > 0 && value.every(record({ value: isText, stride: isCount }))

const isDetectScores: Shape = (value) => record({ classes: isText, sides: isText, bins: isCount, levels: isLevels })(value)

function record(fields: Readonly<Record<string, Shape>>): Shape {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(fields).every(([key, fits]) => fits((value as Record<string, unknown>)[key]))
}

function texts(...keys: readonly string[]): Shape {
  return record(Object.fromEntries(keys.map((key) => [key, isText])))
}

const shapes: Readonly<Record<HeadTask, Shape>> = {
  classify: record({ outputs: texts('probabilities'), scores: texts('logits') }),
  multilabel: record({ outputs: texts('probabilities', 'present'), thresholds: texts('confidence'), scores: texts('logits') }),
  segment: record({ outputs: texts('map'), scores: texts('logits') }),
  count: record({ outputs: texts('density'), scores: record({ density: isText, stride: isCount }) }),
  detect: record({
    outputs: texts('boxes', 'scores', 'labels', 'count'),
    thresholds: texts('confidence', 'iou', 'limit'),
    suppression: (value) => value === 'class' || value === 'agnostic' || value === 'none',
    candidates: texts('boxes', 'probabilities'),
    scores: (value) => value === undefined || isDetectScores(value),
    masks: (value) => value === undefined || record({ prototypes: isText, coefficients: isText, count: isCount, stride: isCount })(value),
  }),
}

/** True for a list of heads with names of their own, each as its task has it. */
export function areHeads(value: unknown): value is readonly Head[] {
  if (!Array.isArray(value) || value.length === 0) return false
  const common = record({ name: isText, labels: isTexts, task: (task) => typeof task === 'string' && Object.hasOwn(shapes, task) })
  return (
    value.every((head) => common(head) && shapes[(head as Head).task](head)) && new Set(value.map(({ name }) => name)).size === value.length
  )
}
