import { describe, expect, test } from 'vitest'
import { Random } from '../../../util/random.ts'
import { drawFormula, formulaClasses, formulaVersion, Painter } from './scene.ts'

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
    const mean = (data: Uint8Array) => data.reduce((sum, value) => sum + value, 0) / data.length
    const figures = drawn(6, 64).map(({ shape, texture, fill, image, mask }) =>
      [shape, texture, fill, mean(image.data).toFixed(1), mean(mask).toFixed(1)].join(' '),
    )
    // Another drawing asks for another version: raise it, and write these anew.
    expect({ formulaVersion, figures }).toMatchInlineSnapshot(`
      {
        "figures": [
          "95 4 4 134.6 0.0",
          "95 60 60 139.1 0.0",
          "64 161 166 172.2 35.7",
          "95 174 174 145.0 0.0",
          "49 155 130 133.4 35.7",
          "5 81 55 152.6 29.8",
        ],
        "formulaVersion": 3,
      }
    `)
  })

  test('has labels of all classes, about as many of each', () => {
    const scenes = drawn(1500, 16)
    const bare = formulaClasses.shape - 1
    const share = scenes.filter(({ shape }) => shape === bare).length / scenes.length
    expect(share).toBeGreaterThan(0.1)
    expect(share).toBeLessThan(0.5)
    for (const { shape, texture, fill } of scenes) if (shape === bare) expect(fill).toBe(texture)
    const objects = scenes.filter(({ shape }) => shape !== bare)
    expect(
      dispersion(
        objects.map(({ shape }) => shape),
        bare,
      ),
    ).toBeLessThan(1.4)
    expect(
      dispersion(
        scenes.map(({ texture }) => texture),
        formulaClasses.texture,
      ),
    ).toBeLessThan(1.4)
    expect(
      dispersion(
        objects.map(({ fill }) => fill),
        formulaClasses.texture,
      ),
    ).toBeLessThan(1.4)
  })

  test('is grey in four of ten', () => {
    const scenes = drawn(500, 32)
    const grey = scenes.filter(({ image: { data } }) => data.every((value, i) => value === data[i - (i % 3)]))
    expect(grey.length / scenes.length).toBeGreaterThan(0.34)
    expect(grey.length / scenes.length).toBeLessThan(0.46)
  })

  test('covers nothing where it has no object, and a visible part where it has one', () => {
    const scenes = drawn(400, 64)
    const covered = ({ mask }: { mask: Uint8Array }) => mask.reduce((sum, value) => sum + value, 0) / 255 / mask.length
    const [bare, objects] = [true, false].map((is) => scenes.filter(({ shape }) => (shape === formulaClasses.shape - 1) === is))
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

  test('changes the picture within the mask and nowhere else', () => {
    let inside = 0
    for (let seed = 0; seed < 30; seed++) {
      const paintings = [disc, nothing].map((cover) => {
        const painter = new Painter(new Random(seed), size)
        painter.cover(seed % 20, cover, 1)
        painter.paint((seed * 7) % 20, cover, 1)
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

  test('takes from the mask what it lays before the object', () => {
    let taken = 0
    for (let seed = 0; seed < 20; seed++) {
      const painter = new Painter(new Random(seed), size)
      const cover = Float32Array.from(disc)
      painter.occlude(cover)
      for (let i = 0; i < disc.length; i++) {
        expect(cover[i]).toBeGreaterThanOrEqual(0)
        expect(cover[i]).toBeLessThanOrEqual(disc[i]!)
        taken += disc[i]! - cover[i]!
      }
    }
    expect(taken).toBeGreaterThan(0)
  })
})
