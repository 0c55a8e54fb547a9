import { describe, expect, test } from 'vitest'
import { Random } from '../../../util/random.ts'
import { drawFormula, type FormulaScene, formulaClasses, formulaParts, formulaVersion, Painter } from './scene.ts'

const drawn = (count: number, size: number, seed = 0) => Array.from({ length: count }, (_, i) => drawFormula(i, { seed, size }))

/** Rows that belong to the pixels of a plane. */
const rgb = (data: Uint8Array, pixel: number) => [...data.subarray(3 * pixel, 3 * pixel + 3)]

describe('a scene', () => {
  test('depends on its number, the seed and the size alone', () => {
    const forwards = drawn(12, 32)
    const backwards = [...Array(12).keys()].reverse().map((i) => drawFormula(i, { seed: 0, size: 32 }))
    expect(backwards.reverse()).toEqual(forwards)
    expect(drawFormula(3, { seed: 1, size: 32 })).not.toEqual(forwards[3])
    expect(drawFormula(3, { seed: 0, size: 64 }).image.data.subarray(0, 96)).not.toEqual(forwards[3]!.image.data.subarray(0, 96))
  })

  test('of a number and a version stays what it is', () => {
    const mean = (data: Uint8Array) => (data.reduce((sum, value) => sum + value, 0) / data.length).toFixed(1)
    const figures = drawn(6, 64).map((scene) =>
      [scene.shape, scene.textures.join(','), mean(scene.image.data), mean(partOf(scene, objectPart))].join(' '),
    )
    // Another drawing asks for another version: raise it, and write these anew.
    expect({ formulaVersion, figures }).toMatchInlineSnapshot(`
      {
        "figures": [
          "95 104,-1,-1,-1 126.4 0.0",
          "95 54,-1,-1,-1 110.3 0.0",
          "45 79,48,139,150 97.4 18.5",
          "18 5,116,-1,5 126.1 31.1",
          "88 179,45,178,104 103.7 45.3",
          "78 55,-1,-1,139 172.7 65.1",
        ],
        "formulaVersion": 4,
      }
    `)
  })

  test('has labels of all classes, about as many of each', () => {
    const scenes = drawn(1500, 16)
    const share = scenes.filter(isBare).length / scenes.length
    expect(share).toBeGreaterThan(0.3)
    expect(share).toBeLessThan(0.4)
    for (const scene of scenes) expect(scene.textures[objectPart] === -1).toBe(isBare(scene))
    const objects = scenes.filter((scene) => !isBare(scene))
    const shapes = objects.map(({ shape }) => shape)
    expect(dispersion(shapes, formulaClasses.shape - 1)).toBeLessThan(1.4)
    for (const part of [...Array(formulaParts).keys()]) {
      const there = scenes.map(({ textures }) => textures[part]!).filter((texture) => texture !== -1)
      expect(there.length).toBeGreaterThan(200)
      expect(dispersion(there, formulaClasses.texture)).toBeLessThan(1.4)
    }
  })

  test('has a ground of one to three textures, and says where each part is to be seen', () => {
    const scenes = drawn(300, 32)
    const grounds = scenes.map(({ textures }) => textures.slice(0, objectPart).filter((texture) => texture !== -1).length)
    const shares = [1, 2, 3].map((count) => grounds.filter((each) => each === count).length / 300)
    for (const [i, share] of [0.4, 0.36, 0.24].entries()) expect(Math.abs(shares[i]! - share)).toBeLessThan(0.1)
    let hidden = 0
    scenes.forEach((scene, i) => {
      // Grounds come first, without a gap.
      expect(scene.textures.slice(0, grounds[i]).includes(-1)).toBe(false)
      const parts = scene.textures.map((_, part) => partOf(scene, part))
      scene.textures.forEach((texture, part) => {
        if (texture === -1) expect(parts[part]!.every((share) => share === 0)).toBe(true)
      })
      for (let pixel = 0; pixel < 32 * 32; pixel++) {
        const sum = parts.reduce((total, part) => total + part[pixel]!, 0)
        // Each share is rounded by itself.
        expect(sum).toBeLessThanOrEqual(255 + formulaParts / 2)
        if (sum < 250) hidden++
      }
    })
    // Occluders are the only thing that belongs to no part.
    expect(hidden / (300 * 32 * 32)).toBeGreaterThan(0.001)
    expect(hidden / (300 * 32 * 32)).toBeLessThan(0.05)
  })

  test('is grey in four of ten', () => {
    const scenes = drawn(500, 32)
    const grey = scenes.filter(({ image: { data } }) => data.every((value, i) => value === data[i - (i % 3)]))
    expect(grey.length / scenes.length).toBeGreaterThan(0.34)
    expect(grey.length / scenes.length).toBeLessThan(0.46)
  })

  test('covers nothing where it has no object, and a visible part where it has one', () => {
    const scenes = drawn(400, 64)
    const covered = (scene: FormulaScene) => partOf(scene, objectPart).reduce((sum, value) => sum + value, 0) / 255 / 64 ** 2
    const [bare, objects] = [true, false].map((is) => scenes.filter((scene) => isBare(scene) === is))
    expect(bare!.every((scene) => covered(scene) === 0)).toBe(true)
    const shares = objects!.map(covered).sort((a, b) => a - b)
    expect(shares[Math.floor(shares.length / 50)]).toBeGreaterThan(0.01)
    expect(shares[Math.floor(shares.length / 2)]).toBeGreaterThan(0.08)
    expect(shares.at(-1)).toBeLessThan(0.9)
  })

  test('uses the range of a byte without drowning in black and white', () => {
    const scenes = drawn(300, 32)
    const values = scenes.flatMap(({ image }) => [...image.data])
    const clipped = values.filter((value) => value === 0 || value === 255).length / values.length
    expect(clipped).toBeLessThan(0.15)
    const flat = scenes.filter(({ image: { data } }) => Math.max(...data) - Math.min(...data) < 12)
    expect(flat.length).toBeLessThan(0.03 * scenes.length)
  })
})

const objectPart = formulaParts - 1

function isBare({ shape }: FormulaScene): boolean {
  return shape === formulaClasses.shape - 1
}

/** The share of each pixel that a part fills. */
function partOf({ cover }: FormulaScene, part: number): Uint8Array {
  return cover.filter((_, i) => i % formulaParts === part)
}

/** Chi-squared over its degrees of freedom: about 1 where all classes are equally likely. */
function dispersion(labels: readonly number[], classes: number): number {
  const counts = new Float64Array(classes)
  expect(labels.every((label) => Number.isInteger(label) && label >= 0 && label < classes)).toBe(true)
  for (const label of labels) counts[label]!++
  const mean = labels.length / classes
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0) / (classes - 1)
}

describe('the painter', () => {
  const size = 32
  const disc = Float32Array.from({ length: size * size }, (_, i) => Number(Math.hypot((i % size) - 16, Math.floor(i / size) - 16) < 9))
  const nothing = new Float32Array(size * size)
  const everywhere = new Float32Array(size * size).fill(1)

  test('paints within its layer and nowhere else', () => {
    let inside = 0
    for (let seed = 0; seed < 30; seed++) {
      const paintings = [disc, nothing].map((cover) => {
        const painter = new Painter(new Random(seed), size)
        painter.paint(seed % 20, everywhere, everywhere, 1)
        painter.paint((seed * 7) % 20, cover, cover, 1)
        return painter.develop()
      })
      for (let i = 0; i < disc.length; i++) {
        // A camera's blur reaches one pixel beyond the border.
        const near = Math.hypot((i % size) - 16, Math.floor(i / size) - 16) < 11
        const same = String(rgb(paintings[0]!, i)) === String(rgb(paintings[1]!, i))
        if (!near) expect(same).toBe(true)
        else if (!same) inside++
      }
    }
    expect(inside).toBeGreaterThan(0.5 * 30 * disc.reduce((sum, value) => sum + value, 0))
  })

  test('takes from the parts what it lays before them', () => {
    let taken = 0
    for (let seed = 0; seed < 20; seed++) {
      const painter = new Painter(new Random(seed), size)
      const cover = Float32Array.from(disc)
      painter.occlude([cover])
      for (let i = 0; i < disc.length; i++) {
        expect(cover[i]).toBeGreaterThanOrEqual(0)
        expect(cover[i]).toBeLessThanOrEqual(disc[i]!)
        taken += disc[i]! - cover[i]!
      }
    }
    expect(taken).toBeGreaterThan(0)
  })
})
