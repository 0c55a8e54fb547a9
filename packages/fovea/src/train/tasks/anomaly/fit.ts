// From good pictures to a detector: patches are gathered, scaled and thinned out, then every picture is scored against the patches of the others.

import { GraphBuilder } from '../../../graph/builder.ts'
import { copyModel } from '../../../graph/copy.ts'
import type { Model } from '../../../graph/model.ts'
import { Tensor } from '../../../graph/tensor.ts'
import { type AnomalyScoring, emitAnswers, type PatchLayer, type PatchModel, patchModel } from '../../../model/heads/anomaly.ts'
import { emitPatchRows, type Projection } from '../../../nn/anomaly/patches.ts'
import { Emitter } from '../../../nn/emitter.ts'
import { openSession, type Session } from '../../../runtime/session.ts'
import { FoveaError } from '../../../util/errors.ts'
import { Random } from '../../../util/random.ts'
import { chooseCoreset, type Rows } from './coreset.ts'
import { type ChannelGroup, projectionOf, projectRows } from './projection.ts'

export interface FitPlan {
  readonly layers: readonly (PatchLayer & Pick<ChannelGroup, 'weight' | 'whiten'>)[]
  readonly position: number
  readonly scoring: AnomalyScoring
  /** Patches that are gathered, of which the remembered ones are chosen. */
  readonly candidates: number
  /** The part of them that is remembered, 0 to 1. */
  readonly coreset: number
  /** The most that are remembered. */
  readonly mostPatches: number
  /** Dimensions in which the coreset is chosen. */
  readonly dimensions: number
  readonly seed: number
  readonly device: string
  readonly threads: number
}

/** Good pictures as the model takes them, in batches; the same pictures in the same order at each call. */
export interface GoodPictures {
  readonly count: number
  batches(): AsyncIterable<Tensor>
}

export interface FitHooks {
  readonly signal?: AbortSignal | undefined
  readonly onProgress: (stage: 'patches' | 'coreset' | 'scores', done: number, total: number) => void
}

/** What good pictures look like, and how odd each is beside the others. */
export interface FittedBank {
  readonly projection: Projection
  readonly bank: { readonly data: Float32Array; readonly dims: readonly [number, number] }
  readonly candidates: number
  /** Of every picture, against the patches of the others. */
  readonly scores: readonly number[]
  /** The highest value of every picture's map. */
  readonly peaks: readonly number[]
}

/** What is far beyond any distance, squared. */
const away = 1e30

/** @throws FoveaError MODEL_LAYER, MODEL_SCORES, DATA_NO_IMAGES, RUNTIME_*, CANCELLED; TRAIN_OPTION where all remembered patches are of one picture */
export async function fitBank(source: Model, plan: FitPlan, pictures: GoodPictures, hooks: FitHooks): Promise<FittedBank> {
  const patches = patchModel(source, plan.layers)
  const gathered = await gather(patches, plan, pictures, hooks)
  const groups = plan.layers.map(({ weight, whiten }, i) => ({ channels: patches.maps[i]!.channels, weight, whiten }))
  const projection = projectionOf(gathered.rows, groups, plan.position)
  const rows = projectRows(gathered.rows, projection, gathered.cells, patches.grid)
  const size = Math.max(plan.scoring.neighbours + 1, Math.min(plan.mostPatches, Math.round(plan.coreset * rows.count)))
  const { seed, dimensions } = plan
  const onProgress = (done: number, total: number) => hooks.onProgress('coreset', done, total)
  const chosen = await chooseCoreset(rows, { size, seed, dimensions, signal: hooks.signal, onProgress })
  const data = new Float32Array(chosen.length * rows.width)
  chosen.forEach((row, i) => {
    data.set(rows.data.subarray(row * rows.width, (row + 1) * rows.width), i * rows.width)
  })
  const bank = { data, dims: [chosen.length, rows.width] as const }
  const owners = Float32Array.from(chosen, (row) => gathered.owners[row]!)
  return { projection, bank, candidates: rows.count, ...(await scoreOthers(patches, plan, projection, bank, owners, pictures, hooks)) }
}

interface Gathered {
  readonly rows: Rows
  /** Which picture each row is of. */
  readonly owners: Uint32Array
  /** Where in the grid it was. */
  readonly cells: Uint32Array
}

/** As many patches of each picture as its share of the candidates, at places drawn by seed. */
async function gather(patches: PatchModel, plan: FitPlan, pictures: GoodPictures, hooks: FitHooks): Promise<Gathered> {
  const cellCount = patches.grid.height * patches.grid.width
  const width = patches.maps.reduce((sum, { channels }) => sum + channels, 0)
  const each = Math.min(cellCount, Math.max(1, Math.ceil(plan.candidates / pictures.count)))
  const data = new Float32Array(pictures.count * each * width)
  const owners = new Uint32Array(pictures.count * each)
  const cells = new Uint32Array(pictures.count * each)
  let done = 0
  await eachBatch(patches.model, plan, pictures, hooks, async (session, images) => {
    const features = (await session.run({ [session.inputs[0]!.name]: images }))[patches.features]!.data as Float32Array
    for (let i = 0; i < images.dims[0]!; i++, done++) {
      const places = new Random(plan.seed, 'places', done).permutation(cellCount).subarray(0, each)
      places.sort()
      places.forEach((cell, k) => {
        const at = done * each + k
        owners[at] = done
        cells[at] = cell
        for (let c = 0; c < width; c++) data[at * width + c] = features[(i * width + c) * cellCount + cell]!
      })
    }
    hooks.onProgress('patches', done, pictures.count)
  })
  if (done < 2)
    throw new FoveaError('DATA_NO_IMAGES', {
      expected: 'at least two good pictures that can be read',
      found: `${done} of ${pictures.count}`,
    })
  const count = done * each
  return {
    rows: { data: data.subarray(0, count * width), count, width },
    owners: owners.subarray(0, count),
    cells: cells.subarray(0, count),
  }
}

/**
 * Scores every picture while the patches that are its own are kept away: as it would be scored had it not been learnt, without a second detector. No
 * picture is set apart, so that all of them tell where the thresholds lie.
 */
async function scoreOthers(
  { model, features, grid }: PatchModel,
  plan: FitPlan,
  projection: Projection,
  bank: FittedBank['bank'],
  owners: Float32Array,
  pictures: GoodPictures,
  hooks: FitHooks,
): Promise<Pick<FittedBank, 'scores' | 'peaks'>> {
  const scoring = copyModel(model)
  scoring.graph.outputs = []
  const b = new GraphBuilder({ graph: scoring.graph, opset: scoring.opsets.get('') ?? 1 })
  const e = new Emitter(b)
  const rows = emitPatchRows(e, features, grid, projection, 'projection')
  const picture = b.input('picture', 'float32', ['N', 1, 1])
  const own = b.op('Equal', [picture, b.weight('owners', Tensor.float32([1, 1, owners.length], owners))])
  const { scores, map } = emitAnswers(e, rows, { name: 'bank', ...bank }, grid, plan.scoring, e.mul(e.float(own), away))
  const outputs = [
    b.output(scores),
    b.output(b.op('ReduceMax', [b.op('Flatten', [map], { axis: 1 }), b.ints([1])], { keepdims: 0 })),
  ] as const
  const found = { scores: [] as number[], peaks: [] as number[] }
  await eachBatch(scoring, plan, pictures, hooks, async (session, images) => {
    const [from, count] = [found.scores.length, images.dims[0]!]
    const numbers = Float32Array.from({ length: count }, (_, i) => from + i)
    const results = await session.run({ [session.inputs[0]!.name]: images, [picture]: Tensor.float32([count, 1, 1], numbers) })
    found.scores.push(...(results[outputs[0]]!.data as Float32Array))
    found.peaks.push(...(results[outputs[1]]!.data as Float32Array))
    hooks.onProgress('scores', found.scores.length, pictures.count)
  })
  const bad = found.scores.find((score) => Number.isNaN(score))
  if (bad !== undefined) throw new FoveaError('MODEL_SCORES', { field: features, found: `${bad} for a good picture` })
  const lost = found.peaks.findIndex((peak) => !(peak < Math.sqrt(away) / 1e3))
  if (lost >= 0)
    throw new FoveaError('TRAIN_OPTION', {
      field: 'coreset',
      expected: `at least ${plan.scoring.neighbours} remembered patches of other pictures than any one`,
      found: `${bank.dims[0]} patches, too many of them of picture ${lost}`,
    })
  return found
}

async function eachBatch(
  model: Model,
  { device, threads }: FitPlan,
  pictures: GoodPictures,
  { signal }: FitHooks,
  run: (session: Session, images: Tensor) => Promise<void>,
): Promise<void> {
  const session = await openSession(model, { device, threads })
  try {
    for await (const images of pictures.batches()) {
      if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
      await run(session, images)
    }
  } finally {
    await session.close()
  }
}
