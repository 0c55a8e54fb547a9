// Answers of a model beside the truth, as pictures: what the figures mean.

import { loadImage } from '../data/decode.ts'
import type { Answer } from '../model/answer-text.ts'
import { drawAnswer } from '../model/draw-answer.ts'
import type { Task } from '../model/metadata.ts'
import type { DeepSeekVision, PredictOptions } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import type { LabelMap } from '../vision/geometry/label-map.ts'
import type { Image } from '../vision/image.ts'
import { type ClassMap, type EvaluationData, evaluationPart, listedSamples, mapClasses, mapSample } from './data.ts'
import { headToMeasure } from './head.ts'

export interface DrawAnswersOptions extends Pick<PredictOptions, 'confidence' | 'tiles' | 'flip'> {
  /** Pictures, evenly spread over the data. @default 24 */
  readonly count?: number
  /** Of a model with several heads: whose classes the truth has. @default the first */
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
 * Draws what a model says of pictures whose truth is known, both side by side. Pictures that cannot be read are left out.
 *
 * @throws FoveaError MODEL_*, DATA_*, CANCELLED
 */
export async function* drawAnswers(
  model: DeepSeekVision<Task>,
  data: EvaluationData,
  { count = 24, head, signal, ...asked }: DrawAnswersOptions = {},
): AsyncGenerator<DrawnAnswer> {
  const { labels, task } = headToMeasure(model, head)
  const part = await evaluationPart(data, model.metadata.split, signal)
  const classes = mapClasses(part.classes, task === 'anomaly' ? part.classes : labels)
  const samples = await listedSamples(part, signal)
  const shown = Math.min(count, samples.length)
  for (let i = 0; i < shown; i++) {
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    const sample = samples[Math.floor((i * samples.length) / shown)]!
    const image = sample.image ?? (sample.file === undefined ? undefined : await loadImage(sample.file).catch(() => undefined))
    if (image === undefined) continue
    const answer: Answer = await model.predict(image, asked)
    const { labels: numbers, annotations, labelMap } = mapSample(sample, classes)
    const truth = { classes: classes.labels, labels: numbers, annotations, ...(labelMap && { labelMap: renumbered(labelMap, classes) }) }
    yield { name: sample.name, answer, image: await drawAnswer(image, answer, { truth }) }
  }
}

/** The map in the model's numbers; what the model does not know is unknown. */
function renumbered(map: LabelMap, { numberOf }: ClassMap): LabelMap {
  const data = Int32Array.from(map.data, (label) => (label === map.unknown ? -1 : numberOf(label)))
  return { ...map, data, unknown: -1 }
}
