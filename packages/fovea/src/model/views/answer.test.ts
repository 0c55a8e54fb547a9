import { describe, expect, test } from 'vitest'
import { DensityMap } from '../../vision/density.ts'
import { Detections } from '../../vision/detections.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { Segmentation } from '../../vision/segmentation.ts'
import { type Classification, classification, type HeadAnswer, type MultiAnswer } from '../answers.ts'
import type { Count } from '../heads/count.ts'
import { type Multilabel, multilabelAnswer } from '../heads/multilabel.ts'
import { answerByViews, type ViewRun } from './answer.ts'
import { asksForViews, type ViewOptions } from './options.ts'
import type { ViewRule } from './rule.ts'

const labels = ['nut', 'bolt']
const image = createImage(100, 50, 3)

const rule: ViewRule = { labels, topK: 2, reject: undefined, iou: 0.5, byClass: true, limit: 10, confidence: () => 0.2 }

/** A model that answers the pictures of all looks in turn. */
function runOf(answers: readonly (HeadAnswer | MultiAnswer)[], more: Partial<ViewRule> = {}): ViewRun {
  const queue = [...answers]
  return {
    size: [50, 50],
    ruleOf: () => ({ ...rule, ...more }),
    answer: async (images: readonly Image[]) => images.map(() => queue.shift()!),
  }
}

const found = (...detections: { label: number; score: number; x1: number; x2: number }[]) =>
  new Detections(
    detections.map(({ label, score, x1, x2 }) => ({ label, score, box: { x1, y1: 10, x2, y2: 30 } })),
    { labels, width: 100, height: 50 },
  )

describe('the picture and its mirror image', () => {
  test('boxes that both looks find become one; what one finds must score enough alone', async () => {
    const plain = found({ label: 0, score: 0.9, x1: 10, x2: 30 }, { label: 1, score: 0.3, x1: 60, x2: 80 })
    const mirrored = found({ label: 0, score: 0.5, x1: 70, x2: 90 })
    const { detections } = (await answerByViews(image, { flip: true }, runOf([plain, mirrored]))) as Detections
    expect(detections).toEqual([expect.objectContaining({ label: 0, score: expect.closeTo(0.7, 9) })])
    expect(detections[0]!.box!.x1).toBeCloseTo(10, 9)
  })

  test('where classes exclude each other, the better one names the thing', async () => {
    const plain = found({ label: 0, score: 0.9, x1: 10, x2: 30 })
    const mirrored = found({ label: 1, score: 0.5, x1: 70, x2: 90 })
    const answer = await answerByViews(image, { flip: true }, runOf([plain, mirrored], { byClass: false }))
    expect((answer as Detections).detections.map(({ label }) => label)).toEqual([0])
  })

  test('an overlap of 1 asks for all that was found, as it was found', async () => {
    const plain = found({ label: 0, score: 0.9, x1: 10, x2: 30 })
    const mirrored = found({ label: 0, score: 0.5, x1: 70, x2: 90 })
    const { detections } = (await answerByViews(image, { flip: true }, runOf([plain, mirrored], { iou: 1 }))) as Detections
    expect(detections.map(({ score }) => score)).toEqual([0.9, 0.5])
  })

  test('probabilities are averaged, and rejected by their mean', async () => {
    const answers = [
      [0.9, 0.1],
      [0.3, 0.7],
    ].map((row) => classification(labels, Float32Array.from(row), 2))
    const sure = (await answerByViews(image, { flip: true }, runOf(answers))) as Classification
    expect([sure.label, sure.probability]).toEqual(['nut', expect.closeTo(0.6, 6)])
    expect(await answerByViews(image, { flip: true }, runOf(answers, { reject: 0.7 }))).toMatchObject({ rejected: true })
  })

  test('of several classes each is told by the mean of its probabilities', async () => {
    const answers = [
      [0.9, 0.1],
      [0.2, 0.2],
    ].map((row) => multilabelAnswer(labels, row, () => true, 2))
    const answer = (await answerByViews(image, { flip: true }, runOf(answers, { confidence: (label) => [0.5, 0.2][label]! }))) as Multilabel
    expect(answer.present.map(({ label }) => label)).toEqual(['nut'])
    expect(answer.probabilities).toEqual([expect.closeTo(0.55, 9), expect.closeTo(0.15, 9)])
  })

  test('densities are mirrored back, of each kind too', async () => {
    const looks = [countOf([1, 2, 0, 0, 0, 3], [0, 2, 0, 0, 0, 0]), countOf([0, 2, 1, 3, 0, 0], [0, 2, 0, 0, 0, 0])]
    const answer = (await answerByViews(image, { flip: true }, runOf(looks))) as Count
    expect([...answer.density.data]).toEqual([1, 2, 0, 0, 0, 3])
    expect([...answer.density.kinds!.nut!.data]).toEqual([0, 2, 0, 0, 0, 0])
  })

  test('of several heads each is averaged that can be', async () => {
    const multi = (box: Detections, pixels: Segmentation) => ({ task: 'multi' as const, heads: { boxes: box, pixels } })
    const maps = [1, 0].map((label) => new Segmentation(new Uint8Array(5000).fill(label), 100, 50, labels))
    const looks = [
      multi(found({ label: 0, score: 0.9, x1: 10, x2: 30 }), maps[0]!),
      multi(found({ label: 0, score: 0.5, x1: 70, x2: 90 }), maps[1]!),
    ]
    const { heads } = (await answerByViews(image, { flip: true }, runOf(looks))) as MultiAnswer
    expect((heads.boxes as Detections).detections.map(({ score }) => score)).toEqual([expect.closeTo(0.7, 9)])
    expect(heads.pixels).toBe(maps[0])
  })
})

/** Cells of 3 x 2 over a picture: of all, and of nuts. */
function countOf(all: readonly number[], nuts: readonly number[]): Count {
  const map = (data: readonly number[], kinds?: Record<string, DensityMap>) => new DensityMap(3, 2, Float32Array.from(data), kinds)
  const sum = (data: readonly number[]) => data.reduce((a, b) => a + b, 0)
  const bolts = all.map((value, i) => value - nuts[i]!)
  const counts = { nut: sum(nuts), bolt: sum(bolts) }
  return { task: 'count', count: sum(all), counts, density: map(all, { nut: map(nuts), bolt: map(bolts) }) }
}

describe('tiles', () => {
  test('are asked one by one, and the whole last', async () => {
    const seen: number[] = []
    const run = {
      ...runOf([]),
      answer: async (images: readonly Image[]) => {
        seen.push(...images.map(({ width }) => width))
        return images.map(() => found())
      },
    }
    await answerByViews(image, { tiles: true }, run)
    expect(seen).toEqual([50, 50, 50, 100])
    await answerByViews(createImage(40, 40, 3), { tiles: true }, run)
    expect(seen.slice(4)).toEqual([40])
    await answerByViews(image, { tiles: { whole: false } }, run)
    expect(seen.slice(5)).toEqual([50, 50, 50])
  })

  /** A picture whose red tells what is there: a dot is one nut, its height the class of its column of pixels. */
  const scene = (width: number, height: number, dots: readonly (readonly [number, number])[]): Image => {
    const picture = createImage(width, height, 3)
    for (const [x, y] of dots) picture.data[(y * width + x) * 3] = 255
    return picture
  }
  const redOf = ({ data, width, height }: Image) => Uint8Array.from({ length: width * height }, (_, i) => (data[3 * i]! > 0 ? 1 : 0))

  test('dots count once, also where tiles overlap', async () => {
    const dots = Array.from({ length: 60 }, (_, i) => [(i * 37) % 130, (i * 23) % 90] as const)
    const counting: ViewRun = {
      ...runOf([]),
      size: [40, 48],
      answer: async (images) =>
        images.map((picture): Count => {
          const [width, height] = [picture.width / 2, picture.height / 2]
          const data = new Float32Array(width * height)
          redOf(picture).forEach((value, i) => {
            const at = (Math.floor(i / picture.width) >> 1) * width + ((i % picture.width) >> 1)
            data[at] = data[at]! + value
          })
          const count = data.reduce((sum, value) => sum + value, 0)
          return { task: 'count', count, counts: { nut: count }, density: new DensityMap(width, height, data) }
        }),
    }
    const picture = scene(130, 90, dots)
    const whole = (await counting.answer([picture]))[0] as Count
    for (const overlap of [0, 0.2, 0.5, 0.8]) {
      const tiled = (await answerByViews(picture, { tiles: { overlap } }, counting)) as Count
      // Cells of neighbouring tiles lie by up to a cell beside one another.
      expect(Math.abs(tiled.count - whole.count), `${overlap}`).toBeLessThan(0.02 * whole.count)
      expect(tiled.counts).toEqual({ nut: tiled.count })
      expect([tiled.density.width, tiled.density.height]).toEqual([65, 45])
    }
  })

  test('pixels come from the tile in whose middle they lie', async () => {
    const picture = scene(
      101,
      67,
      Array.from({ length: 900 }, (_, i) => [(i * 31) % 101, (i * 17) % 67] as const),
    )
    const segmenting: ViewRun = {
      ...runOf([]),
      size: [32, 40],
      // What lies at the border of a tile is told wrongly.
      answer: async (images) =>
        images.map((part) => {
          const data = redOf(part).map((value, i) => (i % part.width === 0 || i < part.width ? 1 - value : value))
          return new Segmentation(data, part.width, part.height, labels)
        }),
    }
    const tiled = (await answerByViews(picture, { tiles: { overlap: 0.3 } }, segmenting)) as Segmentation
    const wrong = [...redOf(picture)].flatMap((value, i) => (value === tiled.data[i] ? [] : [i]))
    expect(wrong.every((i) => i % 101 === 0 || i < 101)).toBe(true)
    expect(wrong).toHaveLength(101 + 67 - 1)
  })

  test('of several heads those that tell the class of the whole look at the whole', async () => {
    const seen: number[] = []
    const run: ViewRun = {
      ...runOf([]),
      answer: async (images) =>
        images.map(({ width }) => {
          seen.push(width)
          const kind = classification(labels, Float32Array.from(width === 100 ? [1, 0] : [0, 1]), 2)
          return { task: 'multi', heads: { boxes: found({ label: 0, score: 0.9, x1: 5, x2: 20 }), kind } }
        }),
    }
    const { heads } = (await answerByViews(image, { tiles: { whole: false, overlap: 0 } }, run)) as MultiAnswer
    expect(seen).toEqual([50, 50, 100])
    expect((heads.boxes as Detections).detections.map(({ box }) => box!.x1)).toEqual([5, 55])
    expect(heads.kind).toMatchObject({ label: 'nut' })
  })
})

test.each<[string, ViewOptions, 'detect' | 'segment' | 'classify' | 'anomaly']>([
  ['tiles', { tiles: 3 as unknown as true }, 'detect'],
  ['tiles', { tiles: null as unknown as true }, 'detect'],
  ['tiles', { tiles: [] as unknown as true }, 'detect'],
  ['tiles', { tiles: { sise: 4 } as object }, 'detect'],
  ['tiles.whole', { tiles: { whole: 'no' as unknown as true } }, 'detect'],
  ['tiles.overlap', { tiles: { overlap: null as unknown as number } }, 'detect'],
  ['tiles.size', { tiles: { size: '640' as unknown as number } }, 'detect'],
  ['tiles', { tiles: true }, 'classify'],
  ['flip', { flip: true }, 'segment'],
  ['flip', { flip: true }, 'anomaly'],
  ['tiles', { tiles: true }, 'anomaly'],
  ['flip', { flip: 1 as unknown as true }, 'detect'],
])('what cannot be is refused: %s', (field, options, task) => {
  expect(() => asksForViews({ task }, options)).toThrow(
    expect.objectContaining({ code: 'MODEL_OPTION', details: expect.objectContaining({ field }) }),
  )
})
