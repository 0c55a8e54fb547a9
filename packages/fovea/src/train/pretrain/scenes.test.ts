import { describe, expect, test } from 'vitest'
import { drawBatch } from '../../data/synthetic/formula/batch.ts'
import { formulaParts } from '../../data/synthetic/formula/scene.ts'
import { cellStride, resolvePretraining } from './options.ts'
import { type SceneBatch, Scenes } from './scenes.ts'

const recipe = resolvePretraining({ model: 'small-cnn', out: '', scenes: 22, batchSize: 4, imageSize: 32, heldOut: 6, seed: 3, threads: 1 })

/** The batches of an epoch from a position on, by scenes that were just opened. */
async function collect(epoch: number, from: number): Promise<SceneBatch[]> {
  return withScenes((scenes) => all(scenes.batches(epoch, from)))
}

async function all(batches: AsyncIterable<SceneBatch>): Promise<SceneBatch[]> {
  const list: SceneBatch[] = []
  for await (const batch of batches) list.push(batch)
  return list
}

async function withScenes<T>(work: (scenes: Scenes) => Promise<T>): Promise<T> {
  const scenes = new Scenes(recipe, 2)
  try {
    return await work(scenes)
  } finally {
    await scenes.close()
  }
}

const whole = drawBatch({ start: 0, count: recipe.scenes }, { seed: recipe.seed, size: 32, cellStride })
const pixels = 32 * 32 * 3
const cells = 16

/** The parts of a scene as they were drawn, one plane behind the other, and the classes of their textures. */
function drawnParts(number: number): { cover: Float32Array; textures: number[] } {
  const from = number * cells * formulaParts
  return {
    cover: Float32Array.from(
      { length: formulaParts * cells },
      (_, i) => whole.cover[from + (i % cells) * formulaParts + Math.floor(i / cells)]! / 255,
    ),
    textures: [...whole.textures.subarray(number * formulaParts, (number + 1) * formulaParts)],
  }
}

/** The same of one scene of a batch. */
function partsOf({ textures, cover }: SceneBatch, i: number): { cover: Float32Array; textures: number[] } {
  const length = formulaParts * cells
  return {
    cover: (cover.data as Float32Array).slice(i * length, (i + 1) * length),
    textures: [...(textures.data as BigInt64Array).subarray(i * formulaParts, (i + 1) * formulaParts)].map(Number),
  }
}

describe('scenes', () => {
  test('come first as they are drawn, in their order, in full batches', async () => {
    const batches = await collect(0, 0)
    expect(batches.length).toBe(5)
    batches.forEach((batch, at) => {
      expect(batch.images.dims).toEqual([4, 32, 32, 3])
      expect(batch.textures.dims).toEqual([4, formulaParts])
      expect(batch.cover.dims).toEqual([4, formulaParts, 4, 4])
      expect(batch.images.data).toEqual(whole.images.subarray(4 * at * pixels, 4 * (at + 1) * pixels))
      expect(batch.shape).toEqual(whole.shape.slice(4 * at, 4 * at + 4))
      for (let i = 0; i < 4; i++) expect(partsOf(batch, i)).toEqual(drawnParts(4 * at + i))
    })
  })

  test('are the same at a position whether the epoch began there or the program did', async () => {
    const inOneGo = await withScenes(async (scenes) => {
      const epochs: SceneBatch[][] = []
      for (const epoch of [0, 1, 2]) epochs.push(await all(scenes.batches(epoch, 0)))
      return epochs
    })
    expect(await collect(1, 3)).toEqual(inOneGo[1]!.slice(3))
    expect(await collect(2, 0)).toEqual(inOneGo[2])
    expect(inOneGo[2]).not.toEqual(inOneGo[1])
  })

  test('are shown again turned together with their parts, under other light, with their labels', async () => {
    const turned = new Set<number>()
    for (const batch of (await Promise.all([1, 2, 3].map((epoch) => collect(epoch, 0)))).flat())
      batch.shape.forEach((label, i) => {
        const image = (batch.images.data as Uint8Array).subarray(i * pixels, (i + 1) * pixels)
        const { number, turn, likeness } = original(image)
        expect(likeness).toBeGreaterThan(0.8)
        expect(label).toBe(whole.shape[number])
        const [shown, drawn] = [partsOf(batch, i), drawnParts(number)]
        expect(shown.textures).toEqual(drawn.textures)
        expect(shown.cover).toEqual(drawn.cover.map((_, at) => drawn.cover[at - (at % cells) + turnedIndex(at % cells, 4, turn)]!))
        turned.add(turn)
      })
    expect(turned.size).toBe(8)
  })

  test('that are held out are none of those that are trained on', async () => {
    const held = await withScenes((scenes) => all(scenes.heldOut()))
    expect(held.map(({ shape }) => shape.length)).toEqual([4, 2])
    const drawn = new Set(Array.from({ length: recipe.scenes }, (_, i) => String(whole.images.subarray(i * pixels, (i + 1) * pixels))))
    for (const { images, shape } of held)
      shape.forEach((_, i) => {
        expect(drawn.has(String((images.data as Uint8Array).subarray(i * pixels, (i + 1) * pixels)))).toBe(false)
      })
  })
})

/** Which scene this is, and how it was turned: the pair whose lightness runs most alike, whatever the light. */
function original(image: Uint8Array): { number: number; turn: number; likeness: number } {
  let best = { number: -1, turn: -1, likeness: -1 }
  for (let number = 0; number < recipe.scenes; number++)
    for (let turn = 0; turn < 8; turn++) {
      const from = whole.images.subarray(number * pixels, (number + 1) * pixels)
      const likeness = correlation(1024, (i) => [image[3 * i + 1]!, from[3 * turnedIndex(i, 32, turn) + 1]!])
      if (likeness > best.likeness) best = { number, turn, likeness }
    }
  return best
}

/** Where a place of the turned square lay before. */
function turnedIndex(place: number, side: number, turn: number): number {
  const [x, y] = [place % side, Math.floor(place / side)]
  const [u, v] = [(turn & 1) === 0 ? x : side - 1 - x, (turn & 2) === 0 ? y : side - 1 - y]
  return (turn & 4) === 0 ? v * side + u : u * side + v
}

function correlation(count: number, pair: (i: number) => readonly [number, number]): number {
  let [a, b, aa, bb, ab] = [0, 0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const [x, y] = pair(i)
    a += x
    b += y
    aa += x * x
    bb += y * y
    ab += x * y
  }
  return (ab - (a * b) / count) / Math.sqrt(Math.max(1e-9, (aa - (a * a) / count) * (bb - (b * b) / count)))
}
