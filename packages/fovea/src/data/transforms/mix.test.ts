import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import { createImage, filledImage } from '../../vision/image.ts'
import { blendSamples, cutMix, drawPartners, joinMosaic, mixBatch, mixUp, mosaic, parseMix, type SoftBatch, softLabels } from './mix.ts'

/** Picture i is of the value 50 i throughout and of class i. */
function batchOf(count: number): SoftBatch {
  const images = Uint8Array.from({ length: count * 8 * 10 * 3 }, (_, i) => 50 * Math.floor(i / 240))
  return {
    images,
    shape: [count, 8, 10, 3],
    targets: softLabels(
      Int32Array.from({ length: count }, (_, i) => i),
      count,
    ),
  }
}

describe('mixes of a batch', () => {
  test('labels keep the sum of one and say what the pictures show', () => {
    fc.assert(
      fc.property(fc.constantFrom(mixUp(), mixUp({ alpha: 0.2 }), cutMix(), cutMix({ alpha: 5 })), fc.integer(), (mix, seed) => {
        const batch = batchOf(4)
        const { images, targets } = mixBatch(batch, mix, new Random(seed))
        for (let i = 0; i < 4; i++) {
          const row = Array.from(targets.subarray(i * 4, i * 4 + 4))
          expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6)
          const mean = images.subarray(i * 240, (i + 1) * 240).reduce((sum, value) => sum + value, 0) / 240
          expect(Math.abs(mean - row.reduce((sum, value, k) => sum + value * 50 * k, 0))).toBeLessThanOrEqual(0.51)
        }
        expect(mixBatch(batch, mix, new Random(seed))).toEqual({ ...batch, images, targets })
        expect(batch).toEqual(batchOf(4))
      }),
    )
  })

  test('a cut pastes the picture before, in one rectangle', () => {
    const { images } = mixBatch(batchOf(3), cutMix(), new Random(4))
    for (let i = 0; i < 3; i++) {
      const values = new Set(images.subarray(i * 240, (i + 1) * 240))
      expect([...values].every((value) => value === 50 * i || value === 50 * ((i + 2) % 3))).toBe(true)
    }
  })

  test('nothing is mixed without a partner or by chance', () => {
    const one = batchOf(1)
    expect(mixBatch(one, mixUp(), new Random(0))).toBe(one)
    const two = batchOf(2)
    expect(mixBatch(two, mixUp({ probability: 0 }), new Random(0))).toBe(two)
  })

  test('parts follow the beta distribution', () => {
    // Variance of Beta(a, a) is 1 / (4 (2 a + 1)).
    for (const alpha of [0.2, 1, 4]) {
      const random = new Random('beta', alpha)
      const batch: SoftBatch = { images: new Uint8Array(2), shape: [2, 1, 1, 1], targets: softLabels([0, 1], 2) }
      const parts = Array.from({ length: 3000 }, () => mixBatch(batch, mixUp({ alpha }), random).targets[0]!)
      const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length
      const variance = parts.reduce((sum, part) => sum + (part - mean) ** 2, 0) / parts.length
      expect(mean).toBeCloseTo(0.5, 1)
      expect(variance * 4 * (2 * alpha + 1)).toBeCloseTo(1, 0.9)
    }
  })

  test('unknown labels are no class; wrong ones are told', () => {
    expect(Array.from(softLabels([1, -1], 2))).toEqual([0, 1, 0, 0])
    expect(() => softLabels([2], 2)).toThrow('labels')
  })
})

describe('mosaic', () => {
  const colors = [10, 80, 150, 220]
  const samples = colors.map((value, label) => ({
    image: filledImage(30 + label, 20, [value, value, value]),
    annotations: [{ label, box: { x1: 0, y1: 0, x2: 30 + label, y2: 20 } }],
    labelMap: { width: 30 + label, height: 20, data: new Uint8Array((30 + label) * 20).fill(label), unknown: 255 },
  }))

  test('each box and each label lie over the picture they belong to', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const { image, annotations, labelMap } = joinMosaic(samples, mosaic([40, 60]), new Random(seed), { minVisible: 0 })
        expect([image.width, image.height, annotations.length]).toEqual([60, 40, 4])
        const wanted = Array.from({ length: 60 * 40 }, () => [114, 255])
        for (const { label, box } of annotations)
          for (let y = Math.round(box!.y1); y < Math.round(box!.y2); y++)
            for (let x = Math.round(box!.x1); x < Math.round(box!.x2); x++) wanted[y * 60 + x] = [colors[label]!, label]
        expect(wanted.map((_, i) => [image.data[i * 3], labelMap!.data[i]])).toEqual(wanted)
      }),
      { numRuns: 30 },
    )
  })

  test('zoomed pictures fill their corners, and boxes are cut where their pictures are', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom([1, 2] as const, [2, 3] as const, [0.5, 0.8] as const), (seed, zoom) => {
        const { image, annotations, labelMap } = joinMosaic(samples, mosaic([40, 60], { zoom }), new Random(seed), { minVisible: 0 })
        expect([image.width, image.height]).toEqual([60, 40])
        const wanted = Array.from({ length: 60 * 40 }, () => [114, 255])
        for (const { label, box } of annotations)
          for (let y = Math.round(box!.y1); y < Math.round(box!.y2); y++)
            for (let x = Math.round(box!.x1); x < Math.round(box!.x2); x++) {
              expect(wanted[y * 60 + x]).toEqual([114, 255])
              wanted[y * 60 + x] = [colors[label]!, label]
            }
        expect(wanted.map((_, i) => [image.data[i * 3], labelMap!.data[i]])).toEqual(wanted)
        // At twice a quarter something of each is seen.
        if (zoom[0] === 2) expect(annotations).toHaveLength(4)
      }),
      { numRuns: 30 },
    )
    const seen = Array.from({ length: 40 }, (_, seed) => {
      const point = { label: 0, keypoints: [{ x: 15, y: 10, visibility: 2 as const }] }
      const dotted = samples.map((sample) => ({ ...sample, annotations: [point] }))
      return joinMosaic(dotted, mosaic([40, 60], { zoom: [2, 2] }), new Random(seed)).annotations.length
    })
    // The middle of a picture that is seen in part lies in that part or does not.
    expect(Math.min(...seen)).toBeLessThan(4)
    expect(Math.max(...seen)).toBeGreaterThan(1)
  })

  test('partners are others, and by seed', () => {
    for (let seed = 0; seed < 50; seed++) {
      const partners = drawPartners(3, 5, 3, new Random(seed))
      expect(partners.every((i) => i !== 3 && i >= 0 && i < 5)).toBe(true)
      expect(drawPartners(3, 5, 3, new Random(seed))).toEqual(partners)
    }
    expect(drawPartners(0, 1, 3, new Random(0))).toEqual([0, 0, 0])
  })

  test('takes four samples', () => {
    expect(() => joinMosaic(samples.slice(1), mosaic(40), new Random(0))).toThrow('four samples')
  })
})

test('two samples blend and keep both annotations', () => {
  const of = (value: number, label: number) => ({ image: createImage(1, 1, 1, Uint8Array.of(value)), annotations: [{ label }] })
  const { image, annotations } = blendSamples(of(100, 1), of(200, 2), 0.25)
  expect([image.data[0], annotations.map(({ label }) => label)]).toEqual([175, [1, 2]])
  expect(() => blendSamples(of(1, 1), { image: createImage(2, 1, 1), annotations: [] }, 0.5)).toThrow('2x1')
})

test('mixes go through JSON', () => {
  for (const mix of [mixUp(), cutMix({ alpha: 0.3 }), mosaic([40, 60], { probability: 0.5 }), mosaic(40, { zoom: [1, 2] })])
    expect(parseMix(JSON.parse(JSON.stringify(mix)))).toEqual(mix)
  expect(() => parseMix({ kind: 'blend' })).toThrow('mixUp')
})
