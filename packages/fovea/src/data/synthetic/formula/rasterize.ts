// Shapes as the share of each pixel that they cover.

import { smoothstep } from '../noise.ts'
import type { Shape } from './shapes.ts'

/** Where a shape lies: its middle and half side in pixels, turned, and stretched along its own axis. */
export interface Placement {
  readonly x: number
  readonly y: number
  readonly half: number
  readonly angle: number
  /** Width over height. */
  readonly stretch: number
}

/** Draws a shape over what `cover` [size, size] holds already, 0 to 1. */
export function rasterize(shape: Shape, placement: Placement, cover: Float32Array, size: number): void {
  if (shape.kind === 'outline') fillOutline(shape, placement, cover, size)
  else if (shape.kind === 'points') drawPoints(shape, placement, cover, size)
  else drawSegments(shape, placement, cover, size)
}

function fillOutline({ outer, inner }: Extract<Shape, { kind: 'outline' }>, place: Placement, cover: Float32Array, size: number): void {
  const { cos, sin, along, across } = axes(place)
  const steps = outer.length
  const reach = place.half * Math.max(along, across) + 1
  const box = boxAround(place.x, place.y, reach, size)
  for (let y = box.top; y <= box.bottom; y++)
    for (let x = box.left; x <= box.right; x++) {
      const dx = x - place.x
      const dy = y - place.y
      const u = (dx * cos + dy * sin) / along
      const v = (dy * cos - dx * sin) / across
      const distance = Math.sqrt(u * u + v * v)
      const turn = (Math.atan2(v, u) / (2 * Math.PI) + 1) * steps
      const at = Math.floor(turn)
      const part = turn - at
      const a = at % steps
      const b = (at + 1) % steps
      const border = place.half * (outer[a]! * (1 - part) + outer[b]! * part)
      let value = 1 - smoothstep(border - 0.7, border + 0.7, distance)
      if (inner !== undefined && value > 0) {
        const hole = place.half * (inner[a]! * (1 - part) + inner[b]! * part)
        value *= smoothstep(hole - 0.7, hole + 0.7, distance)
      }
      const i = y * size + x
      if (value > cover[i]!) cover[i] = value
    }
}

function drawPoints({ points, radius }: Extract<Shape, { kind: 'points' }>, place: Placement, cover: Float32Array, size: number): void {
  const { cos, sin, along, across } = axes(place)
  const blot = Math.max(0.75, radius * place.half)
  for (let i = 0; i < points.length; i += 2) {
    const u = points[i]! * place.half * along
    const v = points[i + 1]! * place.half * across
    blotAt(place.x + u * cos - v * sin, place.y + u * sin + v * cos, blot, cover, size)
  }
}

function blotAt(cx: number, cy: number, radius: number, cover: Float32Array, size: number): void {
  const box = boxAround(cx, cy, radius + 0.5, size)
  for (let y = box.top; y <= box.bottom; y++)
    for (let x = box.left; x <= box.right; x++) {
      const i = y * size + x
      // Blots lie close to one another: most of what they reach is covered.
      if (cover[i] === 1) continue
      const value = Math.min(1, radius + 0.5 - Math.sqrt((x - cx) ** 2 + (y - cy) ** 2))
      if (value > cover[i]!) cover[i] = value
    }
}

function drawSegments(
  { segments, width }: Extract<Shape, { kind: 'segments' }>,
  place: Placement,
  cover: Float32Array,
  size: number,
): void {
  const { cos, sin, along, across } = axes(place)
  const half = Math.max(0.7, width * place.half)
  const at = (i: number): [number, number] => {
    const [u, v] = [segments[i]! * place.half * along, segments[i + 1]! * place.half * across]
    return [place.x + u * cos - v * sin, place.y + u * sin + v * cos]
  }
  for (let i = 0; i < segments.length; i += 4) {
    const [[ax, ay], [bx, by]] = [at(i), at(i + 2)]
    const [dx, dy] = [bx - ax, by - ay]
    const length = dx * dx + dy * dy
    const [left, right] = [Math.max(0, Math.floor(Math.min(ax, bx) - half - 1)), Math.min(size - 1, Math.ceil(Math.max(ax, bx) + half + 1))]
    const [top, bottom] = [Math.max(0, Math.floor(Math.min(ay, by) - half - 1)), Math.min(size - 1, Math.ceil(Math.max(ay, by) + half + 1))]
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const k = y * size + x
        if (cover[k] === 1) continue
        const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length))
        const value = Math.min(1, half + 0.5 - Math.sqrt((x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2))
        if (value > cover[k]!) cover[k] = value
      }
  }
}

/** The placement's turn, and its stretch as a factor along each axis of equal area. */
function axes({ angle, stretch }: Placement): { cos: number; sin: number; along: number; across: number } {
  const along = Math.sqrt(stretch)
  return { cos: Math.cos(angle), sin: Math.sin(angle), along, across: 1 / along }
}

function boxAround(x: number, y: number, reach: number, size: number): { left: number; top: number; right: number; bottom: number } {
  return {
    left: Math.max(0, Math.floor(x - reach)),
    top: Math.max(0, Math.floor(y - reach)),
    right: Math.min(size - 1, Math.ceil(x + reach)),
    bottom: Math.min(size - 1, Math.ceil(y + reach)),
  }
}
