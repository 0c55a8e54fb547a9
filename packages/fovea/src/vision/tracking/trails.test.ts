import { expect, test } from 'vitest'
import { Detections } from '../detections.ts'
import { Trails } from './trails.ts'

const at = (x: number, trackId?: number) => ({
  label: 0,
  score: 1,
  box: { x1: x, y1: 0, x2: x + 10, y2: 20 },
  ...(trackId !== undefined && { attributes: { trackId } }),
})
const frame = (...things: ReturnType<typeof at>[]) => new Detections(things, { labels: ['a'], width: 100, height: 100 })

test('places of the last seconds, oldest first, by track; those that are gone fade out', () => {
  const trails = new Trails({ seconds: 1 })
  for (const time of [0, 0.5, 1, 1.5])
    trails.update(time < 1 ? frame(at(10 * time, 1), at(50, 2)) : frame(at(10 * time, 1)), { timestamp: time })
  expect(trails.trails).toEqual([
    {
      trackId: 1,
      label: 0,
      points: [
        [10, 20],
        [15, 20],
        [20, 20],
      ],
    },
    { trackId: 2, label: 0, points: [[55, 20]] },
  ])
  trails.update(frame(), { timestamp: 2 })
  expect(trails.trails.map(({ trackId }) => trackId)).toEqual([1])
  trails.update(frame(), { timestamp: 9 })
  expect(trails.trails).toEqual([])
})

test('another anchor; what is refused leaves the trails as they were', () => {
  const trails = new Trails({ anchor: 'top-left' })
  trails.update(frame(at(3, 1)), { timestamp: 1 })
  for (const work of [
    () => trails.update(frame(at(3))),
    () => trails.update(frame(at(3, 1)), { timestamp: 0 }),
    () => new Trails({ seconds: -1 }),
    () => new Trails({ anchor: 'heart' as 'center' }),
  ])
    expect(work).toThrowError(expect.objectContaining({ code: 'TRACKING_INVALID' }))
  expect(trails.trails).toEqual([{ trackId: 1, label: 0, points: [[3, 0]] }])
})
