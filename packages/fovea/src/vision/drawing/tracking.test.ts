import { expect, test } from 'vitest'
import { loadFont } from '../../data/font.ts'
import { categoryColor } from './colors.ts'
import { drawDetections } from './detections.ts'
import { drawCountedLine, drawTrails, drawZone, drawZoneCount } from './tracking.ts'

const drawing = { width: 640, height: 480, scale: 2 }
const font = await loadFont()
const numbersOf = (svg: string, name: string) =>
  [...svg.matchAll(new RegExp(`${name}="(-?[\\d.]+)"`, 'g'))].map(([, value]) => Number(value))

test('a trail has the colour of its track, and is clearest at its end', () => {
  const svg = drawTrails(
    [
      {
        trackId: 3,
        label: 0,
        points: [
          [0, 0],
          [10, 10],
          [20, 10],
          [30, 0],
        ],
      },
    ],
    drawing,
  )
  expect(numbersOf(svg, 'stroke-opacity')).toEqual([0.33, 0.67, 1])
  expect(svg).toContain('points="40,20 60,0"')
  expect(svg).toContain(categoryColor(3))
  const [long, one] = [Array.from({ length: 100 }, (_, i) => [i, i] as const), [[1, 1] as const]]
  expect(numbersOf(drawTrails([{ trackId: 'a', label: 0, points: long }], drawing), 'stroke-opacity').length).toBe(8)
  expect(drawTrails([{ trackId: 1, label: 0, points: one }], drawing)).not.toContain('polyline')
})

test('the tick of a line stands on the side that is in: to the left of its direction', () => {
  const line = { start: { x: 0, y: 100 }, end: { x: 200, y: 100 }, inCount: 3, outCount: 1 }
  const ys = (one: typeof line) => numbersOf(drawCountedLine(one, font, drawing).split('<line')[2]!, 'y2')[0]!
  expect(ys(line)).toBeLessThan(200)
  expect(ys({ ...line, start: line.end, end: line.start })).toBeGreaterThan(200)
})

test('counts stay within the picture', () => {
  const zone = { polygon: [-50, -50, 10, -50, 10, 10], count: 2, total: 12 }
  const svg = drawZoneCount(zone, font, drawing)
  expect(
    numbersOf(svg, '[^r]x')
      .concat(numbersOf(svg, ' y'))
      .every((value) => value >= 0),
  ).toBe(true)
  expect(drawZone(zone, drawing)).toContain('M-100 -100L20 -100L20 20Z')
})

test('things have the colour of their class, or of their track where that is asked for', () => {
  const thing = { label: 1, box: { x1: 0, y1: 0, x2: 9, y2: 9 }, attributes: { trackId: 5 } }
  expect(drawDetections([thing], font, drawing)).toContain(categoryColor(1))
  expect(drawDetections([thing], font, { ...drawing, colorBy: 'track' })).toContain(categoryColor(5))
  expect(drawDetections([{ ...thing, attributes: {} }], font, { ...drawing, colorBy: 'track' })).toContain(categoryColor(1))
})
