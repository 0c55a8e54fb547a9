// Calibration and rejection from an evaluation: probabilities that mean what they say, and when to say nothing.

import type { Model } from '../graph/model.ts'
import { type ModelMetadata, type ModelRejection, writeMetadata } from '../model/metadata.ts'
import { classifierOutput, withTemperature } from '../model/temperature.ts'
import { FoveaError } from '../util/errors.ts'
import {
  byConfidence,
  type CoveragePoint,
  type Rejection,
  type RejectionGoal,
  rejectionThreshold,
  riskCoverage,
  riskCoverageArea,
} from '../vision/metrics/risk-coverage.ts'
import { fitTemperature, softmaxAt, type TemperatureFit } from '../vision/metrics/temperature.ts'
import type { VisionEvaluation } from './evaluation.ts'
import { ClassifyRecords } from './records/classify.ts'

export interface CalibrationResult extends TemperatureFit {
  readonly samples: number
  /** Expected calibration error before and after, on the same pictures. */
  readonly errorBefore: number
  readonly errorAfter: number
  /** The records as the calibrated model would have given them; for sweeps and rejection. */
  readonly evaluation: VisionEvaluation
}

/** Where a float's softmax is 0, the logit is taken to be as low as a float's logarithm goes. */
const leastProbability = 1e-45

/**
 * Fits the temperature of a classifier on what an evaluation kept, without running the model again: logarithms of probabilities are logits but for a constant.
 * Fit it on pictures that the model was not trained on.
 *
 * @throws FoveaError EVALUATE_TASK for another task; EVALUATE_SWEEP where the scores were too many to keep
 */
export function calibrate(evaluation: VisionEvaluation): CalibrationResult {
  const records = classifyRecords(evaluation)
  const rows = records.truths.map((_, i) => {
    const row = records.row(i)
    if (row === undefined)
      throw new FoveaError('EVALUATE_SWEEP', {
        expected: 'fewer scores',
        found: `${records.truths.length} pictures of ${records.labels.length} classes`,
      })
    return Float64Array.from(row, (probability) => Math.log(Math.max(probability, leastProbability)))
  })
  const fit = fitTemperature(rows, records.truths)
  const calibrated = new ClassifyRecords(records.labels)
  for (const [i, row] of rows.entries()) calibrated.push(records.pictures[i]!, records.truths[i]!, softmaxAt(row, fit.temperature))
  return {
    ...fit,
    samples: rows.length,
    errorBefore: records.calibration.expectedCalibrationError,
    errorAfter: calibrated.calibration.expectedCalibrationError,
    evaluation: { ...evaluation, records: calibrated },
  }
}

export interface RejectionResult extends Rejection {
  readonly goal: RejectionGoal
  readonly samples: number
  /** Area under the risk-coverage curve: the less, the better confidences tell right from wrong. */
  readonly aurc: number
  /** Falling thresholds. */
  readonly curve: readonly CoveragePoint[]
}

/**
 * From which probability on a classifier should answer, for an accuracy of what is answered or for a part that must be answered. Chosen and measured on the same
 * pictures: on new ones it does a little worse.
 *
 * @throws FoveaError EVALUATE_TASK for another task, METRIC_INVALID for a goal outside 0 to 1
 */
export function chooseRejection(evaluation: VisionEvaluation, goal: RejectionGoal): RejectionResult {
  const records = classifyRecords(evaluation)
  const rights = records.truths.map((truth, i) => truth === records.predicted[i])
  const curve = riskCoverage(records.confidences, rights)
  const aurc = riskCoverageArea(records.confidences, rights, undefined, byConfidence(records.confidences))
  return { ...rejectionThreshold(curve, goal), goal, samples: rights.length, aurc, curve }
}

/** The model with calibrated probabilities. @throws as `withTemperature` */
export function applyCalibration(
  model: { readonly model: Model; readonly metadata: ModelMetadata },
  { temperature, samples }: Pick<CalibrationResult, 'temperature' | 'samples'>,
  head?: string,
): { model: Model; metadata: ModelMetadata } {
  return withTemperature(model, { temperature, samples, head })
}

/** The model with `fovea.rejection`: below the threshold `predict` says that it does not know. @throws FoveaError MODEL_TASK */
export function applyRejection(
  { model, metadata }: { readonly model: Model; readonly metadata: ModelMetadata },
  { threshold, goal, samples, coverage, accuracy }: RejectionResult,
  head?: string,
): { model: Model; metadata: ModelMetadata } {
  const { name } = classifierOutput(metadata, model, head)
  const rejection: ModelRejection = { threshold, goal: { ...goal }, samples, coverage, accuracy }
  const stated = { ...metadata, rejection: { ...metadata.rejection, [name]: rejection } }
  return { model: writeMetadata(model, stated), metadata: stated }
}

function classifyRecords({ records, task }: VisionEvaluation): ClassifyRecords {
  if (records instanceof ClassifyRecords) return records
  throw new FoveaError('EVALUATE_TASK', { field: 'task', expected: 'classify', found: task })
}
