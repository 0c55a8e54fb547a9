// A model that knows its task: load it, give it pictures, get answers.

import { loadImage } from '../data/decode.ts'
import { checkFeatureFile, saveFeatures } from '../data/numpy-file.ts'
import type { ImageSource } from '../data/source.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.ts'
import { extract } from '../passes/extract.ts'
import { checkSessionOptions } from '../runtime/check-options.ts'
import { openSession, type Session } from '../runtime/session.ts'
import { sessionStore } from '../runtime/session-store.ts'
import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { createImage, type Image } from '../vision/image.ts'
import { placementOf } from '../vision/placement.ts'
import { channelsOf } from '../vision/preprocessing.ts'
import { preprocessImage } from '../vision/resize.ts'
import { packBytes } from '../vision/tensor-pack.ts'
import { type AnswerOf, classification, type HeadAnswer, type MultiAnswer } from './answers.ts'
import { checkContract } from './check-contract.ts'
import { checkCount, checkLayers } from './check-options.ts'
import { type Features, joinBatches, strideOf } from './extract-features.ts'
import { buildGradCam, gradCamPorts } from './grad-cam.ts'
import type { DetectorLayoutName } from './heads/detector-layouts.ts'
import type { Head } from './heads/head.ts'
import { checkHeadOptions, type HeadOptions, type PlacedBatch, runHeads, thresholdFeeds, withThresholdInputs } from './heads/run.ts'
import type { InputSpec } from './input-spec.ts'
import { checkLabels } from './labels.ts'
import { LayerSessions } from './layer-sessions.ts'
import { resolveLayer } from './layers.ts'
import type { ModelMetadata, Task } from './metadata.ts'
import { openSource, type SourceOptions } from './open-source.ts'
import { answerByViews, type ViewRun } from './views/answer.ts'
import { asksForViews, type ViewOptions } from './views/options.ts'
import { viewRule } from './views/rule.ts'

/** How a model runs. */
export interface ModelRunOptions {
  /** `cpu`, `webgpu`, `cuda:N` or `tensorrt:N`. @default 'cpu' */
  readonly device?: string
  /** @default the number of cores */
  readonly threads?: number
  /** Runs on this thread instead of a worker: for scripts; it blocks the event loop. @default true */
  readonly worker?: boolean
  /**
   * Shares the session with everyone in this process who loads the same model with the same device, threads and worker, within the
   * memory budget of `sessionStore()`. @default true
   */
  readonly share?: boolean
}

/**
 * How a model is opened and run. What is given wins over what the file states, and `notes` say what it replaced; what cannot take effect
 * is refused. `architecture` and `architectureOptions` are for weights without a graph; `hub` for hf:owner/name, `shipped` for names.
 */
export interface LoadOptions extends ModelRunOptions, Pick<SourceOptions, 'architecture' | 'architectureOptions' | 'hub' | 'shipped'> {
  /**
   * What the model expects of its pixels: a word, or what is known of its preprocessing. The graph of a Fovea file scales pixels itself:
   * of one only size, resize, cropFraction, interpolation and padValue can be given. @default what the file states, else a guess, told in `notes`
   */
  readonly input?: InputSpec
  /** Height and width that pictures are resized to, where the model takes any size. @default its own */
  readonly imageSize?: readonly [height: number, width: number]
  /** Class names of a file that carries none, or as many in the place of those that it carries. */
  readonly labels?: readonly string[]
  /** The form in which another tool's detector answers, such as `fastestdet`. @default what metadata as Ultralytics writes them tell */
  readonly detector?: DetectorLayoutName
  /** Opens a foreign file, or weights, as a model of features even where it could give scores. @default what it looks like */
  readonly task?: Task
}

/** What `predict` is asked for. */
export interface PredictOptions extends HeadOptions, ViewOptions {}

export interface FeatureOptions<Layer extends string | readonly string[]> {
  /** A name or several: stages, or values of the graph. */
  readonly layer: Layer
  /** Writes the features for NumPy: one layer to `x.npy`, or any number by name to `x.npz`. */
  readonly save?: string
  /** Pictures that go through the model at once. @default 16 */
  readonly batchSize?: number
}

export interface Explanation {
  /** The class that is explained. */
  readonly label: string
  readonly width: number
  readonly height: number
  /** Row-major, 0 to 1: how much each place of the picture, as the model saw it, spoke for the class. */
  readonly heatmap: Float32Array
}

/** What `predict` takes: an image, and whatever else `loadImage` reads. */
export type Picture = ImageSource

/**
 * A loaded model.
 *
 * ```ts
 * const model = await DeepSeekVision.load('runs/model.onnx')
 * const { label, probability } = await model.predict('part.jpg')
 * await model.close()
 * ```
 */
export class DeepSeekVision<T extends Task = 'classify'> {
  readonly model: Model
  readonly metadata: ModelMetadata
  /** What had to be guessed about a foreign file, one sentence each. */
  readonly notes: readonly string[]
  readonly #session: Session
  readonly #layers: LayerSessions
  readonly #explainer: LayerSessions

  private constructor(model: Model, metadata: ModelMetadata, notes: readonly string[], session: Session, options: ModelRunOptions) {
    this.model = model
    this.metadata = metadata
    this.notes = notes
    this.#session = session
    this.#layers = new LayerSessions((values) => openModelSession(extract(model, { outputs: values }), options))
    this.#explainer = new LayerSessions(([logits]) => openModelSession(buildGradCam(model, logits!), options))
  }

  /**
   * Loads a model: a shipped one by its name (`deepseek-vision-base`), an .onnx file of any tool, a .safetensors file with weights of
   * a network of the table under timm's or torchvision's names, a folder with either, or `hf:owner/name[@revision][/file]`, which is
   * downloaded into a cache and verified. Nothing but hf: uses the network. Several load at once with `Promise.all`,
   * each in a worker of its own; a file that is loaded twice runs in one.
   *
   * @throws FoveaError MODEL_*, PREPROCESSING_INVALID, ONNX_*, GRAPH_*, SAFETENSORS_*, WEIGHTS_*, HUB_*, RUNTIME_*
   */
  static async load<T extends Task = 'classify'>(
    source: string,
    options: LoadOptions & { readonly task?: T } = {},
  ): Promise<DeepSeekVision<T>> {
    checkSessionOptions(options)
    const { device: _, threads: __, worker: ___, share: ____, ...opening } = options
    const { model, metadata, notes } = await openSource(source, opening)
    if (options.task !== undefined && metadata.task !== options.task)
      throw new FoveaError('MODEL_TASK', { file: source, expected: options.task, found: metadata.task })
    // What was opened has been held to its contract, with its file's name.
    return DeepSeekVision.#open(model, metadata, options, notes)
  }

  /** Opens a model that is in memory. @throws FoveaError MODEL_LABELS, MODEL_METADATA where graph and metadata contradict, RUNTIME_* */
  static async of<T extends Task = 'classify'>(
    model: Model,
    metadata: ModelMetadata,
    options: ModelRunOptions = {},
    notes: readonly string[] = [],
  ): Promise<DeepSeekVision<T>> {
    checkSessionOptions(options)
    checkContract(model, metadata)
    return DeepSeekVision.#open(model, metadata, options, notes)
  }

  static async #open<T extends Task>(
    model: Model,
    metadata: ModelMetadata,
    options: ModelRunOptions,
    notes: readonly string[],
  ): Promise<DeepSeekVision<T>> {
    // Nodes that are kept for stages alone would run with every picture.
    const runnable = eliminateDeadNodes(withThresholdInputs(model, metadata.heads)).model
    const session = await openModelSession(runnable, options)
    return new DeepSeekVision(model, metadata, notes, session, options)
  }

  /** Runs the model once on a black picture, so that the first real one is not slowed by memory being laid out. */
  async warmUp(): Promise<void> {
    const { preprocessing } = this.metadata
    const [height, width] = preprocessing.size ?? [224, 224]
    const [input] = this.#session.inputs
    await this.#session.run({ ...this.#feeds(), [input!.name]: packTensor([createImage(width, height, channelsOf(preprocessing))]) })
  }

  /**
   * Answers about one picture, or several at once, by the model's task: a class, detections, or the answers of all heads by name.
   *
   * @throws FoveaError MODEL_NO_HEAD for a model of features, MODEL_OPTION, DATA_* and IMAGE_INVALID for a picture that cannot be read,
   *   MODEL_SCORES where the scores are no numbers, RUNTIME_*
   */
  async predict(picture: Picture, options?: PredictOptions): Promise<AnswerOf<T>>
  async predict(pictures: readonly Picture[], options?: PredictOptions): Promise<AnswerOf<T>[]>
  async predict(pictures: Picture | readonly Picture[], options: PredictOptions = {}): Promise<AnswerOf<T> | AnswerOf<T>[]> {
    this.requireHead()
    checkCount('topK', options?.topK ?? 5)
    const several = isList(pictures)
    const images = await Promise.all((several ? pictures : [pictures]).map((picture) => loadImage(picture)))
    const answers = (await this.#answerImages(images, options)) as AnswerOf<T>[]
    return several ? answers : answers[0]!
  }

  async #answerImages(images: readonly Image[], options: PredictOptions): Promise<(HeadAnswer | MultiAnswer)[]> {
    if (typeof options !== 'object' || options === null)
      throw new FoveaError('MODEL_OPTION', { field: 'options', expected: 'an object', found: String(options) })
    const { tiles = false, flip = false, ...plain } = options
    if (!asksForViews(this.metadata, { tiles, flip })) return this.#answerPlainly(images, plain)
    const run = this.#viewRun(plain, flip)
    const answers: (HeadAnswer | MultiAnswer)[] = []
    for (const image of images) answers.push(await answerByViews(image, { tiles, flip }, run))
    return answers
  }

  async #answerPlainly(images: readonly Image[], options: HeadOptions): Promise<(HeadAnswer | MultiAnswer)[]> {
    const { preprocessing } = this.metadata
    const placements = images.map(({ width, height }) => placementOf(width, height, preprocessing))
    return this.answer({ images: packTensor(images.map((image) => preprocessImage(image, preprocessing))), placements }, options)
  }

  /** What several looks at a picture have to keep to. */
  #viewRun(options: HeadOptions, flip: boolean): ViewRun {
    const { preprocessing, heads } = this.metadata
    checkHeadOptions(heads, options)
    const feeds = thresholdFeeds(this.model, heads, options)
    const all: readonly (Head | undefined)[] = heads ?? [undefined]
    const rules = all.map((head) => viewRule(head, this.metadata, feeds, options))
    // A mean of all classes needs the probabilities of all, a mean of two scores also that which alone would be too low.
    const topK = Math.max(...rules.map(({ labels }) => labels.length))
    const scores = rules.flatMap(({ labels, confidence }, i) =>
      all[i]?.task === 'detect' ? labels.map((_, label) => confidence(label)) : [],
    )
    const asked = { ...options, topK, ...(scores.length > 0 && { confidence: Math.min(faintest, ...scores) }) }
    return {
      size: preprocessing.size,
      ruleOf: (name) => rules[all.findIndex((head) => head?.name === name)] ?? rules[0]!,
      answer: (images) => this.#answerPlainly(images, flip ? asked : options),
    }
  }

  /** Holds that the model answers. @throws FoveaError MODEL_NO_HEAD for a model of features, saying how to get a head */
  requireHead(): void {
    const { task, name } = this.metadata
    if (task === 'features') throw new FoveaError('MODEL_NO_HEAD', { field: name, expected: 'the task classify', found: task })
  }

  /**
   * As `predict`, for a batch that has been preprocessed already.
   *
   * @throws FoveaError MODEL_NO_HEAD, MODEL_OPTION, MODEL_SCORES where one is not a finite number, RUNTIME_*
   */
  async answer({ images, placements }: PlacedBatch, options: HeadOptions = {}): Promise<(HeadAnswer | MultiAnswer)[]> {
    this.requireHead()
    const { task, labels, heads, rejection } = this.metadata
    checkHeadOptions(heads, options)
    if (heads === undefined) {
      const reject = options.reject ?? rejection?.['']?.threshold
      const scores = await this.probabilities(images)
      return placements.map((_, i) =>
        classification(labels, scores.subarray(i * labels.length, (i + 1) * labels.length), options.topK ?? 5, reject),
      )
    }
    const answers = await this.#runHeads(heads, { images, placements }, options)
    if (task !== 'multi') return answers[heads[0]!.name]!
    return placements.map((_, i) => ({
      task: 'multi',
      heads: Object.fromEntries(Object.entries(answers).map(([name, list]) => [name, list[i]!])),
    }))
  }

  async #runHeads(heads: readonly Head[], batch: PlacedBatch, options: HeadOptions): Promise<Record<string, HeadAnswer[]>> {
    const { images, placements } = batch
    const asked = { heads, model: this.model, rejection: this.metadata.rejection }
    if (placements.length === 1 || typeof this.#session.inputs[0]!.dims[0] !== 'number')
      return runHeads(this.#session, asked, batch, options)
    // A batch that the file fixes to one: picture by picture.
    const answers: Record<string, HeadAnswer[]> = Object.fromEntries(heads.map(({ name }) => [name, []]))
    const bytes = images.size / placements.length
    for (const [i, placement] of placements.entries()) {
      const one = Tensor.of('uint8', [1, ...images.dims.slice(1)], (images.data as Uint8Array).slice(i * bytes, (i + 1) * bytes))
      const found = await runHeads(this.#session, asked, { images: one, placements: [placement] }, options)
      for (const { name } of heads) answers[name]!.push(...found[name]!)
    }
    return answers
  }

  /**
   * Probabilities, row-major [N, classes], of a batch of bytes [N, H, W, C] that has been preprocessed already; of several heads the one
   * of that name, or the first that classifies.
   *
   * @throws FoveaError MODEL_NO_HEAD, MODEL_TASK where the model does not classify, MODEL_SCORES where one is not a finite number, RUNTIME_*
   */
  async probabilities(batch: Tensor, head?: string): Promise<Float32Array> {
    const { name, labels } = this.#classifier(head)
    const results = await this.#session.run({ ...this.#feeds(), [this.#session.inputs[0]!.name]: batch }, { outputs: [name] })
    const scores = results[name]!.data as Float32Array
    checkScores(scores, batch.dims[0]!, name, labels)
    return scores
  }

  /** The output that holds probabilities of classes, and the classes. */
  #classifier(wanted?: string): { name: string; labels: readonly string[] } {
    this.requireHead()
    const { task, labels, heads, name } = this.metadata
    if (heads === undefined) return { name: this.#session.outputs[0]!.name, labels }
    for (const head of heads)
      if (head.task === 'classify' && (wanted ?? head.name) === head.name) return { name: head.outputs.probabilities, labels: head.labels }
    throw new FoveaError('MODEL_TASK', { field: name, expected: 'a model that classifies', found: task })
  }

  #feeds(): Record<string, Tensor> {
    return thresholdFeeds(this.model, this.metadata.heads)
  }

  /**
   * Grad-CAM (Selvaraju 2017): where the model looked for a class.
   *
   * @param label the class to explain. @default the predicted one
   * @throws FoveaError as `predict`; MODEL_NO_CLASS where the model has no such label
   */
  async explain(picture: Picture, label?: string): Promise<Explanation> {
    const { labels } = this.#classifier()
    const { stages, heads } = this.metadata
    if (label !== undefined && !labels.includes(label))
      throw new FoveaError('MODEL_NO_CLASS', { field: 'label', expected: clip(`one of ${labels.join(', ')}`), found: clip(`${label}`, 60) })
    const head = heads?.find((one) => one.task === 'classify')
    const logits = head?.scores.logits ?? resolveLayer(this.model, stages, 'logits')
    const image = preprocessImage(await loadImage(picture), this.metadata.preprocessing)
    const batch = packTensor([image])
    const probabilities = await this.probabilities(batch)
    const index = label === undefined ? probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b))) : labels.indexOf(label)
    const wanted = Tensor.float32(
      [1, labels.length],
      Float32Array.from(labels, (_, i) => (i === index ? 1 : 0)),
    )
    const results = await this.#explainer.run([logits], batch, { [gradCamPorts.classWeights]: wanted })
    const { dims, data } = results[gradCamPorts.heatmap]!
    return { label: labels[index]!, height: dims[0]!, width: dims[1]!, heatmap: data as Float32Array }
  }

  /**
   * What the model holds of pictures at one layer, or several: a stage (`stem`, `conv2` …, `embedding`) or any value of its graph. The
   * rest of the graph is cut away and not run; what was compiled for a set of layers is kept for the next pictures.
   *
   * ```ts
   * const conv3 = await model.extractFeatures('part.jpg', { layer: 'conv3', save: 'conv3.npy' })
   * ```
   *
   * @throws FoveaError MODEL_LAYER naming stages and what is spelt alike, MODEL_OPTION, DATA_* and IMAGE_INVALID for a picture that cannot
   *   be read, RUNTIME_*, FILE_WRITE
   */
  async extractFeatures(pictures: Picture | readonly Picture[], options: FeatureOptions<string>): Promise<Features>
  async extractFeatures(
    pictures: Picture | readonly Picture[],
    options: FeatureOptions<readonly string[]>,
  ): Promise<Record<string, Features>>
  async extractFeatures(
    pictures: Picture | readonly Picture[],
    options: FeatureOptions<string | readonly string[]>,
  ): Promise<Features | Record<string, Features>> {
    // Left out by a caller without types, the options would be a bare TypeError.
    const { layer, save, batchSize = 16 } = options ?? {}
    const names = checkLayers(layer)
    checkCount('batchSize', batchSize)
    if (save !== undefined) checkFeatureFile(save, names.length)
    const values = names.map((name) => resolveLayer(this.model, this.metadata.stages, name))
    const images = await Promise.all((isList(pictures) ? pictures : [pictures]).map((picture) => loadImage(picture)))
    const { preprocessing } = this.metadata
    const step = typeof this.#session.inputs[0]!.dims[0] === 'number' ? 1 : batchSize
    const counts: number[] = []
    const parts: Record<string, Tensor>[] = []
    for (let from = 0; from < images.length; from += step) {
      const batch = images.slice(from, from + step).map((image) => preprocessImage(image, preprocessing))
      counts.push(batch.length)
      parts.push(await this.#layers.run([...new Set(values)].sort(), packTensor(batch)))
    }
    if (parts.length === 0) throw new FoveaError('MODEL_LAYER', { field: 'pictures', expected: 'at least one', found: 'none' })
    const placements = images.map(({ width, height }) => placementOf(width, height, preprocessing))
    const result: Record<string, Features> = {}
    names.forEach((name, i) => {
      const value = values[i]!
      const { dtype, dims, data } = joinBatches(
        name,
        parts.map((part) => part[value]!),
        counts,
      )
      const stride = strideOf(dims, placements[0]!.size)
      result[name] = { layer: name, value, dtype, shape: dims, data, ...(stride === undefined ? {} : { stride }), placements }
    })
    if (save !== undefined) await saveFeatures(save, result)
    return typeof layer === 'string' ? result[layer]! : result
  }

  /** Gives back its sessions; those that are shared stay ready for the next who loads the model. Safe to call twice. */
  async close(): Promise<void> {
    await Promise.all([this.#session, this.#layers, this.#explainer].map((sessions) => sessions.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/**
 * Holds that there is a finite score for each picture and class: what shape inference could not tell is told here.
 *
 * @throws FoveaError MODEL_LABELS, MODEL_SCORES
 */
function checkScores(scores: Float32Array, pictures: number, field: string, labels: readonly string[]): void {
  checkLabels(labels, scores.length / pictures, { field: 'fovea.labels' })
  const bad = scores.findIndex((score) => !Number.isFinite(score))
  if (bad >= 0) throw new FoveaError('MODEL_SCORES', { field, found: `${scores[bad]} for "${labels[bad % labels.length]}"` })
}

/** Of two looks: from which score on a thing is remembered until the other look is known. */
const faintest = 0.001

/** The session of a model, shared unless the options say otherwise. */
function openModelSession(model: Model, { device, threads, worker, share = true }: ModelRunOptions): Promise<Session> {
  const options = {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
    ...(worker === undefined ? {} : { worker }),
  }
  return share ? sessionStore().acquire(model, options) : openSession(model, options)
}

function isList(pictures: Picture | readonly Picture[]): pictures is readonly Picture[] {
  return Array.isArray(pictures)
}

function packTensor(images: readonly Image[]): Tensor {
  const { data, shape } = packBytes(images)
  return new Tensor('uint8', shape, data)
}
