// Which head of a model is measured, and what it is asked.

import type { HeadAnswer, MultiAnswer } from '../model/answers.ts'
import type { Task } from '../model/metadata.ts'
import type { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import type { Image } from '../vision/image.ts'
import type { Prediction } from '../vision/predictions.ts'

/** From which score on detections are asked for: average precision looks at all of them, and what scores less hardly moves it. */
const detectFrom = 0.001

interface MeasuredHead {
  readonly model: DeepSeekVision<Task>
  readonly labels: readonly string[]
}

interface MeasuredPredictor extends MeasuredHead {
  readonly task: 'multilabel' | 'detect' | 'segment' | 'count' | 'anomaly'
  readonly predict: (image: Image) => Promise<Prediction>
}

interface MeasuredClassifier extends MeasuredHead {
  readonly task: 'classify'
  /** Undefined for a model without heads. */
  readonly head?: string
}

/** @throws FoveaError MODEL_NO_HEAD for a model of features, MODEL_OPTION for a head that is not there */
export function headToMeasure(model: DeepSeekVision<Task>, name: string | undefined): MeasuredPredictor | MeasuredClassifier {
  model.requireHead()
  const { heads, labels } = model.metadata
  if (heads === undefined && name === undefined) return { task: 'classify', model, labels }
  const head = name === undefined ? heads?.[0] : heads?.find((one) => one.name === name)
  if (head === undefined)
    throw new FoveaError('MODEL_OPTION', {
      field: 'head',
      expected: heads === undefined ? 'none, as the model has one answer' : `one of ${heads.map((one) => one.name).join(', ')}`,
      found: `${name}`,
    })
  if (head.task === 'classify') return { task: 'classify', model, labels: head.labels, head: head.name }
  const predict = async (image: Image): Promise<Prediction> => {
    const answer = (await model.predict(image, head.task === 'detect' ? { confidence: detectFrom } : {})) as HeadAnswer | MultiAnswer
    // All but classes answer in the form that is measured.
    return (answer.task === 'multi' ? answer.heads[head.name]! : answer) as Prediction
  }
  return { task: head.task, model, labels: head.labels, predict }
}
