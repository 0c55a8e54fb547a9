// Measures a classifier on a data set.

import { type ImageDataset, readableHashes } from '../data/dataset.ts'
import { VisionDataLoader } from '../data/vision-data-loader.ts'
import { Tensor } from '../graph/tensor.ts'
import type { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import { TopKAccuracy } from '../vision/metrics/accuracy.ts'
import { type Calibration, CalibrationError } from '../vision/metrics/calibration.ts'
import { type ClassReport, ClassReportMetric } from '../vision/metrics/class-report.ts'
import type { ConfusionCounts } from '../vision/metrics/confusion-matrix.ts'
import { MeanLoss } from '../vision/metrics/mean-loss.ts'

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
 * Runs a model over a data set and computes all figures of classification.
 *
 * @throws FoveaError MODEL_NO_HEAD, EVALUATE_CLASSES where the classes of the data are not those of the model, DATA_*, RUNTIME_*, CANCELLED
 */
export async function evaluateClassifier(model: DeepSeekVision, dataset: ImageDataset, options: EvaluateOptions = {}): Promise<Evaluation> {
  model.requireHead()
  const { labels, preprocessing } = model.metadata
  const { signal, onProgress, batchSize = 32, onError = 'skip' } = options
  const { dataset: mapped, warning } = mapClasses(dataset, labels)
  const warnings = [...warning, ...(await trainedPictures(model, dataset, signal))]
  const report = new ClassReportMetric(labels)
  const top5 = new TopKAccuracy(labels.length, Math.min(5, labels.length))
  const calibration = new CalibrationError(labels.length)
  const loss = new MeanLoss()
  const mistakes: Mistake[] = []
  const loader = new VisionDataLoader(mapped, { preprocessing, batchSize, onError, workers: 1, cacheBytes: 0 })
  let done = 0
  try {
    for await (const batch of loader.batches(signal ? { signal } : {})) {
      const scores = await model.probabilities(new Tensor('uint8', batch.shape, batch.images))
      for (const metric of [report, top5, calibration]) metric.update({ scores, labels: batch.labels })
      batch.labels.forEach((label, i) => {
        const row = scores.subarray(i * labels.length, (i + 1) * labels.length)
        loss.update({ loss: -Math.log(Math.max(row[label]!, 1e-12)), count: 1 })
        const best = row.indexOf(row.reduce((a, b) => Math.max(a, b)))
        if (best !== label)
          mistakes.push({
            path: mapped.samples[batch.indices[i]!]!.path,
            label: labels[label]!,
            predicted: labels[best]!,
            probability: row[best]!,
          })
      })
      done += batch.labels.length
      onProgress?.(done, dataset.samples.length)
    }
  } finally {
    await loader.close()
  }
  return {
    ...report.compute(),
    top5: top5.compute(),
    loss: loss.compute(),
    calibration: calibration.compute(),
    confusion: report.confusion.compute(),
    labels,
    mistakes: mistakes.sort((a, b) => b.probability - a.probability),
    failures: loader.failures.map(({ path, message }) => ({ path, reason: message })),
    warnings,
  }
}

/**
 * The data set with the model's class numbers: matched by name; by order where the model has no names, only numbers, and as many
 * of them as the data have classes.
 */
function mapClasses(dataset: ImageDataset, labels: readonly string[]): { dataset: ImageDataset; warning: string[] } {
  const byName = dataset.classes.map((name) => labels.indexOf(name))
  if (byName.every((index) => index >= 0))
    return {
      dataset: { classes: labels, samples: dataset.samples.map((sample) => ({ ...sample, label: byName[sample.label]! })) },
      warning: [],
    }
  if (labels.every((label, i) => label === `${i}`) && dataset.classes.length === labels.length)
    return { dataset, warning: ['The model has no class names: its scores were matched with the folders in the order of their names.'] }
  const unknown = dataset.classes.filter((_, i) => byName[i]! < 0)
  throw new FoveaError('EVALUATE_CLASSES', { expected: `classes among ${labels.join(', ')}`, found: unknown.join(', ') })
}

/** A warning where pictures of the data set were trained on. */
async function trainedPictures(model: DeepSeekVision, dataset: ImageDataset, signal: AbortSignal | undefined): Promise<string[]> {
  const trained = new Set(model.metadata.split?.trained ?? [])
  if (trained.size === 0) return []
  const hashes = (await readableHashes(dataset.samples, signal)).filter((hash) => hash !== undefined)
  const met = hashes.filter((hash) => trained.has(hash.slice(0, 16))).length
  return met === 0
    ? []
    : [`${met} of ${hashes.length} pictures were used in training: the figures are better than they would be on new ones.`]
}
