import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Detection } from '../annotation.ts'
import { Detections } from '../detections.ts'
import { LineZone, type LineZoneOptions } from './line-zone.ts'

const frame = (...detections: Detection[]) => new Detections(detections, { labels: ['car', 'person'], width: 640, height: 480 })
/** A box of 20 x 20 with its middle there. */
const at = (x: number, y: number, trackId: number | string = 1, label = 0): Detection => ({
  label,
  score: 1,
  box: { x1: x - 10, y1: y - 10, x2: x + 10, y2: y + 10 },
  attributes: { trackId },
})
/** From left to right at a height of 100: above it is left of it. */
const across = { start: { x: 0, y: 100 }, end: { x: 200, y: 100 } }

/** The counts after the thing was at these places. */
function counts(places: readonly (readonly [number, number])[], options: Partial<LineZoneOptions> = {}): [number, number] {
  const zone = new LineZone({ ...across, ...options })
  for (const [x, y] of places) zone.update(frame(at(x, y)))
  return [zone.inCount, zone.outCount]
}

describe('directions', () => {
  test('from right to left, looking from start to end, is in; back is out; each is told once', () => {
    const zone = new LineZone(across)
    const told = [150, 120, 100, 80, 60, 80, 120, 150].map((y) => {
      const crossed = zone.update(frame(at(50, y)))
      return [crossed.in.length, crossed.out.length]
    })
    expect(told).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 0],
      [0, 0],
      [0, 0],
      [0, 1],
      [0, 0],
    ])
    expect([zone.inCount, zone.outCount]).toEqual([1, 1])
  })

  test('a line the other way round counts the other way round', () => {
    const places = [150, 50].map((y) => [50, y] as const)
    expect(counts(places)).toEqual([1, 0])
    expect(counts(places, { start: across.end, end: across.start })).toEqual([0, 1])
  })

  test('a slanted line', () => {
    // From the lower left to the upper right: its left is the upper left.
    const slanted = { start: { x: 0, y: 200 }, end: { x: 200, y: 0 } }
    expect(
      counts(
        [
          [140, 140],
          [50, 50],
        ],
        slanted,
      ),
    ).toEqual([1, 0])
  })

  test('by class, and by track', () => {
    const zone = new LineZone(across)
    zone.update(frame(at(50, 150, 1), at(80, 150, 2, 1), at(120, 50, 'c', 1)))
    const crossed = zone.update(frame(at(50, 50, 1), at(80, 50, 2, 1), at(120, 150, 'c', 1)))
    expect(crossed.in.detections.map(({ attributes }) => attributes!.trackId)).toEqual([1, 2])
    expect(crossed.out.detections.map(({ name }) => name)).toEqual(['person'])
    expect([zone.inByClass, zone.outByClass]).toEqual([{ car: 1, person: 1 }, { person: 1 }])
    zone.reset()
    expect([zone.inCount, zone.inByClass, zone.update(frame(at(50, 150, 1))).out.length]).toEqual([0, {}, 0])
  })
})

describe('jitter', () => {
  const trembling = (...offsets: number[]) => offsets.map((offset) => [50, 100 + offset] as const)

  test('on the line counts nothing, whichever the anchor', () => {
    expect(counts(trembling(30, 1, -1, 1, -1, 1, -1, 30))).toEqual([0, 0])
    expect(counts(trembling(30, 1, -1, 1, -1, 1, -1, 30), { anchors: ['center'] })).toEqual([0, 0])
    // Without a margin a single point has nothing to hold it.
    expect(counts(trembling(30, 1, -1, 1, -1, 1, -1, 30), { anchors: ['center'], margin: 0 })).toEqual([3, 3])
  })

  test('while crossing counts once', () => {
    expect(counts(trembling(30, 5, -5, 5, -12, 5, -12, -30), { anchors: ['center'], margin: 0.3 })).toEqual([1, 0])
    expect(counts(trembling(30, 5, -5, 5, -12, 9, -12, -30))).toEqual([1, 0])
  })

  test('minFrames asks for frames in a row', () => {
    expect(counts(trembling(30, -30, 30, -30, 30), { minFrames: 2 })).toEqual([0, 0])
    expect(counts(trembling(30, -30, -31, 30), { minFrames: 2 })).toEqual([1, 0])
    expect(counts(trembling(30, -30, 0, -30, 0, -30, -30), { minFrames: 2 })).toEqual([1, 0])
  })

  test('law: crossings take turns, and no more are counted than the point makes', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -40, max: 40 }), { maxLength: 40 }), fc.boolean(), (offsets, isPoint) => {
        const zone = new LineZone({ ...across, ...(isPoint && { anchors: ['center'] as const }) })
        const events: string[] = []
        for (const offset of offsets) {
          const crossed = zone.update(frame(at(50, 100 + offset)))
          events.push(...crossed.in.detections.map(() => 'in'), ...crossed.out.detections.map(() => 'out'))
        }
        for (let i = 1; i < events.length; i++) expect(events[i]).not.toBe(events[i - 1])
        const signs = offsets.map(Math.sign).filter((sign) => sign !== 0)
        expect(events.length).toBeLessThanOrEqual(signs.filter((sign, i) => i > 0 && sign !== signs[i - 1]).length)
      }),
    )
  })
})

describe('the ends of the line', () => {
  test('who walks round them is not counted, and is on the other side then', () => {
    const round = [
      [150, 150],
      [250, 150],
      [250, 50],
      [150, 50],
    ] as const
    expect(counts(round)).toEqual([0, 0])
    expect(counts([...round, [150, 150]])).toEqual([0, 1])
  })

  test('a fast thing crosses where its path does, not where it is seen', () => {
    // Seen beyond the end on both sides, but the path cuts the line.
    expect(
      counts([
        [260, 160],
        [120, 40],
      ]),
    ).toEqual([1, 0])
    expect(
      counts([
        [300, 120],
        [150, 40],
      ]),
    ).toEqual([0, 0])
  })
})

test('one that begins on the line has crossed nothing', () => {
  expect(
    counts([
      [50, 103],
      [50, 50],
    ]),
  ).toEqual([0, 0])
})

test('a track that was lost meanwhile crosses when it is back', () => {
  const zone = new LineZone(across)
  zone.update(frame(at(50, 150)))
  for (let i = 0; i < 5; i++) zone.update(frame())
  expect(zone.update(frame(at(50, 50))).in.length).toBe(1)
})

test('of many tracks the oldest are forgotten', () => {
  const zone = new LineZone(across)
  zone.update(frame(at(50, 150, 'first')))
  zone.update(frame(...Array.from({ length: 10_000 }, (_, i) => at(50, 150, i))))
  expect(zone.update(frame(at(50, 50, 'first'), at(50, 50, 9999))).in.detections.map(({ attributes }) => attributes!.trackId)).toEqual([
    9999,
  ])
})

test('what is refused', () => {
  const refused = (work: () => unknown, field: string) =>
    expect(work).toThrowError(expect.objectContaining({ code: 'TRACKING_INVALID', details: expect.objectContaining({ field }) }))
  refused(() => new LineZone({ start: across.start, end: across.start }), 'end')
  refused(() => new LineZone({ ...across, start: { x: Number.NaN, y: 0 } }), 'start')
  refused(() => new LineZone({ ...across, anchors: [] }), 'anchors')
  refused(() => new LineZone({ ...across, anchors: ['middle' as 'center'] }), 'anchors')
  refused(() => new LineZone({ ...across, margin: -1 }), 'margin')
  refused(() => new LineZone({ ...across, minFrames: 0 }), 'minFrames')
  const { attributes, ...untracked } = at(1, 1)
  expect(attributes).toBeDefined()
  refused(() => new LineZone(across).update(frame(untracked)), 'detections[0].attributes.trackId')
  refused(() => new LineZone(across).update(frame(at(1, 1), at(2, 2))), 'detections')
})
