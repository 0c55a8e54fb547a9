import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crowdBackgrounds } from './backgrounds.ts'
import { type CrowdOptions, crowdAnnotations, crowdDataset, generateCrowd } from './crowd.ts'
import { crowdFigures } from './figures.ts'
import { type CrowdPoint, crowdLayouts } from './layouts.ts'

const small = { width: 96, height: 64 } as const

describe('every layout', () => {
  test.each(crowdLayouts)('%s: exactly so many points, all inside, far ones first', (layout) => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.integer({ min: 0, max: 150 }), fc.integer({ min: 32, max: 200 }), (seed, count, width) => {
        const { points, image } = generateCrowd({ seed, count, layout, width, height: 48, background: 'plain', clutter: 0 })
        expect(points.length).toBe(count)
        for (const { x, y, size } of points) {
          expect(x >= 0 && x < width && y >= 0 && y < 48).toBe(true)
          expect(size).toBeGreaterThan(0)
        }
        expect(points.map(({ y }) => y)).toEqual(points.map(({ y }) => y).sort((a, b) => a - b))
        expect([image.width, image.height, image.channels]).toEqual([width, 48, 3])
      }),
      { numRuns: 25 },
    )
  })

  test('heads keep their distance where there is room', () => {
    for (const layout of crowdLayouts.filter((name) => name !== 'grid'))
      for (let seed = 0; seed < 5; seed++) {
        const { points } = generateCrowd({ seed, layout, count: 25, size: 8, perspective: 0 })
        expect(nearest(points), `${layout} ${seed}`).toBeGreaterThanOrEqual(0.85 * 8)
      }
  })

  test('families differ as they should: how far the next one is, against chance', () => {
    // Clark & Evans (1954): mean distance to the nearest over that of chance, 1 for uniform places, lower for clusters, higher for a grid.
    const ratio = (layout: CrowdOptions['layout']) => {
      let sum = 0
      for (let seed = 0; seed < 20; seed++) {
        const { points, image } = generateCrowd({
          seed,
          layout,
          count: 80,
          size: 3,
          perspective: 0,
          background: 'plain',
          ...small,
          width: 192,
          height: 192,
        })
        const distances = points.map((one) =>
          Math.min(...points.filter((other) => other !== one).map((other) => Math.hypot(one.x - other.x, one.y - other.y))),
        )
        sum += distances.reduce((a, b) => a + b) / points.length / (0.5 * Math.sqrt((image.width * image.height) / points.length)) / 20
      }
      return sum
    }
    const uniform = ratio('uniform')
    expect(uniform).toBeGreaterThan(0.95)
    expect(uniform).toBeLessThan(1.2)
    expect(ratio('grid')).toBeGreaterThan(uniform + 0.3)
    for (const layout of ['clustered', 'queues', 'ring', 'groups'] as const) expect(ratio(layout), layout).toBeLessThan(uniform - 0.25)
  })
})

function nearest(points: readonly CrowdPoint[]): number {
  return Math.min(...points.flatMap((one, i) => points.slice(i + 1).map((other) => Math.hypot(one.x - other.x, one.y - other.y))))
}

describe('seeds', () => {
  test('the same options give the same bytes and points, another seed others', () => {
    const bytes = (seed: number) => Buffer.from(generateCrowd({ seed, ...small }).image.data).toString('base64')
    expect(bytes(3)).toBe(bytes(3))
    expect(bytes(3)).not.toBe(bytes(4))
  })

  test('ground and figures move nobody, and a choice that is given changes no other', () => {
    const options = { seed: 5, count: 30, ...small }
    const { points, layout, figure } = generateCrowd(options)
    for (const background of crowdBackgrounds)
      for (const one of crowdFigures) expect(generateCrowd({ ...options, background, figure: one, clutter: 3 }).points).toEqual(points)
    expect(generateCrowd({ ...options, background: 'tiles' })).toMatchObject({ layout, figure })
  })

  test('families can be held out', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const { layout, background, figure } = generateCrowd({
        seed,
        count: 3,
        ...small,
        layout: ['uniform', 'grid'],
        background: ['plain'],
        figure: 'discs',
      })
      seen.add(`${layout} ${background} ${figure}`)
    }
    expect([...seen].sort()).toEqual(['grid plain discs', 'uniform plain discs'])
    const all = new Set(Array.from({ length: 100 }, (_, seed) => generateCrowd({ seed, count: 1, ...small }).layout))
    expect([...all].sort()).toEqual([...crowdLayouts].sort())
  })
})

describe('the picture', () => {
  test.each(crowdFigures)('%s: there is a head at each point, and nothing where nobody is', (figure) => {
    for (let seed = 0; seed < 6; seed++) {
      const options = {
        seed,
        figure,
        background: 'plain',
        clutter: 0,
        size: 16,
        width: 240,
        height: 180,
        layout: 'grid',
        perspective: 0,
      } as const
      const [full, empty] = [generateCrowd({ ...options, count: 12 }), generateCrowd({ ...options, count: 0 })]
      expect(empty.points).toEqual([])
      const changed = (x: number, y: number) => {
        const at = (Math.floor(y) * 240 + Math.floor(x)) * 3
        return [0, 1, 2].reduce((sum, c) => sum + Math.abs(full.image.data[at + c]! - empty.image.data[at + c]!), 0)
      }
      // A head may have the colour of the ground in places; of its middle 5 x 5 pixels most differ.
      const heads = full.points.map(({ x, y }) => {
        let sum = 0
        for (let dy = -2; dy <= 2; dy++)
          for (let dx = -2; dx <= 2; dx++) sum += changed(Math.min(239, Math.max(0, x + dx)), Math.min(179, Math.max(0, y + dy)))
        return sum / 25
      })
      expect(heads.filter((difference) => difference > 15).length).toBeGreaterThanOrEqual(11)
      let untouched = 0
      for (let i = 0; i < full.image.data.length; i++) if (full.image.data[i] === empty.image.data[i]) untouched++
      expect(untouched).toBeGreaterThan(0.15 * full.image.data.length)
    }
  })

  test.each(crowdBackgrounds)('%s is drawn, and seeds differ', (background) => {
    const bare = (seed: number) => generateCrowd({ seed, count: 0, clutter: 0, background, ...small }).image.data
    expect(new Set(bare(1)).size).toBeGreaterThan(5)
    expect(bare(1)).not.toEqual(bare(2))
  })
})

test('as a data set: a keypoint for each head, of one class', () => {
  const { classes, samples } = crowdDataset({ pictures: 3, seed: 10, count: 7, ...small })
  expect(classes).toEqual(['person'])
  expect(samples.map(({ path }) => path)).toEqual(['crowd_000010.png', 'crowd_000011.png', 'crowd_000012.png'])
  const crowd = generateCrowd({ seed: 11, count: 7, ...small })
  expect(samples[1]).toMatchObject({ label: -1, annotations: crowdAnnotations(crowd) })
  expect(samples[1]!.image!.data).toEqual(crowd.image.data)
  expect(samples[1]!.annotations![0]).toEqual({ label: 0, keypoints: [{ x: crowd.points[0]!.x, y: crowd.points[0]!.y, visibility: 2 }] })
})

test.each([
  ['seed', { seed: Number.NaN }],
  ['width', { width: 8 }],
  ['height', { height: 1.5 }],
  ['count', { count: -1 }],
  ['count', { count: 1e9 }],
  ['layout', { layout: 'mob' as 'grid' }],
  ['layout', { layout: [] }],
  ['background', { background: 'sea' as 'plain' }],
  ['figure', { figure: ['cats' as 'discs'] }],
  ['size', { size: 1 }],
  ['size', { size: 1000 }],
  ['perspective', { perspective: 2 }],
  ['clutter', { clutter: -1 }],
])('%s: what is refused', (field, options: CrowdOptions) => {
  expect(() => generateCrowd(options)).toThrowError(
    expect.objectContaining({ code: 'DATA_OPTION_INVALID', details: expect.objectContaining({ field }) }),
  )
})
