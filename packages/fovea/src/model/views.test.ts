import { describe, expect, test } from 'vitest'
import { Detections } from '../vision/detections.ts'
import { createImage, type Image } from '../vision/image.ts'
import { type Classification, classification, type HeadAnswer } from './answers.ts'
import { answerByViews, asksForViews, type ViewOptions, type ViewRun } from './views.ts'

const labels = ['nut', 'bolt']
const image = createImage(100, 50, 3)

/** A model that answers the pictures of a look in turn. */
function runOf(answers: readonly HeadAnswer[], more: Partial<ViewRun> = {}): ViewRun {
  const queue = [...answers]
  return {
    size: [50, 50],
    labels,
    topK: 2,
    reject: undefined,
    iou: 0.5,
    byClass: true,
    limit: 10,
    confidence: () => 0.2,
    answer: async (images: readonly Image[]) => images.map(() => queue.shift()!),
    ...more,
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

  test('densities are mirrored back', async () => {
    const count = (data: number[]) => ({
      task: 'count' as const,
      count: 6,
      counts: { nut: 6 },
      density: { width: 3, height: 2, data: Float32Array.from(data) },
    })
    const answer = await answerByViews(image, { flip: true }, runOf([count([1, 2, 0, 0, 0, 3]), count([0, 2, 1, 3, 0, 0])]))
    expect([...(answer as ReturnType<typeof count>).density.data]).toEqual([1, 2, 0, 0, 0, 3])
  })
})

test('tiles are asked one by one, and the whole first', async () => {
  const none = found()
  const seen: number[] = []
  const run = runOf([], {
    answer: async (images) => {
      seen.push(...images.map(({ width }) => width))
      return images.map(() => none)
    },
  })
  await answerByViews(image, { tiles: true }, run)
  expect(seen).toEqual([100, 50, 50, 50])
  await answerByViews(createImage(40, 40, 3), { tiles: true }, run)
  expect(seen.slice(4)).toEqual([40])
})

test.each<[string, ViewOptions, 'detect' | 'segment' | 'classify']>([
  ['tiles', { tiles: 3 as unknown as true }, 'detect'],
  ['tiles', { tiles: null as unknown as true }, 'detect'],
  ['tiles', { tiles: [] as unknown as true }, 'detect'],
  ['tiles', { tiles: { sise: 4 } as object }, 'detect'],
  ['tiles.whole', { tiles: { whole: 'no' as unknown as true } }, 'detect'],
  ['tiles.overlap', { tiles: { overlap: null as unknown as number } }, 'detect'],
  ['tiles.size', { tiles: { size: '640' as unknown as number } }, 'detect'],
  ['tiles', { tiles: true }, 'classify'],
  ['flip', { flip: true }, 'segment'],
  ['flip', { flip: 1 as unknown as true }, 'detect'],
])('what cannot be is refused: %s', (field, options, task) => {
  expect(() => asksForViews({ task }, options)).toThrow(
    expect.objectContaining({ code: 'MODEL_OPTION', details: expect.objectContaining({ field }) }),
  )
})
