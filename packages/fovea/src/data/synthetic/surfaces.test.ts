import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import type { Image } from '../../vision/image.ts'
import { classCounts } from '../dataset.ts'
import { loadImage } from '../decode.ts'
import { openImageFolder } from '../image-folder.ts'
import { drawSurface, generateSurfaces, type SurfaceClass, surfaceClasses, surfaceDataset, writeSurfaces } from './surfaces.ts'

const mean = ({ data }: Image) => data.reduce((sum, v) => sum + v, 0) / data.length

test('the same seed draws the same set, another seed another one', () => {
  const bytes = (seed: number) =>
    Buffer.concat([...generateSurfaces({ seed, perClass: 2 })].flatMap(({ image, mask }) => [image.data, mask.data]))
  expect(bytes(1)).toEqual(bytes(1))
  expect(bytes(1)).not.toEqual(bytes(2))
})

test('a picture does not depend on how many are drawn', () => {
  const few = [...generateSurfaces({ perClass: 2, classes: ['pit'] })]
  const many = [...generateSurfaces({ perClass: 5, classes: ['crack', 'pit'] })]
  expect(few[1]).toEqual(many.find(({ name }) => name === 'pit_0002'))
})

test.each(surfaceClasses)('%s: the mask marks the defect, of any size of picture', (surfaceClass) => {
  for (const size of [32, 64, 100]) {
    for (let i = 0; i < 10; i++) {
      const { image, mask } = drawSurface(surfaceClass, size, new Random(size, i))
      expect([image.width, image.height, image.channels, mask.channels]).toEqual([size, size, 3, 1])
      const marked = mask.data.filter((v) => v === 255).length / mask.data.length
      expect(mask.data.every((v) => v === 0 || v === 255)).toBe(true)
      if (surfaceClass === 'good') expect(marked).toBe(0)
      else expect(marked).toBeGreaterThan(0.001)
      expect(marked).toBeLessThan(0.6)
    }
  }
})

test('a defect differs from the same bare surface inside its mask, and hardly outside', () => {
  for (const surfaceClass of ['scratch', 'pit', 'stain', 'crack', 'inclusion'] as SurfaceClass[]) {
    // Texture is drawn first, so the same state gives the same bare surface; tint and noise differ a little after it.
    let inside = 0
    let outside = 0
    for (let i = 0; i < 20; i++) {
      const { image, mask } = drawSurface(surfaceClass, 64, new Random(9, i))
      const bare = drawSurface('good', 64, new Random(9, i)).image
      const difference = (value: number) => {
        let sum = 0
        let count = 0
        mask.data.forEach((v, p) => {
          if (v !== value) return
          count++
          sum += Math.abs(image.data[p * 3 + 1]! - bare.data[p * 3 + 1]!)
        })
        return sum / Math.max(1, count)
      }
      inside += difference(255)
      outside += difference(0)
    }
    expect(inside, surfaceClass).toBeGreaterThan(1.5 * outside)
  }
})

test('mean brightness does not tell the classes apart', () => {
  const values = new Map<string, number[]>(surfaceClasses.map((name) => [name, []]))
  for (const { surfaceClass, image } of generateSurfaces({ perClass: 60 })) values.get(surfaceClass)!.push(mean(image))
  const average = (list: number[]) => list.reduce((a, b) => a + b) / list.length
  const centers = [...values.values()].map(average)
  const spread = Math.sqrt(average([...values.values()].flatMap((list, i) => list.map((v) => (v - centers[i]!) ** 2))))
  // The centres of the classes lie within one standard deviation of a single class.
  expect(Math.max(...centers) - Math.min(...centers)).toBeLessThan(spread)
})

test('is written as an ImageFolder, with masks beside it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'fovea-surfaces-'))
  try {
    const options = { perClass: 5, size: 32, seed: 3 }
    expect(await writeSurfaces(join(root, 'images'), { ...options, maskFolder: join(root, 'masks') })).toBe(30)
    const { classes, splits } = await openImageFolder(join(root, 'images'))
    expect(classes).toEqual(surfaceClasses)
    expect(classCounts(splits.val!)).toEqual([1, 1, 1, 1, 1, 1])
    const stored = await loadImage(join(root, 'images/stain/stain_0002.png'))
    const memory = surfaceDataset(options).samples.find(({ path }) => path === 'stain_0002.png')
    expect(stored.data).toEqual(memory!.image!.data)
    expect((await openImageFolder(join(root, 'masks'))).classes).toEqual(surfaceClasses.filter((name) => name !== 'good'))
    await expect(writeSurfaces(root, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
  } finally {
    await rm(root, { recursive: true })
  }
})

test('wrong options are named', () => {
  expect(() => [...generateSurfaces({ size: 8 })]).toThrowError(/"size"/)
  expect(() => [...generateSurfaces({ perClass: 0 })]).toThrowError(/"perClass"/)
  expect(() => [...generateSurfaces({ classes: ['rust' as SurfaceClass] })]).toThrowError(/"classes"/)
})
