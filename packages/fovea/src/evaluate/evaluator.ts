// Runs a model over a data set and measures it: all figures of its task, how sure they are, and where it is wrong.

import type { ImageDataset } from '../data/dataset.ts'
import { loadImage } from '../data/decode.ts'
import { VisionDataLoader } from '../data/vision-data-loader.ts'
import { Tensor } from '../graph/tensor.ts'
import type { ModelMetadata, Task } from '../model/metadata.ts'
import type { ViewOptions } from '../model/views/options.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import { type Image, verifyImage } from '../vision/image.ts'
import { type Prediction, type PredictionTask, predictionTasks } from '../vision/predictions.ts'
import { type BootstrapOptions, bootstrap, bootstrapSettings } from './bootstrap.ts'
import {
  type ClassMap,
  checkSample,
  type EvaluationData,
  type EvaluationPart,
  evaluationPart,
  listedSamples,
  mapClasses,
  mapSample,
  TrainedPictures,
} from './data.ts'
import { summarize, type VisionEvaluation } from './evaluation.ts'
import { headToMeasure } from './head.ts'
import { resolveMetrics } from './metric-names.ts'
import { AnomalyRecorder } from './records/anomaly.ts'
import { CaptionRecorder } from './records/caption.ts'
import { ClassifyRecorder } from './records/classify.ts'
import { CountRecorder } from './records/count.ts'
import { DetectRecorder } from './records/detect.ts'
import { MultilabelRecorder } from './records/multilabel.ts'
import type { EvaluationSample, Recorder, TaskRecords } from './records/records.ts'
import { SegmentRecorder } from './records/segment.ts'
import { WorstPictures } from './worst.ts'

/** Gives the answer for one picture. */
export type PredictFunction = (image: Image, sample: EvaluationSample) => Prediction | Promise<Prediction>

/** Anything that predicts: a detector with its decoder, a service, answers read from a file. */
export interface Predictor {
  readonly predict: PredictFunction
  /** Its class names, in the order of its numbers. @default those of the data */
  readonly labels?: readonly string[]
  readonly name?: string
}

export interface VisionEvaluatorOptions {
  /** @default what the model says, or its first answer */
  readonly task?: PredictionTask
  /** Names of figures of the task, such as `accuracy`, `mAP`, `f1`. @default all */
  readonly metrics?: readonly string[]
  readonly bootstrap?: BootstrapOptions
  /** How many of the worst pictures are kept. @default 24 */
  readonly worst?: number
  /** Of a model that runs in batches. @default 32 */
  readonly batchSize?: number
  /** A picture that cannot be read, or lacks its truth, is left out and reported, or stops the evaluation. @default 'skip' */
  readonly onError?: 'skip' | 'stop'
  /** Detections from this score on count in precision, recall, F1, the confusion matrix and the worst pictures. @default 0.25 */
  readonly confidence?: number
  /** What of detections is compared. @default 'boxes' */
  readonly by?: 'boxes' | 'masks'
  /** Of a model with several heads: the name of the one that is measured. @default the first */
  readonly head?: string
  /** Overlaps at which `candidates` of detections are suppressed anew, for a sweep. @default none */
  readonly nms?: readonly number[]
  /** Of a head that detects, counts or segments: measured in tiles. @default false */
  readonly tiles?: ViewOptions['tiles']
  /** Measured on the mirror image too; of a head that detects, counts or tells classes. @default false */
  readonly flip?: boolean
}

export interface EvaluateRunOptions {
  readonly signal?: AbortSignal | undefined
  /** `total` is 0 while it is not known. */
  readonly onProgress?: ((done: number, total: number, stage: 'pictures' | 'intervals') => void) | undefined
}

/**
 * Measures models.
 *
 * ```ts
 * const results = await new VisionEvaluator({ metrics: ['accuracy', 'mAP', 'f1'] }).evaluate(model, dataset)
 * results.figures.accuracy            // 0.93
 * results.intervals.accuracy          // { low: 0.90, high: 0.95 }
 * ```
 */
export class VisionEvaluator {
  readonly options: VisionEvaluatorOptions

  /** @throws FoveaError METRIC_INVALID, EVALUATE_TASK */
  constructor(options: VisionEvaluatorOptions = {}) {
    const fail = (field: string, expected: string, found: unknown) =>
      new FoveaError('METRIC_INVALID', { field, expected, found: said(found) })
    if (typeof options !== 'object' || options === null) throw fail('options', 'an object', options)
    const { task, confidence = 0, worst = 0, nms = [], metrics } = options
    if (!Array.isArray(nms)) throw fail('nms', 'a list of overlaps', nms)
    if (metrics !== undefined && !(Array.isArray(metrics) && metrics.every((name) => typeof name === 'string')))
      throw fail('metrics', 'a list of names', metrics)
    bootstrapSettings(options.bootstrap)
    if (task !== undefined && !predictionTasks.includes(task))
      throw new FoveaError('EVALUATE_TASK', { field: 'task', expected: predictionTasks.join(', '), found: String(task) })
    for (const [field, value] of [['confidence', confidence] as const, ...nms.map((iou) => ['nms', iou] as const)])
      if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw fail(field, '0 to 1', value)
    if (!(Number.isInteger(worst) && worst >= 0)) throw fail('worst', 'a whole number, 0 or more', worst)
    this.options = options
  }

  /**
   * Runs the model over the data. A `DeepSeekVision` runs in its worker, in batches; another predictor is given one picture after the
   * other while the next is being read. Kept of each picture is what the figures need; the pictures themselves are not.
   *
   * @param model A loaded model, an object with `predict(image, sample)`, or such a function.
   * @param data A folder with splits (`test` is taken, else `val`, else what the training held out), a part of one, or a data set of any
   * format. Its classes are matched with the model's by name.
   * @throws FoveaError EVALUATE_CLASSES, EVALUATE_METRIC, EVALUATE_PREDICTION, EVALUATE_TASK, MODEL_NO_HEAD, MODEL_OPTION for a head that is
   *   not there, DATA_*, RUNTIME_*, CANCELLED
   */
  async evaluate(
    model: DeepSeekVision<Task> | Predictor | PredictFunction,
    data: EvaluationData,
    work: EvaluateRunOptions = {},
  ): Promise<VisionEvaluation> {
    if (typeof model !== 'function' && typeof (model as Partial<Predictor> | null)?.predict !== 'function')
      throw new FoveaError('EVALUATE_PREDICTION', { field: 'model', expected: 'a model, or a function that predicts', found: said(model) })
    if (typeof work !== 'object' || work === null)
      throw new FoveaError('METRIC_INVALID', { field: 'options', expected: 'an object', found: said(work) })
    const { signal, onProgress } = work
    const { head, nms = [], tiles, flip } = this.options
    const asked = { candidates: nms.length > 0, ...(tiles !== undefined && { tiles }), ...(flip !== undefined && { flip }) }
    const answering = model instanceof DeepSeekVision ? headToMeasure(model, head, asked) : undefined
    const part = await evaluationPart(data, answering?.model.metadata.split, signal)
    // What is odd has whatever classes the data give it: a detector of anomalies knows none of them.
    const labels = answering?.task === 'anomaly' ? part.classes : answering?.labels
    const own = labels ?? ('labels' in model ? model.labels : undefined)
    const classes = mapClasses(part.classes, own)
    const sound = answering?.task === 'anomaly' ? answering.labels[0] : undefined
    const progress = (done: number, total: number) => onProgress?.(done, total, 'pictures')
    const run = new Run({ ...this.options, sound }, classes, part, signal, progress, answering?.model.metadata.split)
    const started = performance.now()
    if (answering?.predict !== undefined) await run.predict((image) => answering.predict(image))
    else if (answering !== undefined) await run.classify(answering.model, answering.labels, answering.head)
    else await run.predict(typeof model === 'function' ? model : (image, sample) => (model as Predictor).predict(image, sample))
    const seconds = (performance.now() - started) / 1000
    const records = run.finish()
    // Asked before the drawings, which may take a while.
    const metrics = resolveMetrics(this.options.metrics ?? records.figures.map(({ name }) => name), records)
    const settings = bootstrapSettings(this.options.bootstrap)
    const drawn = await bootstrap(records.pictures.length, (weights) => records.compute(weights), settings, {
      signal,
      onProgress: (done, total) => onProgress?.(done, total, 'intervals'),
    })
    return summarize({ records, metrics, drawn, settings, part: part.name, seconds, ...run.told(records) })
  }
}

interface LoadedSample {
  readonly sample: EvaluationSample
  readonly image: Image
}

interface UnreadSample {
  readonly sample: EvaluationSample
  readonly error: unknown
}

interface RunSettings extends VisionEvaluatorOptions {
  /** The class whose pictures are sound, as a detector of anomalies names it. */
  readonly sound?: string | undefined
}

/** One evaluation on its way. */
class Run {
  readonly #options: RunSettings
  readonly #classes: ClassMap
  readonly #part: EvaluationPart
  readonly #signal: AbortSignal | undefined
  readonly #onProgress: (done: number, total: number) => void
  readonly #worst: WorstPictures
  readonly #warnings: string[]
  readonly #failures: { path: string; reason: string }[] = []
  readonly #milliseconds: number[] = []
  readonly #trained: TrainedPictures
  #recorder: Recorder | undefined
  #done = 0

  constructor(
    options: RunSettings,
    classes: ClassMap,
    part: EvaluationPart,
    signal: AbortSignal | undefined,
    onProgress: (done: number, total: number) => void,
    split: ModelMetadata['split'],
  ) {
    this.#options = options
    this.#classes = classes
    this.#part = part
    this.#signal = signal
    this.#onProgress = onProgress
    this.#worst = new WorstPictures(options.worst ?? 24)
    this.#warnings = [...classes.warnings]
    this.#trained = new TrainedPictures(split, signal)
  }

  async classify(model: DeepSeekVision<Task>, labels: readonly string[], head?: string): Promise<void> {
    const { batchSize = 32, onError = 'skip', task = 'classify' } = this.#options
    if (task !== 'classify') throw new FoveaError('EVALUATE_TASK', { field: 'task', expected: 'classify, as the model does', found: task })
    const { preprocessing } = model.metadata
    const samples = (await listedSamples(this.#part, this.#signal)).map((sample) => mapSample(sample, this.#classes))
    await this.#trained.add(samples)
    const dataset: ImageDataset = {
      classes: labels,
      samples: samples.map(({ name, file, image, labels: [label = -1] }) => ({ path: file ?? name, label, ...(image ? { image } : {}) })),
    }
    const loader = new VisionDataLoader(dataset, { preprocessing, batchSize, onError, workers: 1, cacheBytes: 0 })
    try {
      for await (const batch of loader.batches(this.#signal ? { signal: this.#signal } : {})) {
        const started = performance.now()
        const scores = await model.probabilities(new Tensor('uint8', batch.shape, batch.images), head)
        const each = (performance.now() - started) / batch.labels.length
        for (const [i, index] of batch.indices.entries()) {
          const probabilities = scores.subarray(i * labels.length, (i + 1) * labels.length)
          this.#add(samples[index]!, { task: 'classify', probabilities }, each)
        }
        this.#onProgress(this.#done, samples.length)
      }
    } finally {
      await loader.close()
    }
    for (const { path, message } of loader.failures) this.#failures.push({ path, reason: message })
  }

  async predict(predict: PredictFunction): Promise<void> {
    for await (const { sample, image } of this.#loaded()) {
      const started = performance.now()
      const prediction = await predict(image, sample)
      this.#add(sample, prediction, performance.now() - started)
      await this.#trained.add([sample])
      this.#onProgress(this.#done, this.#part.total ?? 0)
    }
  }

  /** @throws FoveaError DATA_NO_IMAGES where no picture could be measured */
  finish(): TaskRecords {
    const records = this.#recorder?.finish()
    if (records === undefined || records.pictures.length === 0)
      throw new FoveaError('DATA_NO_IMAGES', {
        expected: 'a picture that can be read and whose truth is known',
        found: this.#failures[0] === undefined ? 'none' : `${this.#failures[0].path}: ${this.#failures[0].reason}`,
      })
    return records
  }

  told(records: TaskRecords) {
    const warnings = [...this.#warnings, ...this.#trained.warnings, ...(records.warnings ?? [])]
    return { milliseconds: this.#milliseconds, worst: this.#worst.list(records), failures: this.#failures, warnings }
  }

  /** The pictures one after another, the next being read meanwhile. */
  async *#loaded(): AsyncGenerator<LoadedSample> {
    const read = async (sample: EvaluationSample): Promise<LoadedSample | UnreadSample> => {
      try {
        if (sample.image === undefined && sample.file === undefined) throw new FoveaError('DATA_FILE_NOT_FOUND', { file: sample.name })
        const image = sample.image === undefined ? await loadImage(sample.file!) : verifyImage(sample.image)
        // The size of the upright picture is what annotations speak of.
        return { sample: { ...mapSample(sample, this.#classes), width: image.width, height: image.height }, image }
      } catch (error) {
        return { sample, error }
      }
    }
    const ahead: ReturnType<typeof read>[] = []
    const given = async (reading: ReturnType<typeof read>): Promise<LoadedSample | undefined> => {
      const result = await reading
      if (this.#signal?.aborted) throw new FoveaError('CANCELLED', { cause: this.#signal.reason })
      if ('image' in result) return result
      this.#fail(result.sample, result.error)
      return undefined
    }
    for await (const sample of this.#part.samples) {
      checkSample(sample)
      ahead.push(read(sample))
      if (ahead.length < 3) continue
      const result = await given(ahead.shift()!)
      if (result !== undefined) yield result
    }
    for (const one of ahead) {
      const result = await given(one)
      if (result !== undefined) yield result
    }
  }

  #add(sample: EvaluationSample, prediction: Prediction, milliseconds: number): void {
    this.#done++
    this.#recorder ??= this.#start(prediction)
    try {
      const outcome = this.#recorder.add(sample, prediction)
      this.#worst.add(this.#milliseconds.push(milliseconds) - 1, sample, outcome)
    } catch (error) {
      // What is wrong with the data may be left out; what is wrong with the model's answers may not.
      if (!isFoveaError(error) || error.code !== 'EVALUATE_TRUTH') throw error
      this.#fail(sample, error)
    }
  }

  #fail(sample: EvaluationSample, error: unknown): void {
    if (this.#options.onError === 'stop' || !isFoveaError(error)) throw error
    this.#failures.push({ path: sample.file ?? sample.name, reason: error.message })
  }

  #start(prediction: Prediction): Recorder {
    const { labels } = this.#classes
    const found: unknown = (prediction as Partial<Prediction> | undefined)?.task
    const task = this.#options.task ?? predictionTasks.find((name) => name === found)
    const { by = 'boxes', confidence = 0.25, nms = [] } = this.#options
    switch (task) {
      case 'classify':
        return new ClassifyRecorder(labels)
      case 'multilabel':
        return new MultilabelRecorder(labels)
      case 'detect':
        return new DetectRecorder(labels, { by, confidence, nms })
      case 'segment':
        return new SegmentRecorder(labels)
      case 'anomaly':
        return new AnomalyRecorder(labels, this.#options.sound)
      case 'count':
        return new CountRecorder(labels)
      case 'caption':
        return new CaptionRecorder(labels)
      case undefined:
        throw new FoveaError('EVALUATE_PREDICTION', { field: 'task', expected: predictionTasks.join(', '), found: String(found) })
    }
  }
}
