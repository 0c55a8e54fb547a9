// A colour picture being drawn, and how shapes are laid into it.

import { smoothstep } from '../noise.ts'

/** Red, green and blue from 0 to 1. */
export type Color = readonly [number, number, number]

/** Linear numbers of about 0 to 1, RGB in turn, rows from the top. */
export interface ColorCanvas {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** An ellipse: its middle and half axes in pixels, turned clockwise. */
export interface Ellipse {
  readonly x: number
  readonly y: number
  readonly rx: number
  readonly ry: number
  readonly angle?: number
}

/** The colour of a shape at u and v, from -1 to 1 along its axes. */
export type Paint = (u: number, v: number) => Color

/** Lays an ellipse over the picture. `soft`: pixels over which its border fades, at least one; `opacity` 0 to 1. */
export function fillEllipse(
  canvas: ColorCanvas,
  { x, y, rx, ry, angle = 0 }: Ellipse,
  paint: Color | Paint,
  { soft = 1, opacity = 1 }: { readonly soft?: number; readonly opacity?: number } = {},
): void {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const fade = Math.max(1, soft)
  const reach = Math.max(rx, ry) + fade
  const radius = Math.min(rx, ry)
  eachPixel(canvas, x - reach, y - reach, x + reach, y + reach, (px, py, at) => {
    const [dx, dy] = [px - x, py - y]
    const [u, v] = [(dx * cos + dy * sin) / rx, (dy * cos - dx * sin) / ry]
    // Distance to the border in pixels, near enough for axes that do not differ much.
    const cover = opacity * (1 - smoothstep(-fade / 2, fade / 2, (Math.hypot(u, v) - 1) * radius))
    if (cover > 0) blend(canvas.data, at, typeof paint === 'function' ? paint(u, v) : paint, cover)
  })
}

/** Lays a rectangle over the picture, with borders of one pixel that fade. */
export function fillRectangle(canvas: ColorCanvas, x1: number, y1: number, x2: number, y2: number, paint: Color | Paint): void {
  eachPixel(canvas, x1 - 1, y1 - 1, x2 + 1, y2 + 1, (px, py, at) => {
    const edge = (low: number, high: number, value: number) => Math.min(1, Math.max(0, Math.min(value - low, high - value) + 0.5))
    const cover = edge(x1, x2, px) * edge(y1, y2, py)
    if (cover === 0) return
    const color = typeof paint === 'function' ? paint((2 * (px - x1)) / (x2 - x1) - 1, (2 * (py - y1)) / (y2 - y1) - 1) : paint
    blend(canvas.data, at, color, cover)
  })
}

/** Takes light away under an ellipse with a wide border. */
export function castShadow(canvas: ColorCanvas, { x, y, rx, ry, angle = 0 }: Ellipse, strength: number): void {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const reach = 1.3 * Math.max(rx, ry)
  eachPixel(canvas, x - reach, y - reach, x + reach, y + reach, (px, py, at) => {
    const [dx, dy] = [px - x, py - y]
    const distance = Math.hypot((dx * cos + dy * sin) / rx, (dy * cos - dx * sin) / ry)
    const left = 1 - strength * (1 - smoothstep(0.55, 1.25, distance))
    for (let c = 0; c < 3; c++) canvas.data[at + c] = canvas.data[at + c]! * left
  })
}

export function scaled([r, g, b]: Color, factor: number): Color {
  return [r * factor, g * factor, b * factor]
}

function blend(data: Float32Array, at: number, color: Color, cover: number): void {
  for (let c = 0; c < 3; c++) data[at + c] = data[at + c]! + cover * (color[c]! - data[at + c]!)
}

/** Pixels of a part of the picture, by their middles. */
function eachPixel(
  { width, height }: ColorCanvas,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  visit: (x: number, y: number, at: number) => void,
): void {
  const [left, right] = [Math.max(0, Math.floor(x1)), Math.min(width - 1, Math.ceil(x2))]
  const [top, bottom] = [Math.max(0, Math.floor(y1)), Math.min(height - 1, Math.ceil(y2))]
  for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) visit(x + 0.5, y + 0.5, (y * width + x) * 3)
}
