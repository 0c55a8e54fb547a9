// The scenes of a pretraining: drawn once by formula, kept in memory, shown again mirrored and under other light.

import { FormulaPool } from '../../data/synthetic/formula/index.ts'
import { Tensor } from '../../graph/tensor.ts'
import { Random } from '../../util/random.ts'
import { maskStride, type PretrainRecipe } from './options.ts'

export interface SceneBatch {
  /** uint8 [N, H, W, 3] */
  readonly images: Tensor
  readonly shape: Int32Array
  readonly texture: Int32Array
  readonly fill: Int32Array
  /** Share of each cell that the object covers: float32 [N, 1, H / 8, W / 8]. */
  readonly mask: Tensor
}

/** Number of the first scene that is held out: no training reaches it. */
const firstHeldOut = 2 ** 30

/** Batches asked for ahead of the one in use. */
const ahead = 3

/**
 * All scenes of a recipe. Scene i depends on the seed and i alone; how it is varied depends on the seed, the epoch and i. So the same
 * position always gives the same batch, whether a scene was kept or is drawn again after a break.
 */
export class Scenes {
  readonly batchesPerEpoch: number
  readonly #recipe: PretrainRecipe
  readonly #pool: FormulaPool
  readonly #sceneBytes: number
  readonly #cells: number
  readonly #images: Uint8Array
  readonly #masks: Uint8Array
  readonly #labels: Record<'shape' | 'texture' | 'fill', Int32Array>
  readonly #drawn: Uint8Array

  /** @param drawers threads that draw */
  constructor(recipe: PretrainRecipe, drawers: number) {
    const { imageSize, scenes, batchSize, seed } = recipe
    this.#recipe = recipe
    this.#sceneBytes = imageSize ** 2 * 3
    this.#cells = (imageSize / maskStride) ** 2
    this.#pool = new FormulaPool({ seed, size: imageSize, maskStride, threads: drawers })
    this.batchesPerEpoch = Math.floor(scenes / batchSize)
    this.#images = new Uint8Array(scenes * this.#sceneBytes)
    this.#masks = new Uint8Array(scenes * this.#cells)
    this.#labels = { shape: new Int32Array(scenes), texture: new Int32Array(scenes), fill: new Int32Array(scenes) }
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
      yield this.#batchOf(drawn.images, drawn.mask, drawn)
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
    const [pixels, cells] = [this.#sceneBytes, this.#cells]
    const images = new Uint8Array(numbers.length * pixels)
    const masks = new Uint8Array(numbers.length * cells)
    numbers.forEach((number, i) => {
      const [image, mask] = [images.subarray(i * pixels, (i + 1) * pixels), masks.subarray(i * cells, (i + 1) * cells)]
      const [fromImage, fromMask] = [slice(this.#images, number, pixels), slice(this.#masks, number, cells)]
      // What is seen for the first time needs no variation.
      const random = new Random(this.#recipe.seed, 'variation', epoch, number)
      const turn = epoch === 0 ? 0 : random.integer(0, turns)
      turnPixels(fromImage, image, 3, turn)
      turnPixels(fromMask, mask, 1, turn)
      if (epoch > 0) relight(image, random)
    })
    const pick = (labels: Int32Array) => Int32Array.from(numbers, (number) => labels[number]!)
    const { shape, texture, fill } = this.#labels
    return this.#batchOf(images, masks, { shape: pick(shape), texture: pick(texture), fill: pick(fill) })
  }

  #batchOf(images: Uint8Array, masks: Uint8Array, { shape, texture, fill }: Record<'shape' | 'texture' | 'fill', Int32Array>): SceneBatch {
    const { imageSize } = this.#recipe
    const side = imageSize / maskStride
    return {
      images: new Tensor('uint8', [shape.length, imageSize, imageSize, 3], images),
      mask: Tensor.float32(
        [shape.length, 1, side, side],
        Float32Array.from(masks, (cover) => cover / 255),
      ),
      shape,
      texture,
      fill,
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
        this.#masks.set(drawn.mask, start * this.#cells)
        for (const name of ['shape', 'texture', 'fill'] as const) this.#labels[name].set(drawn[name], start)
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
