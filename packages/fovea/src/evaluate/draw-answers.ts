// Answers of a model beside the truth, as pictures: what the figures mean.

import { loadImage } from '../data/decode.ts'
import type { Answer } from '../model/answer-text.ts'
import { drawAnswer } from '../model/draw-answer.ts'
import type { Task } from '../model/metadata.ts'
import type { DeepSeekVision, PredictOptions } from '../model/vision-model.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { LabelMap } from '../vision/geometry/label-map.ts'
import { type Image, verifyImage } from '../vision/image.ts'
import { type ClassMap, checkSample, type EvaluationData, evaluationPart, mapClasses, mapSample } from './data.ts'
import { headToMeasure } from './head.ts'
import type { EvaluationSample } from './records/records.ts'

export interface DrawAnswersOptions extends Pick<PredictOptions, 'confidence' | 'tiles' | 'flip'> {
  /** Pictures, evenly spread over the data; the first ones where it is not known how many there are. @default 24 */
  readonly count?: number
  /** Of a model with several heads: the one that is drawn, and whose classes the truth has. @default all are drawn, the truth is that of the first */
  readonly head?: string
  readonly signal?: AbortSignal | undefined
}

export interface DrawnAnswer {
  /** As the data set names the picture. */
  readonly name: string
  readonly answer: Answer
  /** What was found beside what is there. */
  readonly image: Image
}

/**
 * Draws what a model says of pictures whose truth is known, both side by side. Pictures that cannot be read are left out, as an evaluation leaves
 * them out and tells.
 *
 * @throws FoveaError MODEL_*, DATA_*, EVALUATE_*, METRIC_INVALID for a count that is none, CANCELLED
 */
export async function* drawAnswers(
  model: DeepSeekVision<Task>,
  data: EvaluationData,
  options: DrawAnswersOptions = {},
): AsyncGenerator<DrawnAnswer> {
  if (typeof options !== 'object' || options === null)
    throw new FoveaError('METRIC_INVALID', { field: 'options', expected: 'an object', found: said(options) })
  const { count = 24, head, signal, ...asked } = options
  if (!Number.isSafeInteger(count) || count < 1)
    throw new FoveaError('METRIC_INVALID', { field: 'count', expected: 'a whole number of at least 1', found: said(count) })
  const { labels, task } = headToMeasure(model, head)
  const part = await evaluationPart(data, model.metadata.split, signal)
  const classes = mapClasses(part.classes, task === 'anomaly' ? part.classes : labels)
  const total = part.total ?? count
  const places = new Set(Array.from({ length: Math.min(count, total) }, (_, i) => Math.floor((i * total) / Math.min(count, total))))
  let at = 0
  for await (const sample of part.samples) {
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    if (places.size === 0) return
    if (!places.delete(at++)) continue
    checkSample(sample)
    const image = await readable(sample)
    if (image === undefined) continue
    const answer: Answer = await model.predict(image, asked)
    const { labels: numbers, annotations, labelMap } = mapSample(sample, classes)
    const truth = { classes: classes.labels, labels: numbers, annotations, ...(labelMap && { labelMap: renumbered(labelMap, classes) }) }
    yield { name: sample.name, answer, image: await drawAnswer(image, answer, { truth, head }) }
  }
}

async function readable({ image, file }: EvaluationSample): Promise<Image | undefined> {
  try {
    if (image !== undefined) return verifyImage(image)
    return file === undefined ? undefined : await loadImage(file)
  } catch (error) {
    if (isFoveaError(error)) return undefined
    throw error
  }
}

/** The map in the model's numbers; what the model does not know is unknown. */
function renumbered(map: LabelMap, { numberOf }: ClassMap): LabelMap {
  const data = Int32Array.from(map.data, (label) => (label === map.unknown ? -1 : numberOf(label)))
  return { ...map, data, unknown: -1 }
}
