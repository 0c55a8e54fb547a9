// A model that knows its task: load it, give it pictures, get answers.

import { loadImage } from '../data/decode.ts'
import type { ImageSource } from '../data/source.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { openSession, type Session } from '../runtime/session.ts'
import { FoveaError } from '../util/errors.ts'
import { createImage, type Image } from '../vision/image.ts'
import { channelsOf } from '../vision/preprocessing.ts'
import { preprocessImage } from '../vision/resize.ts'
import { packBytes } from '../vision/tensor-pack.ts'
import { buildGradCam, gradCamPorts } from './grad-cam.ts'
import type { ModelMetadata } from './metadata.ts'
import { openSource, type SourceOptions } from './open-source.ts'

/** `architecture`, `architectureOptions` and `imageSize` are for weights without a graph; `hub` for hf:owner/name. */
export interface LoadOptions extends Pick<SourceOptions, 'architecture' | 'architectureOptions' | 'imageSize' | 'hub'> {
  /** `cpu`, `webgpu`, `cuda:N` or `tensorrt:N`. @default 'cpu' */
  readonly device?: string
  /** @default the number of cores */
  readonly threads?: number
  /** Pixel scaling of a file without Fovea's metadata: 0 to 255, 0 to 1, or ImageNet's mean and deviation. @default a guess, told in `notes` */
  readonly input?: 'raw' | 'unit' | 'imagenet'
  /** Class names of a file that carries none. */
  readonly labels?: readonly string[]
  /** Runs on this thread instead of a worker: for scripts; it blocks the event loop. @default true */
  readonly worker?: boolean
}

export interface ClassScore {
  readonly label: string
  readonly index: number
  /** 0 to 1. */
  readonly probability: number
}

export interface Classification extends ClassScore {
  readonly task: 'classify'
  /** The highest scores, falling. */
  readonly top: readonly ClassScore[]
}

export interface PredictOptions {
  /** How many classes `top` holds. @default 5 */
  readonly topK?: number
}

export interface Explanation {
  /** The class that is explained. */
  readonly label: string
  readonly width: number
  readonly height: number
  /** Row-major, 0 to 1: how much each place of the picture, as the model saw it, spoke for the class. */
  readonly heatmap: Float32Array
}

/** What `predict` takes: a decoded image, or whatever `loadImage` reads. */
export type Picture = Image | ImageSource

/**
 * A loaded model.
 *
 * ```ts
 * const model = await DeepSeekVision.load('runs/model.onnx')
 * const { label, probability } = await model.predict('part.jpg')
 * await model.close()
 * ```
 */
export class DeepSeekVision {
  readonly model: Model
  readonly metadata: ModelMetadata
  /** What had to be guessed about a foreign file, one sentence each. */
  readonly notes: readonly string[]
  readonly #options: LoadOptions
  readonly #session: Session
  #explainer: Promise<Session> | undefined

  private constructor(model: Model, metadata: ModelMetadata, notes: readonly string[], session: Session, options: LoadOptions) {
    this.model = model
    this.metadata = metadata
    this.notes = notes
    this.#session = session
    this.#options = options
  }

  /**
   * Loads a model: a shipped one by its name (`deepseek-vision-base`), an .onnx file of any tool, a .safetensors file with weights of
   * a network of the table under timm's or torchvision's names, a folder with either, or `hf:owner/name[@revision]`, which is
   * downloaded into a cache and verified. Nothing but hf: uses the network.
   *
   * @throws FoveaError MODEL_*, ONNX_*, GRAPH_*, SAFETENSORS_*, WEIGHTS_*, HUB_*, RUNTIME_*
   */
  static async load(source: string, options: LoadOptions = {}): Promise<DeepSeekVision> {
    const { device: _, threads: __, worker: ___, ...opening } = options
    const { model, metadata, notes } = await openSource(source, opening)
    return DeepSeekVision.of(model, metadata, options, notes)
  }

  /** Opens a model that is in memory. */
  static async of(
    model: Model,
    metadata: ModelMetadata,
    options: LoadOptions = {},
    notes: readonly string[] = [],
  ): Promise<DeepSeekVision> {
    checkPorts(model, metadata)
    const session = await openSession(model, sessionOptions(options))
    return new DeepSeekVision(model, metadata, notes, session, options)
  }

  /** Runs the model once on a black picture, so that the first real one is not slowed by memory being laid out. */
  async warmUp(): Promise<void> {
    const { preprocessing } = this.metadata
    const [height, width] = preprocessing.size ?? [224, 224]
    const [input] = this.#session.inputs
    await this.#session.run({ [input!.name]: packTensor([createImage(width, height, channelsOf(preprocessing))]) })
  }

  /**
   * Classifies one picture, or several at once.
   *
   * @throws FoveaError MODEL_NO_HEAD for a model of features, DATA_* for a picture that cannot be read, RUNTIME_*
   */
  async predict(picture: Picture, options?: PredictOptions): Promise<Classification>
  async predict(pictures: readonly Picture[], options?: PredictOptions): Promise<Classification[]>
  async predict(pictures: Picture | readonly Picture[], options: PredictOptions = {}): Promise<Classification | Classification[]> {
    this.requireHead()
    const several = Array.isArray(pictures)
    const images = await Promise.all(
      (several ? (pictures as readonly Picture[]) : [pictures as Picture]).map((picture) => asImage(picture)),
    )
    const { preprocessing } = this.metadata
    const probabilities = await this.probabilities(packTensor(images.map((image) => preprocessImage(image, preprocessing))))
    const classes = this.metadata.labels.length
    const results = images.map((_, i) => this.#classification(probabilities.subarray(i * classes, (i + 1) * classes), options.topK ?? 5))
    return several ? results : results[0]!
  }

  /** Holds that the model answers. @throws FoveaError MODEL_NO_HEAD for a model of features, saying how to get a head */
  requireHead(): void {
    const { task, name } = this.metadata
    if (task !== 'classify') throw new FoveaError('MODEL_NO_HEAD', { field: name, expected: 'the task classify', found: task })
  }

  /**
   * Probabilities, row-major [N, classes], of a batch of bytes [N, H, W, C] that has been preprocessed already.
   *
   * @throws FoveaError MODEL_NO_HEAD, RUNTIME_*
   */
  async probabilities(batch: Tensor): Promise<Float32Array> {
    this.requireHead()
    const [input] = this.#session.inputs
    const [output] = this.#session.outputs
    const results = await this.#session.run({ [input!.name]: batch }, { outputs: [output!.name] })
    return results[output!.name]!.data as Float32Array
  }

  /**
   * Grad-CAM (Selvaraju 2017): where the model looked for a class.
   *
   * @param label the class to explain. @default the predicted one
   */
  async explain(picture: Picture, label?: string): Promise<Explanation> {
    const image = preprocessImage(await asImage(picture), this.metadata.preprocessing)
    const batch = packTensor([image])
    const { labels, stages } = this.metadata
    const probabilities = await this.probabilities(batch)
    const index = label === undefined ? probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b))) : labels.indexOf(label)
    if (index < 0)
      throw new FoveaError('MODEL_NOT_CLASSIFIER', { field: 'label', expected: `one of ${labels.join(', ')}`, found: `${label}` })
    this.#explainer ??= openSession(buildGradCam(this.model, stages.logits!), sessionOptions(this.#options))
    const session = await this.#explainer
    const wanted = Tensor.float32(
      [1, labels.length],
      Float32Array.from(labels, (_, i) => (i === index ? 1 : 0)),
    )
    const [input] = this.#session.inputs
    const results = await session.run({ [input!.name]: batch, [gradCamPorts.classWeights]: wanted })
    const { dims, data } = results[gradCamPorts.heatmap]!
    return { label: labels[index]!, height: dims[0]!, width: dims[1]!, heatmap: data as Float32Array }
  }

  /** Releases sessions and threads. Safe to call twice. */
  async close(): Promise<void> {
    await this.#session.close()
    // One that did not open has nothing to close.
    await (await this.#explainer?.catch(() => undefined))?.close()
    this.#explainer = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #classification(probabilities: Float32Array, topK: number): Classification {
    const order = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!)
    const top = order.slice(0, topK).map((index) => ({ label: this.metadata.labels[index]!, index, probability: probabilities[index]! }))
    return { task: 'classify', ...top[0]!, top }
  }
}

/** @throws FoveaError MODEL_METADATA where the metadata name another number of classes than the model scores */
function checkPorts({ graph }: Model, { task, labels }: ModelMetadata): void {
  if (task !== 'classify') return
  const type = graph.outputs[0]?.type
  const classes = type?.kind === 'tensor' ? type.dims?.at(-1) : undefined
  if (typeof classes === 'number' && classes !== labels.length)
    throw new FoveaError('MODEL_METADATA', { field: 'fovea.labels', expected: `${classes} labels`, found: `${labels.length}` })
}

function sessionOptions({ device, threads, worker }: LoadOptions): { device?: string; threads?: number; worker?: boolean } {
  return {
    ...(device === undefined ? {} : { device }),
    ...(threads === undefined ? {} : { threads }),
    ...(worker === undefined ? {} : { worker }),
  }
}

async function asImage(picture: Picture): Promise<Image> {
  return isImage(picture) ? picture : loadImage(picture)
}

function isImage(picture: Picture): picture is Image {
  return typeof picture === 'object' && 'width' in picture && 'data' in picture
}

function packTensor(images: readonly Image[]): Tensor {
  const { data, shape } = packBytes(images)
  return new Tensor('uint8', shape, data)
}
