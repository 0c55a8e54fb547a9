// Classification in the shape that scripts read: precision and recall of classes, confusion, calibration, mistakes.

import type { ImageDataset } from '../data/dataset.ts'
import type { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import type { Calibration } from '../vision/metrics/calibration.ts'
import { type ClassReport, classReport } from '../vision/metrics/class-report.ts'
import type { ConfusionCounts } from '../vision/metrics/confusion-matrix.ts'
import type { VisionEvaluation } from './evaluation.ts'
import { VisionEvaluator } from './evaluator.ts'
import { ClassifyRecords } from './records/classify.ts'

export interface EvaluateOptions {
  /** @default 32 */
  readonly batchSize?: number
  /** An unreadable picture is left out and reported, or stops the evaluation. @default 'skip' */
  readonly onError?: 'skip' | 'stop'
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

export interface Evaluation extends ClassReport {
  /** Part of the pictures whose class is among the five highest scores (fewer where there are fewer classes). */
  readonly top5: number
  /** Mean cross-entropy, in nats. */
  readonly loss: number
  readonly calibration: Calibration
  /** `confusion[true][predicted]`, in the order of `labels`. */
  readonly confusion: ConfusionCounts
  readonly labels: readonly string[]
  /** The pictures that were classified wrongly, the most certain mistakes first. */
  readonly mistakes: readonly Mistake[]
  readonly failures: readonly { readonly path: string; readonly reason: string }[]
  /** Sentences for the user: guesses, pictures that were trained on. */
  readonly warnings: readonly string[]
}

export interface Mistake {
  readonly path: string
  readonly label: string
  readonly predicted: string
  readonly probability: number
}

/**
 * Runs a model over a data set and computes all figures of classification, without intervals; `VisionEvaluator` gives those too.
 *
 * @throws FoveaError MODEL_NO_HEAD, EVALUATE_CLASSES where the classes of the data are not those of the model, DATA_*, RUNTIME_*, CANCELLED
 */
export async function evaluateClassifier(model: DeepSeekVision, dataset: ImageDataset, options: EvaluateOptions = {}): Promise<Evaluation> {
  const { signal, onProgress, ...rest } = options
  const evaluator = new VisionEvaluator({ ...rest, task: 'classify', bootstrap: { samples: 0 }, worst: 0 })
  return classificationOf(await evaluator.evaluate(model, dataset, { signal, onProgress }))
}

/** An evaluation of a classifier with all its figures. @throws FoveaError EVALUATE_TASK for one of another task */
export function classificationOf(evaluation: VisionEvaluation): Evaluation {
  const { records, failures, warnings, labels } = evaluation
  if (!(records instanceof ClassifyRecords))
    throw new FoveaError('EVALUATE_TASK', { field: 'task', expected: 'classify', found: evaluation.task })
  const { confusion, calibration, truths, predicted, confidences, pictures } = records
  const values = records.compute()
  const figure = (name: string) => values[records.figures.findIndex((one) => one.name === name)]!
  const mistakes = pictures.flatMap((path, i): Mistake[] =>
    truths[i] === predicted[i]
      ? []
      : [{ path, label: labels[truths[i]!]!, predicted: labels[predicted[i]!]!, probability: confidences[i]! }],
  )
  return {
    ...classReport(confusion, labels),
    top5: figure('top5'),
    loss: figure('loss'),
    calibration,
    confusion,
    labels,
    mistakes: mistakes.sort((a, b) => b.probability - a.probability),
    failures,
    warnings,
  }
}
