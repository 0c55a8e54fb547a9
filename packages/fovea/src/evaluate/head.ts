// Which head of a model is measured, and what it is asked.

import type { Task } from '../model/metadata.ts'
import type { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import type { Image } from '../vision/image.ts'
import type { DetectionPrediction } from '../vision/predictions.ts'

/** From which score on detections are asked for: average precision looks at all of them, and what scores less hardly moves it. */
const detectFrom = 0.001

interface MeasuredHead {
  readonly model: DeepSeekVision<Task>
  readonly labels: readonly string[]
}

interface MeasuredDetector extends MeasuredHead {
  readonly task: 'detect'
  readonly predict: (image: Image) => Promise<DetectionPrediction>
}

interface MeasuredClassifier extends MeasuredHead {
  readonly task: 'classify'
  /** Undefined for a model without heads. */
  readonly head?: string
}

/** @throws FoveaError MODEL_NO_HEAD for a model of features, MODEL_OPTION for a head that is not there */
export function headToMeasure(model: DeepSeekVision<Task>, name: string | undefined): MeasuredDetector | MeasuredClassifier {
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
  const predict = async (image: Image) => {
    const answer: unknown = await model.predict(image, { confidence: detectFrom })
    return model.metadata.task === 'multi'
      ? ((answer as { heads: Record<string, unknown> }).heads[head.name] as DetectionPrediction)
      : (answer as DetectionPrediction)
  }
  return { task: 'detect', model, labels: head.labels, predict }
}
