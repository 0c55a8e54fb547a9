// Fits a detector of anomalies to good pictures: one ONNX file with a memory of patches (PatchCore: Roth et al. 2022, arXiv:2106.08265).

import { join } from 'node:path'
import { type ImageDataset, readableHashes } from '../../../data/dataset.ts'
import { loadImage } from '../../../data/decode.ts'
import { writeFileAtomically } from '../../../data/files.ts'
import { VisionDataLoader } from '../../../data/vision-data-loader.ts'
import { dataInputs } from '../../../graph/analysis.ts'
import { encodeModelChunks } from '../../../graph/codec/encode.ts'
import type { Model } from '../../../graph/model.ts'
import { Tensor } from '../../../graph/tensor.ts'
import { takesAnySize } from '../../../model/front.ts'
import { addAnomalyHead, type PatchLayer } from '../../../model/heads/anomaly.ts'
import { readMetadata, writeMetadata } from '../../../model/metadata.ts'
import { openSource } from '../../../model/open-source.ts'
import { firstModelVersion } from '../../../model/version.ts'
import { FoveaError } from '../../../util/errors.ts'
import type { BatchSource } from '../../batches.ts'
import { invalid } from '../../check-options.ts'
import { trainFiles } from '../../loop.ts'
import { plainRecipe } from '../../recipe-record.ts'
import { inTrainingFolder } from '../../training-folder.ts'
import { fitThreshold } from './extreme-value.ts'
import { type FitPlan, fitBank } from './fit.ts'
import { type AnomalyRecipe, type AnomalyTrainOptions, defaultAnomalyModel, resolveAnomalyRecipe, suitingSize } from './options.ts'

export interface AnomalyTrainResult {
  /** Path of the detector, `OUT/model.onnx`. */
  readonly file: string
  readonly model: Model
  readonly recipe: AnomalyRecipe
  readonly figures: AnomalyFigures
  /** Of every good picture, against the patches of the others. */
  readonly scores: readonly number[]
  /** Pictures that could not be read. */
  readonly failures: BatchSource['failures']
}

export interface AnomalyFigures {
  /** Good pictures that were read. */
  readonly samples: number
  /** Patches that were gathered, and remembered. */
  readonly candidates: number
  readonly patches: number
  /** Above which score a picture is anomalous, and a pixel odd. */
  readonly threshold: number
  readonly pixelThreshold: number
  readonly seconds: number
}

/**
 * Fits a detector to good pictures; it never sees a fault. The same options, pictures, machine and thread count give the same file.
 *
 * ```ts
 * const { file } = await new AnomalyTrainer({ good, out: 'runs/parts' }).run()
 * const model = await DeepSeekVision.load(file, { task: 'anomaly' })
 * const { isAnomalous, score, regions } = await model.predict('part.png')
 * ```
 */
export class AnomalyTrainer {
  readonly #options: AnomalyTrainOptions

  constructor(options: AnomalyTrainOptions) {
    this.#options = options
  }

  /** @throws FoveaError TRAIN_OPTION, TRAIN_EXISTS, MODEL_*, DATA_*, RUNTIME_*, FILE_WRITE, CANCELLED */
  async run(): Promise<AnomalyTrainResult> {
    return inTrainingFolder(
      { ...this.#options, resume: false },
      () => undefined,
      () => this.#fit(),
    )
  }

  async #fit(): Promise<AnomalyTrainResult> {
    const started = performance.now()
    const { good, goodName, out, signal, onEvent = () => undefined } = this.#options
    const { source, recipe, notes } = await this.#begin()
    for (const text of notes) onEvent({ kind: 'note', text })
    onEvent({ kind: 'plan', recipe })
    const plan = planOf(recipe)
    const loader = new VisionDataLoader(good, {
      preprocessing: readMetadata(source).preprocessing,
      batchSize: recipe.batchSize,
      workers: 1,
      onError: this.#options.onError ?? 'skip',
    })
    try {
      const pictures = {
        count: recipe.samples,
        batches: async function* () {
          for await (const { images, shape } of loader.batches(signal ? { signal } : {})) yield new Tensor('uint8', shape, images)
        },
      }
      const fitted = await fitBank(source, plan, pictures, {
        signal,
        onProgress: (stage, done, total) => onEvent({ kind: 'progress', stage, done, total }),
      })
      const samples = fitted.scores.length
      const { falseAlarmRate, threshold: by } = recipe
      const [score, cell] = [fitThreshold(fitted.scores, falseAlarmRate), fitThreshold(fitted.peaks, falseAlarmRate)]
      if (samples * falseAlarmRate < 1)
        onEvent({
          kind: 'note',
          text: `${samples} good pictures cannot show what happens once in ${Math.round(1 / falseAlarmRate)}: the thresholds are ${by === 'extreme' && score.extreme !== score.quantile ? 'extrapolated' : 'about the highest score seen'}.`,
        })
      const { projection, bank } = fitted
      const { layers, scoring } = plan
      const headed = addAnomalyHead(source, {
        layers,
        projection,
        bank,
        scoring,
        limits: { falseAlarmRate, by, samples, score, cell },
        ...(goodName === undefined ? {} : { good: goodName }),
      })
      const model = await this.#finished(headed, recipe, samples)
      const file = join(out, trainFiles.model)
      await writeFileAtomically(file, encodeModelChunks(model).parts)
      const failures = uniqueFailures(loader)
      const figures = {
        samples,
        candidates: fitted.candidates,
        patches: bank.dims[0],
        threshold: score[by],
        pixelThreshold: cell[by],
        seconds: (performance.now() - started) / 1000,
      }
      return { file, model, recipe, figures, scores: fitted.scores, failures }
    } finally {
      await loader.close()
    }
  }

  /** The model that gives the patches, at the size that is asked for. */
  async #begin(): Promise<{ source: Model; recipe: AnomalyRecipe; notes: readonly string[] }> {
    const { model: name = defaultAnomalyModel, good, imageSize, architecture, hub, input, shipped, signal } = this.#options
    // Wrong options are told before anything is opened.
    resolveAnomalyRecipe(this.#options, [64, 64])
    const { model, notes } = await openSource(name, {
      ...(input && { input }),
      ...(architecture === undefined ? {} : { architecture }),
      ...(shipped === undefined ? {} : { shipped }),
      hub: { ...hub, ...(signal === undefined ? {} : { signal }) },
    })
    const { name: _, version: __, ...contract } = readMetadata(model)
    const fixed = takesAnySize(model) ? undefined : contract.preprocessing.size
    const suiting = fixed ?? (imageSize === undefined ? suitingSize(await medianSize(good)) : [64, 64])
    const recipe = resolveAnomalyRecipe(this.#options, suiting as readonly [number, number])
    if (fixed?.some((side, i) => side !== recipe.imageSize[i]))
      throw invalid('imageSize', `${fixed.join('x')}, which the model is fixed to`, recipe.imageSize.join('x'))
    // A model that was built for one number of pictures at a time is given no other.
    const type = model.graph.inputs.find(({ name }) => name === dataInputs(model.graph)[0])?.type
    const batch = type?.kind === 'tensor' && typeof type.dims?.[0] === 'number' ? type.dims[0] : recipe.batchSize
    const source = writeMetadata(model, { ...contract, preprocessing: { ...contract.preprocessing, size: recipe.imageSize } })
    return { source, recipe: { ...recipe, batchSize: batch }, notes }
  }

  async #finished(model: Model, recipe: AnomalyRecipe, samples: number): Promise<Model> {
    const { good, modelVersion: version = firstModelVersion, signal } = this.#options
    const trained = (await readableHashes(good.samples, signal)).flatMap((hash) => (hash === undefined ? [] : [hash.slice(0, 16)]))
    const metadata = readMetadata(model)
    return writeMetadata(model, { ...metadata, version, recipe: { ...plainRecipe(recipe), samples }, split: { held: [], trained } })
  }
}

function planOf(recipe: AnomalyRecipe): FitPlan {
  const { layers, context, neighbours, smoothing, share, ...rest } = recipe
  const maps = layers.map((layer): PatchLayer & { weight: number; whiten: boolean } => ({ layer, weight: 1, whiten: false }))
  // Colours vary together with the light: whitened, a change of hue counts as much as one of lightness.
  const colours = context > 0 ? [{ layer: 'pixels', relative: true, weight: context, whiten: true }] : []
  return { ...rest, layers: [...maps, ...colours], scoring: { neighbours, smoothing, share }, mostPatches: 5_000, dimensions: 32 }
}

/** Pictures are read twice; what cannot be read is told once. */
function uniqueFailures({ failures }: VisionDataLoader): BatchSource['failures'] {
  return [...new Map(failures.map(({ path, message }) => [path, { path, reason: message }])).values()]
}

/** Pictures that are opened to learn how large they are. */
const opened = 9

async function medianSize({ samples }: ImageDataset): Promise<readonly [number, number]> {
  const step = Math.max(1, Math.floor(samples.length / opened))
  const some = samples.filter((_, i) => i % step === 0).slice(0, opened)
  const sizes = (
    await Promise.all(some.map(({ image, path }) => (image === undefined ? loadImage(path).catch(() => undefined) : image)))
  ).flatMap((image) => (image === undefined ? [] : [image]))
  if (sizes.length === 0) throw new FoveaError('DATA_NO_IMAGES', { expected: 'good pictures that can be read', found: 'none of the first' })
  const median = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]!
  return [median(sizes.map(({ height }) => height)), median(sizes.map(({ width }) => width))]
}
