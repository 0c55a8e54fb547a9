import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Detection } from '../annotation.ts'
import { Detections } from '../detections.ts'
import { containsPoint } from '../geometry/polygon.ts'
import { polygonMask } from '../polygon-mask.ts'
import { decodeMask } from '../run-lengths.ts'
import { PolygonZone } from './polygon-zone.ts'

const frame = (...detections: Detection[]) => new Detections(detections, { labels: ['car', 'person'], width: 640, height: 480 })
/** A box of 20 x 20 whose lower middle is there. */
const at = (x: number, y: number, trackId?: number, label = 0): Detection => ({
  label,
  score: 1,
  box: { x1: x - 10, y1: y - 20, x2: x + 10, y2: y },
  ...(trackId !== undefined && { attributes: { trackId } }),
})
const square = [100, 100, 200, 100, 200, 200, 100, 200]

describe('counts', () => {
  test('what stands in the zone, by class, with and without tracks', () => {
    const zone = new PolygonZone({ polygon: square })
    expect([zone.count, zone.counts]).toEqual([0, {}])
    const { inside, entered } = zone.update(frame(at(150, 150), at(150, 90, undefined, 1), at(199, 199, undefined, 1)))
    expect([inside.length, zone.count, zone.counts]).toEqual([2, 2, { car: 1, person: 1 }])
    expect([entered.length, zone.total, zone.visits]).toEqual([0, 0, []])
    zone.update(frame())
    expect([zone.count, zone.counts]).toEqual([0, { car: 0, person: 0 }])
  })

  test('all anchors must be inside', () => {
    const count = (anchors?: ConstructorParameters<typeof PolygonZone>[0]['anchors']) => {
      const zone = new PolygonZone({ polygon: square, ...(anchors && { anchors }) })
      zone.update(frame(at(150, 105)))
      return zone.count
    }
    expect([count(), count(['center']), count(['bottom-left', 'bottom-right']), count(['bottom-center', 'top-center'])]).toEqual([
      1, 0, 1, 0,
    ])
  })
})

describe('visits', () => {
  test('enter, stay, leave: seconds by the timestamps', () => {
    const zone = new PolygonZone({ polygon: square, grace: 0.5 })
    const see = (time: number, ...things: Detection[]) => zone.update(frame(...things), { timestamp: time })
    expect(see(10, at(50, 150, 1)).entered.length).toBe(0)
    expect(see(11, at(150, 150, 1), at(160, 150, 2, 1)).entered.length).toBe(2)
    expect(see(12.5, at(150, 150, 1)).left).toMatchObject([{ trackId: 2, name: 'person', dwell: 0 }])
    expect(see(14, at(155, 150, 1)).entered.length).toBe(0)
    expect(zone.visits).toEqual([{ trackId: 1, label: 0, name: 'car', entered: 11, lastSeen: 14, dwell: 3 }])
    expect(see(14.2, at(250, 150, 1)).left).toEqual([])
    expect(see(14.6, at(260, 150, 1)).left).toEqual([{ trackId: 1, label: 0, name: 'car', entered: 11, lastSeen: 14, dwell: 3 }])
    expect([zone.total, zone.totals, zone.visits]).toEqual([2, { car: 1, person: 1 }, []])
    // Back again: a visit of its own.
    expect(see(20, at(150, 150, 1)).entered.length).toBe(1)
    expect([zone.total, zone.totals]).toEqual([3, { car: 2, person: 1 }])
  })

  test('jitter at the border, and a track that is not seen for a moment, are one visit', () => {
    const zone = new PolygonZone({ polygon: square })
    for (let i = 0; i < 60; i++) zone.update(i % 7 === 6 ? frame() : frame(at(150, i % 2 ? 199 : 201, 1)), { timestamp: i / 30 })
    expect(zone.total).toBe(1)
    expect(zone.visits[0]!.dwell).toBeGreaterThan(1.8)
    const strict = new PolygonZone({ polygon: square, grace: 0 })
    for (let i = 0; i < 6; i++) strict.update(frame(at(150, i % 2 ? 199 : 201, 1)), { timestamp: i / 30 })
    expect(strict.total).toBe(3)
  })

  test('who is away for longer than the grace and is back has come again, and both are told', () => {
    const zone = new PolygonZone({ polygon: square })
    zone.update(frame(at(150, 150, 1)), { timestamp: 0 })
    zone.update(frame(), { timestamp: 0.1 })
    const { left, entered } = zone.update(frame(at(150, 150, 1)), { timestamp: 5 })
    expect([left.length, entered.length, zone.visits[0]!.entered]).toEqual([1, 1, 5])
  })

  test('a slow rhythm of frames is no absence', () => {
    const zone = new PolygonZone({ polygon: square })
    for (let i = 0; i < 5; i++) zone.update(frame(at(150, 150, 1)), { timestamp: 10 * i })
    expect([zone.total, zone.visits[0]!.dwell]).toEqual([1, 40])
  })

  test('without timestamps frames count by their rate', () => {
    const zone = new PolygonZone({ polygon: square, frameRate: 10 })
    for (let i = 0; i < 11; i++) zone.update(frame(at(150, 150, 1)))
    expect(zone.visits[0]!.dwell).toBeCloseTo(1, 9)
    zone.reset()
    expect([zone.visits, zone.total, zone.count]).toEqual([[], 0, 0])
  })
})

describe('the polygon', () => {
  test('law: inside is where a ray to the right meets an odd number of edges; the mask of an outline agrees', () => {
    const corner = fc.integer({ min: 0, max: 12 })
    fc.assert(
      fc.property(fc.array(fc.tuple(corner, corner), { minLength: 3, maxLength: 7 }), (corners) => {
        const polygon = corners.flat()
        // Pixels whose middle lies on an edge are the mask's own affair.
        for (let y = 0; y < 12; y++)
          for (let x = 0; x < 12; x++) {
            const [px, py] = [x + 0.5 + 1e-3, y + 0.5 + Math.PI * 1e-3]
            expect(containsPoint(polygon, px, py)).toBe(crossings(polygon, px, py) % 2 === 1)
          }
      }),
    )
    // Not convex, and as pixels.
    const shape = [0, 0, 10, 0, 10, 10, 6, 10, 6, 4, 4, 4, 4, 10, 0, 10]
    const mask = decodeMask(polygonMask(shape, 10, 10))
    for (let y = 0; y < 10; y++) for (let x = 0; x < 10; x++) expect(containsPoint(shape, x + 0.5, y + 0.5)).toBe(mask[y * 10 + x] === 1)
  })

  test('its border is inside: corners, edges of any slope', () => {
    for (const [x, y] of [
      [100, 100],
      [200, 200],
      [150, 100],
      [100, 150],
      [200, 150],
    ] as const)
      expect(containsPoint(square, x, y)).toBe(true)
    expect(containsPoint([0, 0, 10, 5, 0, 10], 4, 2)).toBe(true)
    expect(containsPoint([0, 0, 10, 5, 0, 10], 4, 1.99)).toBe(false)
  })

  test('what is refused', () => {
    const refused = (options: Partial<ConstructorParameters<typeof PolygonZone>[0]>, field: string) =>
      expect(() => new PolygonZone({ polygon: square, ...options })).toThrowError(
        expect.objectContaining({ code: 'TRACKING_INVALID', details: expect.objectContaining({ field }) }),
      )
    refused({ polygon: [0, 0, 1, 1] }, 'polygon')
    refused({ polygon: [0, 0, 1, 1, 2] }, 'polygon')
    refused({ polygon: [0, 0, 1, 1, 2, 2] }, 'polygon')
    refused({ polygon: [0, 0, 1, 1, Number.NaN, 2] }, 'polygon')
    refused({ grace: -1 }, 'grace')
    refused({ frameRate: -1 }, 'frameRate')
    refused({ anchors: [] }, 'anchors')
    expect(() => new PolygonZone({ polygon: square }).update(frame(at(150, 150, 1), at(151, 150, 1)))).toThrowError(
      expect.objectContaining({ code: 'TRACKING_INVALID' }),
    )
    // A bow tie has no area by the shoelace formula, and two halves to stand in.
    const bowTie = new PolygonZone({ polygon: [0, 0, 100, 100, 100, 0, 0, 100] })
    bowTie.update(frame(at(90, 50), at(50, 80)))
    expect(bowTie.count).toBe(1)
  })
})

/** Edges that a ray to the right meets, by the definition. */
function crossings(polygon: readonly number[], x: number, y: number): number {
  let count = 0
  for (let i = 0; i < polygon.length; i += 2) {
    const j = (i + 2) % polygon.length
    const [x1, y1, x2, y2] = [polygon[i]!, polygon[i + 1]!, polygon[j]!, polygon[j + 1]!]
    if (y < Math.min(y1, y2) || y > Math.max(y1, y2) || y1 === y2) continue
    if (x1 + ((y - y1) / (y2 - y1)) * (x2 - x1) > x) count++
  }
  return count
}
