// Which head of a model is measured, and what it is asked.

import type { Classification, HeadAnswer, MultiAnswer } from '../model/answers.ts'
import type { Task } from '../model/metadata.ts'
import { asksForViews, type ViewOptions } from '../model/views/options.ts'
import type { DeepSeekVision, PredictOptions } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import { Detections } from '../vision/detections.ts'
import type { Image } from '../vision/image.ts'
import type { Prediction } from '../vision/predictions.ts'

/** From which score on detections are asked for: average precision looks at all of them, and what scores less hardly moves it. */
const detectFrom = 0.001

interface MeasuredHead {
  readonly model: DeepSeekVision<Task>
  readonly labels: readonly string[]
}

interface MeasuredPredictor extends MeasuredHead {
  readonly task: Prediction['task']
  readonly predict: (image: Image) => Promise<Prediction>
}

/** Classes by one look at each picture, which goes in batches. */
interface MeasuredClassifier extends MeasuredHead {
  readonly task: 'classify'
  /** Undefined for a model without heads. */
  readonly head?: string
  readonly predict?: never
}

/** How the head is asked. */
export interface MeasureOptions extends ViewOptions {
  /** True where suppression is swept: detections come with what they were chosen from. @default false */
  readonly candidates?: boolean
}

/** The most boxes of a picture that suppression is tried on. */
const mostCandidates = 2000

/** @throws FoveaError MODEL_NO_HEAD for a model of features, MODEL_OPTION for a head that is not there, or looks that the model cannot take */
export function headToMeasure(
  model: DeepSeekVision<Task>,
  name: string | undefined,
  { candidates = false, ...views }: MeasureOptions = {},
): MeasuredPredictor | MeasuredClassifier {
  model.requireHead()
  const { heads, labels } = model.metadata
  const looked = Object.entries(views).find(([, value]) => value !== undefined && value !== false)
  const head = name === undefined ? heads?.[0] : heads?.find((one) => one.name === name)
  if (head === undefined && (heads !== undefined || name !== undefined))
    throw new FoveaError('MODEL_OPTION', {
      field: 'head',
      expected: heads === undefined ? 'none, as the model has one answer' : `one of ${heads.map((one) => one.name).join(', ')}`,
      found: `${name}`,
    })
  // Of several heads the one that is measured must be able to look so.
  if (looked !== undefined) asksForViews(head === undefined ? model.metadata : { ...model.metadata, task: head.task, heads: [head] }, views)
  const ask = async (image: Image, options: PredictOptions): Promise<HeadAnswer> => {
    const answer = (await model.predict(image, { ...options, ...views })) as HeadAnswer | MultiAnswer
    return answer.task === 'multi' ? answer.heads[head!.name]! : answer
  }
  if (head === undefined || head.task === 'classify') {
    const own = head?.labels ?? labels
    if (views.flip !== true) return { task: 'classify', model, labels: own, ...(head && { head: head.name }) }
    const predict = async (image: Image): Promise<Prediction> => {
      const { top } = (await ask(image, { topK: own.length })) as Classification
      const probabilities = new Float32Array(own.length)
      for (const { index, probability } of top) probabilities[index] = probability
      return { task: 'classify', probabilities }
    }
    return { task: 'classify', model, labels: own, predict }
  }
  if (candidates) {
    const fail = (expected: string, found: string) => new FoveaError('MODEL_OPTION', { field: 'nms', expected, found })
    if (head.task !== 'detect' || head.suppression === 'none')
      throw fail('a head that detects and suppresses doubles', head.task === 'detect' ? 'one that answers once' : `one for ${head.task}`)
    // What several looks find is joined by rules of its own.
    if (looked !== undefined) throw fail('one look at each picture', looked[0])
  }
  // All but single classes answer in the form that is measured.
  const measured = async (image: Image, options: PredictOptions) => (await ask(image, options)) as Exclude<HeadAnswer, Classification>
  if (head.task !== 'detect') return { task: head.task, model, labels: head.labels, predict: (image) => measured(image, {}) }
  const stored = (field: 'iou' | 'limit') => Number(model.model.graph.initializers.get(head.thresholds[field])!.data[0])
  const predict = async (image: Image): Promise<Prediction> => {
    if (!candidates) return measured(image, { confidence: detectFrom })
    const all = (await ask(image, { confidence: detectFrom, iou: 1, limit: mostCandidates })) as Detections
    const kept = all.suppress({ iou: stored('iou'), byClass: head.suppression === 'class', maxDetections: stored('limit') })
    return new Detections(kept.detections, { ...all, candidates: all.detections })
  }
  return { task: head.task, model, labels: head.labels, predict }
}
