// Points on a plane without units, coloured by class, with thumbnails where there is room: a map of many pictures.

import { FoveaError } from '../../../util/errors.ts'
import { maxOf } from '../../../util/extremes.ts'
import { Random } from '../../../util/random.ts'
import { categoryColor, ink } from '../colors.ts'
import { circle, line, picture, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { type Box, drawTitle } from './axes.ts'

export interface PointMap {
  readonly title: string
  readonly subtitle?: string
  readonly points: readonly (readonly [x: number, y: number])[]
  /** For each point an index into `classes`. Without classes all points are alike. */
  readonly labels?: readonly number[]
  readonly classes?: readonly string[]
  /** In small print below: what nearness means here. */
  readonly note?: string
}

export interface Thumbnail extends ThumbnailPlace {
  /** A `data:` URL. */
  readonly href: string
  /** The picture's own width by its height. */
  readonly aspect: number
}

/** Longest side of a thumbnail. */
export const thumbnailSide = 46

const [mapWidth, mapHeight, margin, top] = [820, 660, 20, 78]
/** Up to `whole` points nearly all are shown as pictures. */
const most = { whole: 60, thumbnails: 36, classes: 24 }

/** Where each point lies in the drawing: one scale for both directions, in the middle of the map. */
export function layOut(points: PointMap['points']): [number, number][] {
  if (points.length === 0 || !points.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)))
    throw new FoveaError('DRAWING_INVALID', {
      field: 'points',
      expected: 'at least one point, all finite',
      found: `${points.length} points`,
    })
  const range = (axis: 0 | 1) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const point of points) {
      low = Math.min(low, point[axis])
      high = Math.max(high, point[axis])
    }
    return { middle: (low + high) / 2, length: high - low }
  }
  const [x, y] = [range(0), range(1)]
  const inner = thumbnailSide / 2 + 12
  const scale = Math.min((mapWidth - 2 * inner) / Math.max(x.length, 1e-9), (mapHeight - 2 * inner) / Math.max(y.length, 1e-9))
  // Equal points have no extent.
  const factor = x.length + y.length > 1e-9 ? scale : 0
  return points.map(([px, py]) => [margin + mapWidth / 2 + (px - x.middle) * factor, top + mapHeight / 2 - (py - y.middle) * factor])
}

/** Where a thumbnail lies; away from its point a line leads to it. */
export interface ThumbnailPlace {
  /** Index of the point. */
  readonly point: number
  /** Middle of the thumbnail. */
  readonly x: number
  readonly y: number
}

/**
 * Finds room for thumbnails, for points taken at random: over the point where hardly another is hidden below, else on free ground near
 * it. None lies over another.
 */
export function placeThumbnails(places: readonly (readonly [number, number])[]): ThumbnailPlace[] {
  const few = places.length <= most.whole
  const ground = new Ground(places)
  const chosen: ThumbnailPlace[] = []
  for (const point of new Random(0, 'thumbnails').permutation(places.length)) {
    if (chosen.length >= (few ? most.whole : most.thumbnails)) break
    const at = places[point]!
    // Examples are spread over the map, not heaped about its densest part.
    if (!few && chosen.some((other) => Math.hypot(places[other.point]![0] - at[0], places[other.point]![1] - at[1]) < thumbnailSide))
      continue
    const spots = [[0, 0] as const, ...offsets].map(([dx, dy]) => ({ point, x: at[0] + dx, y: at[1] + dy }))
    const free = spots.find((spot, i) => isClear(spot, chosen) && ground.pointsBelow(spot) <= (i > 0 ? 0 : few ? 5 : 1))
    if (free !== undefined) chosen.push(free)
  }
  return chosen
}

/** Steps away from a point, near ones first: all around, at growing distances. */
const offsets = Array.from({ length: 4 * 16 }, (_, i) => {
  const [ring, turn] = [Math.floor(i / 16), (i % 16) * (Math.PI / 8)]
  const distance = 36 + ring * 16
  return [Math.cos(turn) * distance, Math.sin(turn) * distance] as const
})

/** True inside the map and away from other thumbnails. */
function isClear({ x, y }: ThumbnailPlace, others: readonly ThumbnailPlace[]): boolean {
  const half = thumbnailSide / 2 + 4
  const inside = x - half >= margin && x + half <= margin + mapWidth && y - half >= top && y + half <= top + mapHeight
  return inside && !others.some((other) => Math.abs(other.x - x) < thumbnailSide + 6 && Math.abs(other.y - y) < thumbnailSide + 6)
}

/** The points by squares, so that those below a thumbnail are found fast. */
class Ground {
  readonly #cells = new Map<string, [number, number][]>()

  constructor(places: readonly (readonly [number, number])[]) {
    for (const [x, y] of places) {
      const key = this.#keyOf(x, y)
      const cell = this.#cells.get(key)
      if (cell === undefined) this.#cells.set(key, [[x, y]])
      else cell.push([x, y])
    }
  }

  pointsBelow({ x, y }: ThumbnailPlace): number {
    const reach = thumbnailSide / 2 + 3
    let count = 0
    for (const dx of [-1, 0, 1])
      for (const dy of [-1, 0, 1])
        for (const [px, py] of this.#cells.get(this.#keyOf(x + dx * thumbnailSide, y + dy * thumbnailSide)) ?? [])
          if (Math.abs(px - x) < reach && Math.abs(py - y) < reach) count++
    return count
  }

  #keyOf(x: number, y: number): string {
    return `${Math.floor(x / thumbnailSide)},${Math.floor(y / thumbnailSide)}`
  }
}

/** Draws the map; thumbnails are framed in the colour of their class. */
export function drawPointMap(map: PointMap, font: TextFont, thumbnails: readonly Thumbnail[] = []): string {
  const { points, labels, classes = [] } = map
  if (labels !== undefined && labels.length !== points.length)
    throw new FoveaError('DRAWING_INVALID', { field: 'labels', expected: `${points.length}, one per point`, found: `${labels.length}` })
  const places = layOut(points)
  const counts = classes.map((_, c) => labels?.filter((label) => label === c).length ?? 0)
  const colorOf = (i: number) => (classes.length > 1 && (labels?.[i] ?? -1) >= 0 ? categoryColor(labels![i]!) : categoryColor(0))
  const radius = Math.min(6, Math.max(2, 70 / Math.sqrt(points.length)))
  const box: Box = { left: margin, top, width: mapWidth, height: mapHeight }
  const legend = classes.length > 1 ? drawLegend(classes, counts, font, box) : { drawn: [], width: 0 }
  const drawn = [
    ...drawTitle(map.title, map.subtitle, margin, 18, font),
    rect(box.left, box.top, box.width, box.height, { fill: '#f8fafc', stroke: ink.grid, rx: 8 }),
    // In random order, so that no class covers the others.
    ...Array.from(new Random(0, 'order').permutation(points.length), (i) => {
      const [x, y] = places[i]!
      return circle(x, y, radius, { fill: colorOf(i), 'fill-opacity': 0.82, stroke: ink.paper, 'stroke-width': radius > 3 ? 0.9 : 0.4 })
    }),
    ...thumbnails.map(({ point, x, y }) =>
      line(...places[point]!, x, y, { stroke: colorOf(point), 'stroke-width': 1.4, 'stroke-opacity': 0.8 }),
    ),
    ...thumbnails.flatMap(({ point, href, aspect, x, y }) => {
      const [w, h] = aspect >= 1 ? [thumbnailSide, thumbnailSide / aspect] : [thumbnailSide * aspect, thumbnailSide]
      const frame = { fill: 'none', stroke: colorOf(point), 'stroke-width': 2.4, rx: 2 }
      return [picture(href, x - w / 2, y - h / 2, w, h), rect(x - w / 2, y - h / 2, w, h, frame)]
    }),
    ...legend.drawn,
    map.note === undefined ? '' : font.draw(map.note, margin, top + mapHeight + 12, { size: 11, color: ink.faint, baseline: 'top' }),
  ]
  const titles = Math.max(font.width(map.title, 15, true), font.width(map.subtitle ?? '', 11.5))
  const width = Math.max(2 * margin + mapWidth + legend.width, 2 * margin + titles)
  return svgDocument(width, top + mapHeight + (map.note === undefined ? margin : 40), drawn, ink.paper)
}

function drawLegend(classes: readonly string[], counts: readonly number[], font: TextFont, box: Box): { drawn: string[]; width: number } {
  const shown = classes.slice(0, classes.length > most.classes ? most.classes - 1 : most.classes)
  const left = box.left + box.width + 22
  const names = shown.map((name) => font.fit(name, 12, 170))
  const widest = Math.max(...names.map((name) => font.width(name, 12)))
  const drawn = names.flatMap((name, i) => {
    const y = box.top + 12 + i * 23
    return [
      circle(left + 6, y, 5.5, { fill: categoryColor(i) }),
      font.draw(name, left + 20, y, { size: 12, color: ink.text, baseline: 'middle' }),
      font.draw(`${counts[i]}`, left + 20 + widest + 12, y, { size: 11, color: ink.faint, baseline: 'middle' }),
    ]
  })
  const rest = classes.length - shown.length
  if (rest > 0) {
    const y = box.top + 12 + shown.length * 23
    drawn.push(font.draw(`and ${rest} more classes`, left + 20, y, { size: 11, color: ink.faint, baseline: 'middle' }))
  }
  return { drawn, width: 22 + 20 + widest + 12 + maxOf(counts.map((count) => font.width(`${count}`, 11))) }
}
