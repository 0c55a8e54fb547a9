import { expect, test } from 'vitest'
import { decodeMask, mergeMasks } from '../../vision/run-lengths.ts'
import { markedSurfaces } from './marked-surfaces.ts'
import { generateSurfaces, surfaceClasses } from './surfaces.ts'

const options = { seed: 3, size: 64, perClass: 4 }

test('marks all that is wrong and nothing else, under the class of the picture', () => {
  const { classes, samples } = markedSurfaces(options)
  expect(classes).toEqual([...surfaceClasses])
  expect(samples).toHaveLength(24)
  const surfaces = new Map([...generateSurfaces(options)].map((surface) => [`${surface.name}.png`, surface]))
  for (const { path, label, annotations = [] } of samples) {
    const { surfaceClass, mask } = surfaces.get(path)!
    expect(classes[label]).toBe(surfaceClass)
    if (surfaceClass === 'good') expect(annotations).toEqual([])
    else expect(annotations.length).toBeGreaterThan(0)
    if (annotations.length === 0) continue
    const marked = decodeMask(mergeMasks(annotations.map((one) => one.mask!)))
    const extra = marked.filter((value, i) => value && mask.data[i] === 0).length
    const missed = [...mask.data].filter((value, i) => value && !marked[i]).length
    // Specks of a few pixels are left out.
    expect([extra, missed < 0.1 * mask.data.filter(Boolean).length + 6]).toEqual([0, true])
    for (const { box, mask: part, label: own } of annotations) {
      expect(own).toBe(label)
      expect(box!.x2 - box!.x1).toBeGreaterThan(0)
      expect(part!.width).toBe(64)
    }
  }
  const parts = samples.filter(({ label }) => ['pit', 'inclusion'].includes(classes[label]!)).map(({ annotations }) => annotations!.length)
  expect(Math.max(...parts)).toBeGreaterThan(1)
})

test('things are told apart where they cross, and a crack is one with its branches', () => {
  const { classes, samples } = markedSurfaces({ seed: 3, size: 64, perClass: 30 })
  const countsOf = (name: string) => [
    ...new Set(samples.filter(({ label }) => classes[label] === name).map(({ annotations }) => annotations!.length)),
  ]
  expect(countsOf('scratch').sort()).toEqual([1, 2])
  expect(countsOf('crack')).toEqual([1])
  expect(countsOf('stain')).toEqual([1])
})
