import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RunLengths } from '../annotation.ts'
import { maskArea, maskBounds, visitRuns } from '../run-lengths.ts'
import { chainGeometry, geometryOf } from './geometry.ts'
import { identity3, invert3, movePoint, multiply3, scaling, translation } from './matrix.ts'
import {
  boundsOf,
  clipToConvex,
  columnSpan,
  convexHull,
  isInside,
  movePolygon,
  polygonArea,
  signedArea,
  smallestRectangle,
} from './polygon.ts'
import { RunWriter } from './run-writer.ts'

const coordinate = fc.double({ min: -20, max: 20, noNaN: true })
const triangle = fc.tuple(coordinate, coordinate, coordinate, coordinate, coordinate, coordinate)
const square = [0, 0, 10, 0, 10, 10, 0, 10]

describe('polygons', () => {
  test('area and direction', () => {
    expect(signedArea(square)).toBe(100)
    expect(signedArea([0, 0, 0, 10, 10, 10, 10, 0])).toBe(-100)
    expect(polygonArea([0, 0, 4, 0, 0, 3])).toBe(6)
  })

  test('clipping: what is cut off and what is left make the whole', () => {
    fc.assert(
      fc.property(triangle, (polygon) => {
        const inside = clipToConvex(polygon, square)
        const bounds = boundsOf([inside])
        if (bounds !== undefined) {
          expect(bounds.x1).toBeGreaterThanOrEqual(-1e-9)
          expect(bounds.y2).toBeLessThanOrEqual(10 + 1e-9)
        }
        // Squares side by side over all that a corner can reach.
        let sum = 0
        for (const dx of [-30, -20, -10, 0, 10, 20])
          for (const dy of [-30, -20, -10, 0, 10, 20]) sum += polygonArea(clipToConvex(polygon, movePolygon(square, translation(dx, dy))))
        expect(sum).toBeCloseTo(polygonArea(polygon), 6)
      }),
    )
  })

  test('clipping does not ask which way the frame turns', () => {
    fc.assert(
      fc.property(triangle, (polygon) => {
        const back = [0, 0, 0, 10, 10, 10, 10, 0]
        expect(polygonArea(clipToConvex(polygon, back))).toBeCloseTo(polygonArea(clipToConvex(polygon, square)), 9)
      }),
    )
  })

  test('a column of a convex polygon', () => {
    expect(columnSpan([5, 0, 10, 5, 5, 10, 0, 5], 2)).toEqual([3, 7])
    expect(columnSpan(square, 11)).toBeUndefined()
    expect([isInside(square, 10, 10), isInside(square, 10.1, 3)]).toEqual([true, false])
  })

  test('the smallest rectangle around a turned one is itself', () => {
    const turned = movePolygon([0, 0, 8, 0, 8, 3, 0, 3], [0.8, -0.6, 5, 0.6, 0.8, 1, 0, 0, 1])
    expect(polygonArea(smallestRectangle(turned))).toBeCloseTo(24, 9)
    expect(signedArea(smallestRectangle(turned))).toBeGreaterThan(0)
  })
})

describe('geometry', () => {
  test('there and back is the identity', () => {
    const m = [1.2, 0.3, 4, -0.2, 0.9, 1, 0.001, 0.002, 1]
    multiply3(m, invert3(m)).forEach((value, i) => {
      expect(value).toBeCloseTo(identity3[i]!, 12)
    })
    const [x, y] = movePoint(invert3(m), ...movePoint(m, 7, 9))
    expect([x, y].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([7, 9])
  })

  test('what a crop cuts off stays out after the next step', () => {
    const size = { width: 10, height: 10 }
    const crop = geometryOf(size, { width: 5, height: 10 }, translation(-5, 0))
    const wider = geometryOf({ width: 5, height: 10 }, size, translation(5, 0))
    const both = chainGeometry(crop, wider)
    expect(both.matrix).toEqual(identity3)
    expect(boundsOf([both.seen])).toEqual({ x1: 5, y1: 0, x2: 10, y2: 10 })
  })

  test('nothing is seen through a window beside the picture', () => {
    const beside = geometryOf({ width: 10, height: 10 }, { width: 5, height: 5 }, translation(-20, 0))
    expect(beside.seen).toEqual([])
    expect(chainGeometry(beside, geometryOf(beside.to, { width: 9, height: 9 }, scaling(1.8, 1.8))).seen).toEqual([])
  })
})

describe('run lengths', () => {
  const mask: RunLengths = { width: 3, height: 4, counts: [1, 2, 2, 5, 2] }

  test('area, bounds and runs by column', () => {
    const runs: number[][] = []
    visitRuns(mask, (...run) => runs.push(run))
    expect(runs).toEqual([
      [0, 1, 3],
      [1, 1, 4],
      [2, 0, 2],
    ])
    expect(maskArea(mask)).toBe(7)
    expect(maskBounds(mask)).toEqual({ x1: 0, y1: 0, x2: 3, y2: 4 })
    expect(maskBounds({ width: 2, height: 2, counts: [4] })).toBeUndefined()
  })

  test('written as read', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (pixels) => {
        const writer = new RunWriter()
        pixels.forEach((on, i) => {
          if (on) writer.add(i, i + 1)
        })
        const written = writer.finish(3, 4)
        const read = new Array<boolean>(12).fill(false)
        visitRuns(written, (x, top, bottom) => read.fill(true, x * 4 + top, x * 4 + bottom))
        expect(read).toEqual(pixels)
        expect(written.counts.reduce((sum, count) => sum + count, 0)).toBe(12)
        expect(written.counts.slice(1).every((count) => count > 0)).toBe(true)
      }),
    )
  })
})

test('the convex hull holds every point, and its corners are points; points of a line have none', () => {
  const points = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 12 })), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(points, (list) => {
      const hull = convexHull(list)
      const onLine = list.every(([x, y]) =>
        list.every(([a, b]) => (a - list[0]![0]) * (y - list[0]![1]) === (b - list[0]![1]) * (x - list[0]![0])),
      )
      if (onLine) {
        expect(hull.length).toBeLessThan(6)
        return
      }
      expect(signedArea(hull)).toBeGreaterThan(0)
      for (const [x, y] of list) expect(isInside(hull, x, y)).toBe(true)
      for (let i = 0; i < hull.length; i += 2) expect(list).toContainEqual([hull[i], hull[i + 1]])
      // No corner lies between its neighbours.
      for (let i = 0; i < hull.length; i += 2) {
        const [a, b, c] = [0, 2, 4].map((k) => [hull[(i + k) % hull.length]!, hull[(i + k + 1) % hull.length]!] as const)
        expect((b![0] - a![0]) * (c![1] - a![1]) - (b![1] - a![1]) * (c![0] - a![0])).toBeGreaterThan(0)
      }
      const rectangle = smallestRectangle(hull)
      for (const [x, y] of list) expect(isInside(rectangle, x, y)).toBe(true)
      const box = boundsOf([hull])!
      expect(polygonArea(rectangle)).toBeLessThanOrEqual((box.x2 - box.x1) * (box.y2 - box.y1) + 1e-9)
    }),
  )
})
