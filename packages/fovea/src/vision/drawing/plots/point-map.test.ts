import { describe, expect, it } from 'vitest'
import { loadFont } from '../../../data/font.ts'
import { Random } from '../../../util/random.ts'
import { drawPointMap, layOut, placeThumbnails, thumbnailSide } from './point-map.ts'

const random = new Random(9, 'points')
const cloud = (count: number) => Array.from({ length: count }, () => [random.normal() * 3, random.normal()] as const)
const font = await loadFont()

describe('layOut', () => {
  it('keeps both directions on one scale, inside the map', () => {
    const points = cloud(200)
    const places = layOut(points)
    const scale = (a: number, b: number) =>
      Math.hypot(places[a]![0] - places[b]![0], places[a]![1] - places[b]![1]) /
      Math.hypot(points[a]![0] - points[b]![0], points[a]![1] - points[b]![1])
    for (let i = 1; i < 50; i++) expect(scale(0, i)).toBeCloseTo(scale(0, 51), 6)
    expect(places.every(([x, y]) => x > 20 && x < 840 && y > 78 && y < 738)).toBe(true)
  })

  it('puts a single point, and equal ones, in the middle', () => {
    expect(layOut([[7, 7]])).toEqual([[430, 408]])
    expect(new Set(layOut(new Array(5).fill([3, 3])).map(String)).size).toBe(1)
    for (const points of [[], [[Number.NaN, 0] as const]]) expect(() => layOut(points)).toThrow(/DRAWING_INVALID/)
  })
})

describe('placeThumbnails', () => {
  it.each([1, 10, 60, 61, 400, 5000])('finds room for some of %d points, none over another', (count) => {
    const places = layOut(cloud(count))
    const thumbnails = placeThumbnails(places)
    expect(thumbnails.length).toBeGreaterThan(0)
    expect(thumbnails.length).toBeLessThanOrEqual(60)
    expect(new Set(thumbnails.map(({ point }) => point)).size).toBe(thumbnails.length)
    thumbnails.forEach((a, i) => {
      for (const b of thumbnails.slice(i + 1)) expect(Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y))).toBeGreaterThan(thumbnailSide)
    })
    if (count > 60)
      for (const { x, y } of thumbnails) {
        const below = places.filter(([px, py]) => Math.abs(px - x) < thumbnailSide / 2 && Math.abs(py - y) < thumbnailSide / 2)
        expect(below.length).toBeLessThanOrEqual(1)
      }
  })
})

describe('drawPointMap', () => {
  it('has a dot for each point, and a legend where classes differ', () => {
    const points = cloud(30)
    const labels = points.map((_, i) => i % 3)
    const dots = (svg: string) => svg.match(/<circle/g)!.length
    expect(dots(drawPointMap({ title: 'map', points }, font))).toBe(30)
    expect(dots(drawPointMap({ title: 'map', points, labels, classes: ['a', 'b', 'c'] }, font))).toBe(33)
    expect(dots(drawPointMap({ title: 'map', points, labels: labels.map(() => 0), classes: ['a'] }, font))).toBe(30)
    const many = Array.from({ length: 40 }, (_, i) => `class ${i}`)
    expect(dots(drawPointMap({ title: 'map', points, labels, classes: many }, font))).toBe(53)
    expect(() => drawPointMap({ title: 'map', points, labels: [0], classes: many }, font)).toThrow(/30, one per point, found 1/)
  })
})
