// The scenes of a pretraining: drawn once by formula, kept in memory, shown again mirrored and under other light.

import { type FormulaBatch, FormulaPool, formulaParts } from '../../data/synthetic/formula/index.ts'
import { Tensor } from '../../graph/tensor.ts'
import { Random } from '../../util/random.ts'
import type { BatchSource } from '../batches.ts'
import { cellStride, type PretrainRecipe } from './options.ts'

export interface SceneBatch {
  /** uint8 [N, H, W, 3] */
  readonly images: Tensor
  readonly shape: Int32Array
  /** Class of each part's texture, -1 where a part is not there: int64 [N, parts]. */
  readonly textures: Tensor
  /** Share of each cell that each part fills, the object last: float32 [N, parts, H / 8, W / 8]. */
  readonly cover: Tensor
}

/** Number of the first scene that is held out: no training reaches it. */
const firstHeldOut = 2 ** 30

/** Batches asked for ahead of the one in use. */
const ahead = 3

/**
 * All scenes of a recipe. Scene i depends on the seed and i alone; how it is varied depends on the seed, the epoch and i. So the same
 * position always gives the same batch, whether a scene was kept or is drawn again after a break.
 */
export class Scenes implements BatchSource<SceneBatch> {
  readonly batchesPerEpoch: number
  /** None: nothing is read. */
  readonly failures = []
  readonly #recipe: PretrainRecipe
  readonly #pool: FormulaPool
  readonly #sceneBytes: number
  readonly #coverBytes: number
  readonly #images: Uint8Array
  readonly #covers: Uint8Array
  readonly #shapes: Int32Array
  readonly #textures: Int32Array
  readonly #drawn: Uint8Array

  /** @param drawers threads that draw */
  constructor(recipe: PretrainRecipe, drawers: number) {
    const { imageSize, scenes, batchSize, seed } = recipe
    this.#recipe = recipe
    this.#sceneBytes = imageSize ** 2 * 3
    this.#coverBytes = (imageSize / cellStride) ** 2 * formulaParts
    this.#pool = new FormulaPool({ seed, size: imageSize, cellStride, threads: drawers })
    this.batchesPerEpoch = Math.floor(scenes / batchSize)
    this.#images = new Uint8Array(scenes * this.#sceneBytes)
    this.#covers = new Uint8Array(scenes * this.#coverBytes)
    this.#shapes = new Int32Array(scenes)
    this.#textures = new Int32Array(scenes * formulaParts)
    this.#drawn = new Uint8Array(scenes)
  }

  /** The batches of an epoch from a position on, made ahead while the one before is in use. */
  async *batches(epoch: number, from: number, signal?: AbortSignal): AsyncGenerator<SceneBatch> {
    const order = this.#order(epoch)
    const { batchSize } = this.#recipe
    const waiting: Promise<SceneBatch>[] = []
    for (let batch = from, next = from; batch < this.batchesPerEpoch; batch++) {
      for (; next < this.batchesPerEpoch && waiting.length < ahead; next++) {
        const made = this.#make(order.subarray(next * batchSize, (next + 1) * batchSize), epoch, signal)
        // It is awaited later, if at all.
        made.catch(() => undefined)
        waiting.push(made)
      }
      yield await waiting.shift()!
    }
  }

  /** The scenes that no epoch shows, as they are drawn, in batches; the last one may be smaller. */
  async *heldOut(signal?: AbortSignal): AsyncGenerator<SceneBatch> {
    const { heldOut, batchSize } = this.#recipe
    for (let at = 0; at < heldOut; at += batchSize) {
      const drawn = await this.#pool.batch(firstHeldOut + at, Math.min(batchSize, heldOut - at), signal)
      yield this.#batchOf(drawn)
    }
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  /** Scenes are independent of one another, so the first epoch takes them in the order in which they are drawn. */
  #order(epoch: number): Uint32Array {
    const { scenes, seed } = this.#recipe
    return epoch === 0 ? Uint32Array.from({ length: scenes }, (_, i) => i) : new Random(seed, 'scenes', epoch).permutation(scenes)
  }

  async #make(numbers: Uint32Array, epoch: number, signal: AbortSignal | undefined): Promise<SceneBatch> {
    await this.#draw(numbers, signal)
    const [pixels, cells] = [this.#sceneBytes, this.#coverBytes]
    const count = numbers.length
    const images = new Uint8Array(count * pixels)
    const cover = new Uint8Array(count * cells)
    const textures = new Int32Array(count * formulaParts)
    numbers.forEach((number, i) => {
      const [image, parts] = [slice(images, i, pixels), slice(cover, i, cells)]
      // What is seen for the first time needs no variation.
      const random = new Random(this.#recipe.seed, 'variation', epoch, number)
      const turn = epoch === 0 ? 0 : random.integer(0, turns)
      turnPixels(slice(this.#images, number, pixels), image, 3, turn)
      turnPixels(slice(this.#covers, number, cells), parts, formulaParts, turn)
      if (epoch > 0) relight(image, random)
      textures.set(this.#textures.subarray(number * formulaParts, (number + 1) * formulaParts), i * formulaParts)
    })
    return this.#batchOf({ images, shape: Int32Array.from(numbers, (number) => this.#shapes[number]!), textures, cover })
  }

  #batchOf({ images, shape, textures, cover }: FormulaBatch): SceneBatch {
    const { imageSize } = this.#recipe
    const [count, side] = [shape.length, imageSize / cellStride]
    const cells = side * side
    const planes = new Float32Array(count * formulaParts * cells)
    for (let i = 0, at = 0; i < count; i++)
      for (let part = 0; part < formulaParts; part++)
        for (let cell = 0; cell < cells; cell++) planes[at++] = cover[(i * cells + cell) * formulaParts + part]! / 255
    return {
      images: new Tensor('uint8', [count, imageSize, imageSize, 3], images),
      shape,
      textures: Tensor.int64([count, formulaParts], [...textures]),
      cover: Tensor.float32([count, formulaParts, side, side], planes),
    }
  }

  /** Draws what is not there yet, neighbours in one go. */
  async #draw(numbers: Uint32Array, signal: AbortSignal | undefined): Promise<void> {
    const missing = numbers.filter((number) => this.#drawn[number] === 0)
    const runs: { start: number; count: number }[] = []
    for (const number of missing) {
      const last = runs.at(-1)
      if (last !== undefined && last.start + last.count === number) last.count++
      else runs.push({ start: number, count: 1 })
    }
    await Promise.all(
      runs.map(async ({ start, count }) => {
        const drawn = await this.#pool.batch(start, count, signal)
        this.#images.set(drawn.images, start * this.#sceneBytes)
        this.#covers.set(drawn.cover, start * this.#coverBytes)
        this.#shapes.set(drawn.shape, start)
        this.#textures.set(drawn.textures, start * formulaParts)
        this.#drawn.fill(1, start, start + count)
      }),
    )
  }
}

function slice(memory: Uint8Array, number: number, length: number): Uint8Array {
  return memory.subarray(number * length, (number + 1) * length)
}

/** The four quarter turns of a square, each plain and mirrored. */
const turns = 8

/** Turns a square picture of interleaved channels: bit 0 mirrors left to right, bit 1 top to bottom, bit 2 at the diagonal. */
function turnPixels(from: Uint8Array, to: Uint8Array, channels: number, turn: number): void {
  const side = Math.sqrt(from.length / channels)
  for (let y = 0, at = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [u, v] = [(turn & 1) === 0 ? x : side - 1 - x, (turn & 2) === 0 ? y : side - 1 - y]
      const start = ((turn & 4) === 0 ? v * side + u : u * side + v) * channels
      for (let c = 0; c < channels; c++) to[at++] = from[start + c]!
    }
}

/** Another exposure and another lamp: a gain and an offset for all channels, and a little for each. */
function relight(image: Uint8Array, random: Random): void {
  const [gain, offset] = [random.uniform(0.75, 1.3), random.uniform(-24, 24)]
  const tables = [0, 1, 2].map(() => {
    const factor = gain * random.uniform(0.92, 1.08)
    return Uint8ClampedArray.from({ length: 256 }, (_, value) => (value - 128) * factor + 128 + offset)
  })
  for (let i = 0; i < image.length; i++) image[i] = tables[i % 3]![image[i]!]!
}
