import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wrongField } from '../../../test/wrong-field.ts'
import { Random } from '../../util/random.ts'
import type { Annotation, Box, Polygon, RunLengths } from '../../vision/annotation.ts'
import { invert3, movePoint } from '../../vision/geometry/matrix.ts'
import { boundsOf, isInside } from '../../vision/geometry/polygon.ts'
import { RunWriter } from '../../vision/geometry/run-writer.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { maskBounds, visitRuns } from '../../vision/run-lengths.ts'
import { drawSteps, type Transform } from './compose.ts'
import { transforms as t } from './index.ts'
import { type AnnotatedImage, applySteps, fiveCrop, geometryOfSteps, transformSample } from './sample.ts'

const [width, height] = [40, 30]

const black = [0, 0, 0] as const

const geometric: Transform[] = [
  t.randomHorizontalFlip(1),
  t.randomVerticalFlip(1),
  t.resize(20),
  t.resize([50, 33]),
  t.letterbox([32, 48]),
  t.randomCrop([20, 25], { padding: 4, fill: black }),
  t.centerCrop([20, 60]),
  t.pad([1, 2, 3, 4]),
  t.randomResizedCrop([24, 24]),
  t.randomRotation(40, { fill: black }),
  t.rotate(25, { expand: true }),
  t.randomAffine({ degrees: 20, translate: [0.1, 0.2], scale: [0.7, 1.4], shear: [10, 10] }),
  t.randomPerspective({ probability: 1 }),
  t.randAugment({ operations: 3 }),
  t.trivialAugment(),
]

const anyTransform = fc.oneof(
  fc.constantFrom(...geometric),
  fc
    .array(fc.constantFrom(...geometric.filter(({ kind }) => kind !== 'randomCrop')), { minLength: 2, maxLength: 3 })
    .map((steps) => t.compose(steps)),
)

/** A convex outline inside the picture. */
const anyOutline: fc.Arbitrary<Polygon> = fc
  .tuple(
    fc.double({ min: 8, max: 32, noNaN: true }),
    fc.double({ min: 7, max: 23, noNaN: true }),
    fc.double({ min: 3, max: 7, noNaN: true }),
    fc.integer({ min: 3, max: 9 }),
  )
  .map(([x, y, radius, corners]) =>
    Array.from({ length: corners }, (_, i) => (2 * Math.PI * i) / corners).flatMap((a) => [
      x + radius * Math.cos(a),
      y + radius * Math.sin(a),
    ]),
  )

/** The mask of the pixels whose centres an outline holds. */
function maskOf(outline: Polygon, size: { readonly width: number; readonly height: number }): RunLengths {
  const writer = new RunWriter()
  for (let x = 0; x < size.width; x++)
    for (let y = 0; y < size.height; y++)
      if (outline.length > 0 && isInside(outline, x + 0.5, y + 0.5)) writer.add(x * size.height + y, x * size.height + y + 1)
  return writer.finish(size.width, size.height)
}

function sampleOf(...annotations: Annotation[]): AnnotatedImage {
  return { image: createImage(width, height, 3), annotations }
}

const boxOf = (outline: Polygon): Box => boundsOf([outline])!

function corners({ x1, y1, x2, y2 }: Box): number[] {
  return [x1, y1, x2, y2]
}

function expectClose(found: readonly number[], wanted: readonly number[], within = 1e-6): void {
  expect(found.length).toBe(wanted.length)
  found.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!)).toBeLessThanOrEqual(within)
  })
}

describe('annotations move with the picture', () => {
  test('a flip twice is the identity for all of them', () => {
    fc.assert(
      fc.property(anyOutline, fc.boolean(), (outline, horizontal) => {
        const flip = horizontal ? t.randomHorizontalFlip(1) : t.randomVerticalFlip(1)
        const mask = maskOf(outline, { width, height })
        const box = boxOf(outline)
        const annotation: Annotation = {
          label: 3,
          box,
          orientedBox: [4, 2, 8, 5, 5, 9, 1, 6],
          polygons: [outline],
          mask,
          keypoints: [
            { x: 3, y: 4, visibility: 2 },
            { x: 0, y: 0, visibility: 0 },
          ],
          area: 12,
          id: 7,
        }
        const labelMap = { width, height, data: Uint8Array.from({ length: width * height }, (_, i) => i % 7), unknown: 255 }
        const once = transformSample({ ...sampleOf(annotation), labelMap }, flip, new Random(0))
        expect(once.labelMap!.data).not.toEqual(labelMap.data)
        const twice = transformSample(once, flip, new Random(0))
        expect(twice.labelMap).toEqual(labelMap)
        const [back] = twice.annotations
        expect(back!.mask).toEqual(mask)
        expectClose(corners(back!.box!), corners(box))
        expectClose(back!.polygons![0]!, outline)
        expectClose(back!.orientedBox!, annotation.orientedBox!)
        expect(back!.keypoints).toEqual(annotation.keypoints)
        expect(back!.area).toBeCloseTo(12, 6)
        expect([back!.label, back!.id]).toEqual([3, 7])
      }),
      { numRuns: 40 },
    )
  })

  test('and stay inside, whatever is done', () => {
    fc.assert(
      fc.property(anyOutline, anyTransform, fc.integer(), (outline, transform, seed) => {
        const sample = sampleOf({
          label: 0,
          box: boxOf(outline),
          polygons: [outline],
          mask: maskOf(outline, { width, height }),
          keypoints: [{ x: outline[0]!, y: outline[1]!, visibility: 1 }],
        })
        const { image, annotations } = transformSample(sample, transform, new Random(seed), { minVisible: 0 })
        for (const { box, polygons, mask, keypoints } of annotations) {
          for (const { x1, y1, x2, y2 } of [box!, boundsOf(polygons!)!]) {
            expect(Math.min(x1, y1)).toBeGreaterThanOrEqual(-1e-6)
            expect(x2).toBeLessThanOrEqual(image.width + 1e-6)
            expect(y2).toBeLessThanOrEqual(image.height + 1e-6)
            expect(Math.min(x2 - x1, y2 - y1)).toBeGreaterThan(0)
          }
          expect([mask!.width, mask!.height]).toEqual([image.width, image.height])
          expect(mask!.counts.reduce((sum, count) => sum + count, 0)).toBe(image.width * image.height)
          for (const { x, y, visibility } of keypoints!)
            if (visibility > 0) expect(x >= -1e-6 && y >= -1e-6 && x <= image.width + 1e-6 && y <= image.height + 1e-6).toBe(true)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('a box around an outline is around the moved outline', () => {
    fc.assert(
      fc.property(anyOutline, anyTransform, fc.integer(), (outline, transform, seed) => {
        const { annotations } = transformSample(
          sampleOf({ label: 0, box: boxOf(outline), polygons: [outline] }),
          transform,
          new Random(seed),
        )
        for (const { box, polygons } of annotations) {
          const around = boundsOf(polygons!)!
          expect(box!.x1).toBeLessThanOrEqual(around.x1 + 1e-6)
          expect(box!.y1).toBeLessThanOrEqual(around.y1 + 1e-6)
          expect(box!.x2).toBeGreaterThanOrEqual(around.x2 - 1e-6)
          expect(box!.y2).toBeGreaterThanOrEqual(around.y2 - 1e-6)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('mask, label map and outline agree but within a pixel of the border', () => {
    fc.assert(
      fc.property(anyOutline, anyTransform, fc.integer(), (outline, transform, seed) => {
        const mask = maskOf(outline, { width, height })
        const data = new Uint8Array(width * height)
        for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = isInside(outline, x + 0.5, y + 0.5) ? 1 : 0
        const sample = { ...sampleOf({ label: 0, polygons: [outline], mask }), labelMap: { width, height, data, unknown: 255 } }
        const steps = drawSteps(transform, sample.image, new Random(seed))
        const geometry = geometryOfSteps(steps)
        if (geometry === undefined) return
        const { annotations, labelMap } = applySteps(sample, steps, { minVisible: 0, minSide: 0 })
        if (annotations[0] === undefined) return
        const pixels = pixelsOf(annotations[0].mask!)
        const drawn = pixelsOf(maskOf(annotations[0].polygons![0]!, geometry.to))
        const inverse = invert3(geometry.matrix)
        for (let y = 0; y < geometry.to.height; y++)
          for (let x = 0; x < geometry.to.width; x++) {
            const i = y * geometry.to.width + x
            expect(labelMap!.data[i] === 1 ? 1 : 0).toBe(pixels[i])
            const [fromX, fromY] = movePoint(inverse, x + 0.5, y + 0.5)
            const clear = distance(outline, fromX, fromY) > 0.72 && distance(geometry.seen, fromX, fromY) > 0.01
            if (clear && pixels[i] !== drawn[i]) expect([x, y, pixels[i]]).toEqual([x, y, drawn[i]])
          }
      }),
      { numRuns: 60 },
    )
  })

  test('pixels and boxes agree: a white square is where its box is', () => {
    fc.assert(
      fc.property(anyTransform, fc.integer(), (transform, seed) => {
        if (JSON.stringify(transform).includes('Augment')) return
        const image = createImage(width, height, 1, new Uint8Array(width * height))
        for (let y = 10; y < 20; y++) image.data.fill(255, y * width + 14, y * width + 26)
        const outline = [14, 10, 26, 10, 26, 20, 14, 20]
        const moved = transformSample({ image, annotations: [{ label: 0, polygons: [outline] }] }, transform, new Random(seed))
        const white = whiteBounds(moved.image)
        if (moved.annotations.length === 0 || white === undefined) return
        const side = Math.max(1, moved.image.width / width, moved.image.height / height) * 2.5
        expectClose(corners(boundsOf(moved.annotations[0]!.polygons!)!), corners(white), side)
      }),
      { numRuns: 200 },
    )
  })
})

/** Row by row. */
function pixelsOf(mask: RunLengths): Uint8Array {
  const pixels = new Uint8Array(mask.width * mask.height)
  visitRuns(mask, (x, top, bottom) => {
    for (let y = top; y < bottom; y++) pixels[y * mask.width + x] = 1
  })
  return pixels
}

/** From a point to the border of a polygon. */
function distance(polygon: Polygon, x: number, y: number): number {
  let least = Infinity
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const [dx, dy] = [polygon[i]! - polygon[j]!, polygon[i + 1]! - polygon[j + 1]!]
    const along = ((x - polygon[j]!) * dx + (y - polygon[j + 1]!) * dy) / (dx * dx + dy * dy || 1)
    const at = Math.min(1, Math.max(0, along))
    least = Math.min(least, Math.hypot(polygon[j]! + at * dx - x, polygon[j + 1]! + at * dy - y))
  }
  return least
}

function whiteBounds(image: Image): Box | undefined {
  const writer = new RunWriter()
  for (let x = 0; x < image.width; x++)
    for (let y = 0; y < image.height; y++)
      if (image.data[y * image.width + x]! >= 128) writer.add(x * image.height + y, x * image.height + y + 1)
  return maskBounds(writer.finish(image.width, image.height))
}

describe('the rule', () => {
  const half = t.crop({ top: 0, left: 20, height: 30, width: 20 })
  const at = (x: number): Annotation => ({ label: x, box: { x1: x, y1: 5, x2: x + 10, y2: 15 } })

  test('a box is cut at the border and dropped where too little is left', () => {
    const moved = (minVisible?: number) =>
      transformSample(sampleOf(at(0), at(11.5), at(15), at(25)), half, new Random(0), minVisible === undefined ? {} : { minVisible })
        .annotations
    expect(moved().map(({ label }) => label)).toEqual([11.5, 15, 25])
    expect(moved(0.5).map(({ label }) => label)).toEqual([15, 25])
    expect(moved(0.51).map(({ label }) => label)).toEqual([25])
    expect(moved()[1]!.box).toEqual({ x1: 0, y1: 5, x2: 5, y2: 15 })
  })

  test('what is cut off may be kept, and told', () => {
    const rule = { minVisible: 0.5, minSide: 2, below: 'keep' } as const
    const sliver: Annotation = { label: 3, box: { x1: 18, y1: 5, x2: 21, y2: 15 } }
    const { annotations } = transformSample(sampleOf(at(0), at(11.5), at(25), sliver), half, new Random(0), rule)
    expect(annotations).toEqual([
      { label: 11.5, box: { x1: 0, y1: 5, x2: 1.5, y2: 15 }, isCutOff: true },
      { label: 25, box: { x1: 5, y1: 5, x2: 15, y2: 15 } },
      { label: 3, box: { x1: 0, y1: 5, x2: 1, y2: 15 }, isCutOff: true },
    ])
    expect(wrongField(() => transformSample(sampleOf(), half, new Random(0), { below: 'hide' as 'keep' }))).toBe('below')
  })

  test('what lay outside before does not count as lost', () => {
    const hanging: Annotation = { label: 0, box: { x1: 36, y1: 0, x2: 76, y2: 10 } }
    expect(transformSample(sampleOf(hanging), t.randomVerticalFlip(1), new Random(0), { minVisible: 1 }).annotations[0]!.box).toEqual({
      x1: 36,
      y1: 20,
      x2: 40,
      y2: 30,
    })
  })

  test('slivers go; labels of the whole picture stay', () => {
    const thin: Annotation = { label: 1, box: { x1: 5, y1: 5, x2: 25, y2: 5.5 } }
    const whole: Annotation = { label: 2 }
    expect(transformSample(sampleOf(thin, whole), half, new Random(0)).annotations).toEqual([whole])
    expect(transformSample(sampleOf(thin), half, new Random(0), { minSide: 0.1 }).annotations.length).toBe(1)
    expect(
      transformSample(sampleOf({ label: 1, box: { x1: 5, y1: 5, x2: 5, y2: 9 } }), t.randomHorizontalFlip(1), new Random(0)).annotations,
    ).toEqual([])
  })

  test('without a geometric step annotations come back as they are', () => {
    const sample = sampleOf({ label: 1, box: { x1: -5, y1: 5, x2: 5, y2: 5 } })
    expect(transformSample(sample, t.compose([t.equalize(), t.gaussianBlur(3)]), new Random(0)).annotations).toBe(sample.annotations)
  })

  test('keypoints out of sight become unlabelled; alone and all gone, the thing goes', () => {
    const points: Annotation = {
      label: 0,
      keypoints: [
        { x: 5, y: 5, visibility: 2 },
        { x: 30, y: 6, visibility: 1 },
      ],
    }
    expect(transformSample(sampleOf(points), half, new Random(0)).annotations[0]!.keypoints).toEqual([
      { x: 0, y: 0, visibility: 0 },
      { x: 10, y: 6, visibility: 1 },
    ])
    const gone: Annotation = { label: 0, keypoints: [{ x: 5, y: 5, visibility: 2 }] }
    expect(transformSample(sampleOf(gone), half, new Random(0)).annotations).toEqual([])
  })

  test('a mirror image swaps left and right keypoints, a rotation does not', () => {
    const eyes: Annotation = {
      label: 0,
      keypoints: [
        { x: 10, y: 5, visibility: 2 },
        { x: 20, y: 5, visibility: 2 },
      ],
    }
    const names = (transform: Transform) =>
      transformSample(sampleOf(eyes), transform, new Random(0), { mirrorPairs: [[0, 1]] }).annotations[0]!.keypoints!.map(({ x }) =>
        Math.round(x),
      )
    expect(names(t.randomHorizontalFlip(1))).toEqual([20, 30])
    expect(names(t.rotate(180))).toEqual([30, 20])
  })

  test('a turned box stays a rectangle, clockwise, and whole', () => {
    const turned: Annotation = { label: 0, orientedBox: [20, 10, 26, 14, 22, 20, 16, 16] }
    for (const transform of [t.randomHorizontalFlip(1), t.affine({ shear: [20, 5] }), t.resize([60, 40]), half]) {
      const [moved] = transformSample(sampleOf(turned), transform, new Random(0)).annotations
      const [ax, ay, bx, by, cx, cy] = moved!.orientedBox as unknown as readonly [number, number, number, number, number, number]
      expect((bx - ax) * (cx - bx) + (by - ay) * (cy - by)).toBeCloseTo(0, 6)
      expect((bx - ax) * (cy - by) - (by - ay) * (cx - bx)).toBeGreaterThan(0)
    }
  })

  test('a stated area changes in proportion', () => {
    const [moved] = transformSample(sampleOf({ ...at(15), area: 50 }), t.compose([half, t.resize([60, 40])]), new Random(0)).annotations
    expect(moved!.area).toBeCloseTo(100, 9)
  })

  test('a mask of another size and a wrong figure are told', () => {
    const mask = { width: 4, height: 4, counts: [16] }
    const flip = t.randomHorizontalFlip(1)
    expect(wrongField(() => transformSample(sampleOf({ label: 0, mask }), flip, new Random(0)))).toBe('mask')
    const endless = { width, height, counts: [0, Infinity] }
    expect(wrongField(() => transformSample(sampleOf({ label: 0, mask: endless }), flip, new Random(0)))).toBe('mask')
    const nowhere = { x1: Number.NaN, y1: 0, x2: 4, y2: 4 }
    expect(transformSample(sampleOf({ label: 0, box: nowhere }), flip, new Random(0)).annotations).toEqual([])
    expect(wrongField(() => transformSample(sampleOf(), flip, new Random(0), { minVisible: 2 }))).toBe('minVisible')
    const labelMap = { width: 2, height: 2, data: new Uint8Array(4), unknown: 255 }
    expect(wrongField(() => transformSample({ ...sampleOf(), labelMap }, flip, new Random(0)))).toBe('labelMap')
    expect(wrongField(() => fiveCrop(sampleOf(), 35))).toBe('size')
  })
})

test('five crops share the annotations out', () => {
  const box = { x1: 2, y1: 2, x2: 6, y2: 6 }
  const crops = fiveCrop(sampleOf({ label: 0, box }), 10)
  expect(crops.map(({ annotations }) => annotations.length)).toEqual([1, 0, 0, 0, 0])
})
