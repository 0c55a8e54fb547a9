import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wrongField } from '../../../test/wrong-field.ts'
import { Random } from '../../util/random.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { adjustColors } from './color-jitter.ts'
import { applyTransform, isIdentity, normalizationOf, parseTransform, type Transform } from './compose.ts'
import { flipHorizontal, flipVertical } from './flip.ts'
import { transforms as t } from './index.ts'
import { reflect } from './parameters.ts'
import { rotateImage } from './rotation.ts'
import { windowOf } from './window.ts'

const anyImage: fc.Arbitrary<Image> = fc
  .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.constantFrom(1, 3, 4), fc.integer())
  .map(([width, height, channels, seed]) => {
    const random = new Random(seed)
    const data = Uint8Array.from({ length: width * height * channels }, () => random.integer(0, 256))
    return createImage(width, height, channels as 1 | 3 | 4, data)
  })

const everything: Transform[] = [
  t.randomHorizontalFlip(),
  t.randomVerticalFlip(0.3),
  t.randomCrop(undefined, { padding: 3 }),
  t.randomCrop(1, { padding: 1, fill: [1, 2, 3] }),
  t.randomResizedCrop([9, 12]),
  t.randomResizedCrop(undefined, { scale: [0.5, 0.9], interpolation: 'bicubic' }),
  t.randomRotation(30),
  t.randomRotation(180, { fill: [9, 9, 9] }),
  t.colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }),
  t.normalize({ mean: [0.5], std: [0.2] }),
  t.resize(7, { maxSize: 20 }),
  t.resize([5, 9], { interpolation: 'lanczos3' }),
  t.letterbox([9, 12]),
  t.centerCrop(10, { fill: 'reflect' }),
  t.crop({ top: -3, left: 2, height: 8, width: 9 }),
  t.pad([1, 0, 2, 5]),
  t.rotate(33, { expand: true, fill: [1, 2, 3] }),
  t.rotate(-90, { interpolation: 'nearest', center: [3, 4] }),
  t.affine({ degrees: 10, scale: 0.7, shear: [3, -4], center: [1, 2] }),
  t.randomAffine({ degrees: 30, translate: [0.1, 0.2], scale: [0.5, 2], shear: [5, 0] }),
  t.perspective({
    from: [
      [0, 0],
      [9, 0],
      [9, 9],
      [0, 9],
    ],
    to: [
      [1, 1],
      [8, 0],
      [9, 9],
      [0, 7],
    ],
  }),
  t.randomPerspective({ probability: 1, distortion: 1 }),
  t.adjustBrightness(1.4),
  t.adjustContrast(0.4),
  t.adjustSaturation(2),
  t.adjustSharpness(0),
  t.adjustHue(-0.2),
  t.grayscale(),
  t.invert(),
  t.autocontrast(),
  t.equalize(),
  t.posterize(3),
  t.solarize(100.5),
  t.gaussianBlur(5),
  t.gaussianBlur(3, { sigma: 0.7 }),
  t.erase({ top: 1, left: 1, height: 9, width: 3, value: [1, 2, 3] }),
  t.randomErasing({ probability: 1, value: 'noise' }),
  t.randAugment({ operations: 4, magnitude: 30 }),
  t.trivialAugment({ interpolation: 'bilinear' }),
  t.randomApply([t.equalize(), t.randomVerticalFlip()], 0.7),
  t.randomChoice([t.invert(), t.rotate(45)]),
]

describe('every transform', () => {
  test('gives the same bytes for the same seed, a well-formed picture, and leaves its input alone', () => {
    fc.assert(
      fc.property(anyImage, fc.constantFrom(...everything), fc.integer(), (image, transform, seed) => {
        const before = Uint8Array.from(image.data)
        const first = applyTransform(image, transform, new Random(seed))
        const again = applyTransform(image, transform, new Random(seed))
        expect(again.data).toEqual(first.data)
        expect(image.data).toEqual(before)
        expect(first.data.length).toBe(first.width * first.height * first.channels)
        expect(first.channels).toBe(image.channels)
      }),
      { numRuns: 800 },
    )
  })

  test('goes through JSON unchanged', () => {
    const last = everything.filter(({ kind }) => kind !== 'normalize')
    for (const transform of [...everything, t.compose([...last, t.normalize({ mean: [0.5], std: [0.2] })])])
      expect(parseTransform(JSON.parse(JSON.stringify(transform)))).toEqual(transform)
  })

  test('names the figure that is wrong', () => {
    expect(wrongField(() => t.randomHorizontalFlip(1.5))).toBe('probability')
    expect(wrongField(() => t.randomRotation(Number.NaN))).toBe('degrees')
    expect(wrongField(() => t.randomCrop(0))).toBe('size')
    expect(wrongField(() => t.randomCrop(3, { fill: [0, 0, 300] }))).toBe('fill')
    expect(wrongField(() => t.randomResizedCrop(3, { scale: [0.9, 0.5] }))).toBe('scale')
    expect(wrongField(() => t.colorJitter({ hue: 0.6 }))).toBe('hue')
    expect(wrongField(() => t.normalize({ mean: [0, 0, 0], std: [1, 1, 0] }))).toBe('std')
    expect(wrongField(() => t.compose([t.normalize({ mean: [0], std: [1] }), t.randomRotation(3)]))).toBe('compose')
    expect(wrongField(() => parseTransform({ kind: 'toString' }))).toBe('kind')
    expect(wrongField(() => t.gaussianBlur(4))).toBe('kernelSize')
    expect(wrongField(() => t.resize([3, 4], { maxSize: 9 }))).toBe('maxSize')
    expect(wrongField(() => t.rotate(3, { fill: 'reflect' as never }))).toBe('fill')
    const line = [
      [0, 0],
      [1, 1],
      [2, 2],
      [0, 5],
    ] as const
    expect(wrongField(() => t.perspective({ from: line, to: line }))).toBe('perspective')
    expect(wrongField(() => t.randomApply([t.normalize({ mean: [0], std: [1] })]))).toBe('steps')
    expect(wrongField(() => t.randomChoice([]))).toBe('choices')
    expect(wrongField(() => applyTransform(createImage(2, 2, 3), t.randomCrop(5), new Random(0)))).toBe('randomCrop.size')
  })
})

describe('flips', () => {
  test('twice is the identity', () => {
    fc.assert(
      fc.property(anyImage, (image) => {
        expect(flipHorizontal(flipHorizontal(image)).data).toEqual(image.data)
        expect(flipVertical(flipVertical(image)).data).toEqual(image.data)
      }),
    )
  })

  test('mirror what they say', () => {
    const image = createImage(2, 2, 1, Uint8Array.from([1, 2, 3, 4]))
    expect(Array.from(flipHorizontal(image).data)).toEqual([2, 1, 4, 3])
    expect(Array.from(flipVertical(image).data)).toEqual([3, 4, 1, 2])
  })

  test('happen as often as stated', () => {
    const image = createImage(2, 1, 1, Uint8Array.from([1, 2]))
    const random = new Random(5)
    let flipped = 0
    for (let i = 0; i < 2000; i++) flipped += applyTransform(image, t.randomHorizontalFlip(0.3), random).data[0] === 2 ? 1 : 0
    expect(flipped / 2000).toBeCloseTo(0.3, 1)
  })
})

describe('rotation', () => {
  test('by 0 degrees is the identity, by 90 four times too', () => {
    fc.assert(
      fc.property(anyImage, (image) => {
        expect(rotateImage(image, 0).data).toEqual(image.data)
        if (image.width !== image.height) return
        let turned = image
        for (let i = 0; i < 4; i++) turned = rotateImage(turned, 90)
        expect(turned.data).toEqual(image.data)
      }),
    )
  })

  test('by 90 degrees is counter-clockwise', () => {
    const image = createImage(3, 3, 1, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]))
    expect(Array.from(rotateImage(image, 90).data)).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7])
  })

  test('fills the corners', () => {
    const white = createImage(21, 21, 3, new Uint8Array(21 * 21 * 3).fill(255))
    const cut = rotateImage(white, 45, [10, 20, 30])
    expect(Array.from(cut.data.subarray(0, 3))).toEqual([10, 20, 30])
    expect(rotateImage(white, 45, 'reflect').data).toEqual(white.data)
  })
})

describe('crop', () => {
  test('reflect mirrors without repeating the border', () => {
    expect([-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].map((i) => reflect(i, 4))).toEqual([3, 2, 1, 0, 1, 2, 3, 2, 1, 0])
    expect(reflect(-7, 1)).toBe(0)
  })

  test('a window may hang over the border', () => {
    const image = createImage(2, 2, 1, Uint8Array.from([1, 2, 3, 4]))
    expect(Array.from(windowOf(image, -1, 0, 3, 3, [9, 9, 9]).data)).toEqual([9, 9, 9, 1, 2, 9, 3, 4, 9])
    expect(Array.from(windowOf(image, -1, 0, 3, 3, 'reflect').data)).toEqual([3, 4, 3, 1, 2, 1, 3, 4, 3])
  })

  test('what is no transform, or no Random, is refused', () => {
    const image = createImage(4, 4, 1)
    const random = new Random(1)
    const refused = expect.objectContaining({ code: 'DATA_TRANSFORM_INVALID' })
    for (const transform of [undefined, null, {}, [], 'resize', { kind: 'toString' }, { kind: 'resize' }, { kind: 'compose' }, () => image])
      expect(() => applyTransform(image, transform as never, random)).toThrow(refused)
    for (const wrong of [undefined, {}, 7]) expect(() => applyTransform(image, t.randomHorizontalFlip(), wrong as never)).toThrow(refused)
    expect(() => t.randomCrop(3, { padding: 0.5 })).toThrow(refused)
    expect(() => applyTransform(image, { kind: 'randomCrop', padding: 1.5, fill: 'reflect' }, random)).toThrow(refused)
  })

  test('all shifts occur', () => {
    const image = createImage(1, 1, 1, Uint8Array.from([7]))
    const random = new Random(1)
    const seen = new Set<number>()
    for (let i = 0; i < 200; i++) {
      const out = applyTransform(image, t.randomCrop(3, { padding: 2, fill: [0, 0, 0] }), random)
      seen.add(out.data.indexOf(7))
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
  })

  test('a resized crop keeps to scale and ratio', () => {
    // A ramp: the value tells the column, so first and last column tell the width of the part.
    const ramp = createImage(
      100,
      100,
      1,
      Uint8Array.from({ length: 10_000 }, (_, i) => i % 100),
    )
    const random = new Random(3)
    for (let i = 0; i < 100; i++) {
      const out = applyTransform(ramp, t.randomResizedCrop(50, { scale: [0.25, 0.25], ratio: [1, 1] }), random)
      expect([out.width, out.height]).toEqual([50, 50])
      expect(out.data[49]! - out.data[0]!).toBe(49)
    }
  })
})

describe('colour', () => {
  const one = (color: number[], factors: Partial<Parameters<typeof adjustColors>[1]>) =>
    Array.from(
      adjustColors(createImage(1, 1, 3, Uint8Array.from(color)), { brightness: 1, contrast: 1, saturation: 1, hue: 0, ...factors }).data,
    )

  test('factors of one change nothing', () => {
    fc.assert(
      fc.property(anyImage, (image) => {
        expect(adjustColors(image, { brightness: 1, contrast: 1, saturation: 1, hue: 0 }).data).toEqual(image.data)
      }),
    )
  })

  test('brightness scales, saturation 0 leaves luma, contrast 0 the mean', () => {
    expect(one([10, 100, 200], { brightness: 1.5 })).toEqual([15, 150, 255])
    expect(one([10, 100, 200], { saturation: 0 })).toEqual([84, 84, 84])
    const pair = createImage(2, 1, 1, Uint8Array.from([50, 150]))
    expect(Array.from(adjustColors(pair, { brightness: 1, contrast: 0, saturation: 1, hue: 0 }).data)).toEqual([100, 100])
    expect(Array.from(adjustColors(pair, { brightness: 1, contrast: 2, saturation: 1, hue: 0 }).data)).toEqual([0, 200])
  })

  test('hue keeps grey grey and a full turn is none', () => {
    expect(one([90, 90, 90], { hue: 0.3 })).toEqual([90, 90, 90])
    expect(one([200, 80, 120], { hue: 1 })).toEqual([200, 80, 120])
    const [red, green] = one([200, 80, 80], { hue: 1 / 3 })
    expect(green === red).toBe(false)
  })
})

describe('compose', () => {
  test('is flat, does its steps in order, states its normalisation', () => {
    const inner = t.compose([t.randomHorizontalFlip(1), t.randomVerticalFlip(1)])
    const outer = t.compose([inner, t.normalize({ mean: [0.5, 0.5, 0.5], std: [1, 1, 1] })])
    expect(outer.steps.map(({ kind }) => kind)).toEqual(['randomHorizontalFlip', 'randomVerticalFlip', 'normalize'])
    const image = createImage(2, 2, 1, Uint8Array.from([1, 2, 3, 4]))
    expect(Array.from(applyTransform(image, outer, new Random(0)).data)).toEqual([4, 3, 2, 1])
    expect(normalizationOf(outer)?.mean).toEqual([0.5, 0.5, 0.5])
    expect(normalizationOf(inner)).toBeUndefined()
    expect([isIdentity(undefined), isIdentity(t.compose([t.normalize({ mean: [0], std: [1] })])), isIdentity(outer)]).toEqual([
      true,
      true,
      false,
    ])
  })
})

test.each([
  [90, (w: number, _: number, x: number, y: number) => [w - 1 - y, x]],
  [-90, (_: number, h: number, x: number, y: number) => [y, h - 1 - x]],
  [270, (_: number, h: number, x: number, y: number) => [y, h - 1 - x]],
] as const)('a quarter turn of %d degrees that may grow moves pixels onto pixels, whatever the sides', (degrees, from) => {
  for (const [width, height] of [
    [5, 4],
    [4, 4],
    [3, 7],
    [1, 6],
  ] as const) {
    const image = createImage(
      width,
      height,
      3,
      Uint8Array.from({ length: 3 * width * height }, (_, i) => (7 * i) % 251),
      'p',
    )
    for (const interpolation of ['nearest', 'bilinear'] as const) {
      const turned = applyTransform(image, t.rotate(degrees, { expand: true, interpolation }), new Random(1))
      expect([turned.width, turned.height]).toEqual([height, width])
      for (let y = 0; y < width; y++)
        for (let x = 0; x < height; x++) {
          const [oldX, oldY] = from(width, height, x, y) as [number, number]
          expect(turned.data[3 * (y * height + x)]).toBe(image.data[3 * (oldY * width + oldX)])
        }
    }
  }
})

test.each([
  [{ kind: 'colorJitter', brightnes: 0.5 }, 'colorJitter.brightnes'],
  [{ kind: 'randomErasing', p: 1 }, 'randomErasing.p'],
  [{ kind: 'resize', size: 20, max_size: 30 }, 'resize.max_size'],
  [{ kind: 'compose', steps: [{ kind: 'invert', much: true }] }, 'invert.much'],
])('an option that is not known is refused: %j', (given, field) => {
  expect(() => parseTransform(given)).toThrowError(
    expect.objectContaining({
      code: 'DATA_TRANSFORM_INVALID',
      details: expect.objectContaining({ field: expect.stringContaining(field) }),
    }),
  )
})
