import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { drawSteps, type Transform } from './compose.ts'
import { transforms as t } from './index.ts'
import { mergeSteps } from './merge.ts'
import { geometryOfSteps } from './sample.ts'
import type { Step } from './step.ts'

function noise(width: number, height: number, channels: 1 | 3 | 4): Image {
  const random = new Random('noise', width, height, channels)
  return createImage(
    width,
    height,
    channels,
    Uint8Array.from({ length: width * height * channels }, () => random.integer(0, 256)),
  )
}

const run = (image: Image, steps: readonly Step[]) => steps.reduce((current, step) => step.apply(current), image)

const mirrors: Transform[] = [t.randomHorizontalFlip(1), t.randomVerticalFlip(1)]
const interpolation = fc.constantFrom('nearest', 'bilinear', 'bicubic', 'lanczos3' as const)
const sizing: fc.Arbitrary<Transform> = fc.oneof(
  fc
    .tuple(fc.integer({ min: 3, max: 60 }), fc.integer({ min: 3, max: 60 }), interpolation)
    .map(([h, w, i]) => t.resize([h, w], { interpolation: i })),
  fc.tuple(fc.integer({ min: 3, max: 60 }), interpolation).map(([side, i]) => t.randomResizedCrop(side, { interpolation: i })),
)
const anyStep = fc.oneof(
  fc.constantFrom<Transform>(...mirrors, t.centerCrop([9, 11]), t.crop({ top: 1, left: 2, height: 13, width: 9 }), t.centerCrop([14, 8])),
  sizing,
  fc.constantFrom<Transform>(t.colorJitter({ brightness: 0.3 }), t.pad(2), t.rotate(20)),
)
const picture = fc.tuple(fc.integer({ min: 16, max: 50 }), fc.integer({ min: 16, max: 50 }), fc.constantFrom(1, 3, 4 as const))

test('without a mirror before a resize, merged steps give the same bytes', () => {
  fc.assert(
    fc.property(picture, fc.array(anyStep, { minLength: 1, maxLength: 5 }), fc.nat(), ([width, height, channels], transforms, seed) => {
      const image = noise(width, height, channels)
      const steps = drawSteps(t.compose(transforms), image, new Random(seed))
      const merged = mergeSteps(steps)
      const [single, joined] = [run(image, steps), run(image, merged)]
      expect([joined.width, joined.height, joined.channels]).toEqual([single.width, single.height, single.channels])
      if (!mirrorsBeforeResize(steps)) expect(farthest(joined.data, single.data)).toBe(0)
      const [one, all] = [geometryOfSteps(merged), geometryOfSteps(steps)]
      expect([one?.from, one?.to]).toEqual([all?.from, all?.to])
      expect(farthest(one?.matrix ?? [], all?.matrix ?? [])).toBeLessThan(1e-9)
    }),
    { numRuns: 200 },
  )
})

test('with one, within 1 of 255', () => {
  fc.assert(
    fc.property(
      picture,
      fc.constantFrom(...mirrors),
      sizing,
      fc.constantFrom(...mirrors),
      fc.nat(),
      ([width, height, channels], a, b, c, seed) => {
        const image = noise(width, height, channels)
        const steps = drawSteps(t.compose([a, b, c]), image, new Random(seed))
        // Nearest takes one of two neighbours that are equally near.
        fc.pre(!JSON.stringify(b).includes('nearest'))
        const [single, joined] = [run(image, steps), run(image, mergeSteps(steps))]
        expect(farthest(single.data, joined.data)).toBeLessThanOrEqual(1)
      },
    ),
    { numRuns: 100 },
  )
})

test('a random resized crop with a mirror is one step; colours and borders stay steps of their own', () => {
  const image = noise(40, 30, 3)
  const count = (...list: Transform[]) => mergeSteps(drawSteps(t.compose(list), image, new Random(3))).length
  expect(count(t.randomResizedCrop(16), t.randomHorizontalFlip(1))).toBe(1)
  expect(count(t.resize(20), t.centerCrop(16), t.randomHorizontalFlip(1), t.randomVerticalFlip(1))).toBe(1)
  expect(
    count(
      t.randomResizedCrop(16),
      t.randomHorizontalFlip(1),
      t.colorJitter({ contrast: 0.2 }),
      t.crop({ top: 0, left: 0, height: 5, width: 5 }),
    ),
  ).toBe(3)
  expect(count(t.pad(3), t.resize(20))).toBe(2)
  expect(count(t.resize(20), t.resize(10))).toBe(2)
})

function mirrorsBeforeResize(steps: readonly Step[]): boolean {
  const kinds = steps.map(({ merge }) => merge?.kind)
  return kinds.some((kind, i) => (kind === 'mirrorX' || kind === 'mirrorY') && kinds.slice(i).includes('resize'))
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  let most = 0
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!))
  return most
}
