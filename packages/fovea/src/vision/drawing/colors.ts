// Colours: a palette that people with colour blindness can tell apart, and continuous maps that grow evenly.

import type { Rgb } from '../image.ts'

/** Categorical colours after Okabe and Ito (2008), in an order whose first few differ most. */
const palette: readonly string[] = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6d31', '#555b6e']

/** The colour of a category, by number; from the ninth on the palette repeats in lighter tones. */
export function categoryColor(index: number): string {
  const base = parseColor(palette[index % palette.length]!)
  const round = Math.floor(index / palette.length)
  return hexColor(round === 0 ? base : mixColors(base, [255, 255, 255], 1 - 1 / (1 + 0.45 * round)))
}

/** The inks of drawings. */
export const ink = {
  title: '#111827',
  text: '#374151',
  faint: '#6b7280',
  grid: '#e5e7eb',
  axis: '#9ca3af',
  paper: '#ffffff',
  good: '#15803d',
  bad: '#b91c1c',
} as const

export type ColorMapName = 'viridis' | 'turbo' | 'blues' | 'gray'

/** Landmarks of each map; between them colours are blended in OKLab, where equal steps look equal. */
const landmarks: Record<ColorMapName, readonly string[]> = {
  viridis: ['#440154', '#414487', '#2a788e', '#22a884', '#7ad151', '#fde725'],
  turbo: ['#30123b', '#4662d7', '#36aaf9', '#1ae4b6', '#72fe5e', '#c7ef34', '#faba39', '#f66b19', '#ca2a04', '#7a0403'],
  blues: ['#ffffff', '#cfe1f2', '#93c4df', '#4a98c9', '#1c6cb0', '#08306b'],
  gray: ['#000000', '#ffffff'],
}

/** 256 colours, 3 bytes each. */
export function colorTable(name: ColorMapName): Uint8Array {
  const stops = landmarks[name].map((hex) => toOklab(parseColor(hex)))
  const table = new Uint8Array(768)
  for (let i = 0; i < 256; i++) {
    const position = (i / 255) * (stops.length - 1)
    const low = Math.min(stops.length - 2, Math.floor(position))
    const [a, b] = [stops[low]!, stops[low + 1]!]
    const t = position - low
    table.set(fromOklab([a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]), i * 3)
  }
  return table
}

/** A colour of a map by a value from 0 to 1, as `#rrggbb`. */
export function colorAt(table: Uint8Array, value: number): string {
  const i = Math.round(Math.min(1, Math.max(0, value)) * 255) * 3
  return hexColor([table[i]!, table[i + 1]!, table[i + 2]!])
}

/** Black or white, whichever is easier to read on the colour (relative luminance of WCAG 2). */
export function readableOn(hex: string): string {
  const [r, g, b] = parseColor(hex).map(toLinear) as unknown as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.32 ? ink.title : '#ffffff'
}

export function parseColor(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

export function hexColor([r, g, b]: Rgb): string {
  return `#${((r << 16) | (g << 8) | b).toString(16).padStart(6, '0')}`
}

/** A blend in OKLab: `t` 0 gives `a`, 1 gives `b`. */
export function mixColors(a: Rgb, b: Rgb, t: number): Rgb {
  const [x, y] = [toOklab(a), toOklab(b)]
  return fromOklab([x[0] + (y[0] - x[0]) * t, x[1] + (y[1] - x[1]) * t, x[2] + (y[2] - x[2]) * t])
}

function toLinear(byte: number): number {
  const v = byte / 255
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
}

function toByte(linear: number): number {
  const v = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055
  return Math.round(Math.min(1, Math.max(0, v)) * 255)
}

// OKLab (Ottosson 2020): cone responses, cube root, opponent axes.
function toOklab(color: Rgb): [number, number, number] {
  const [r, g, b] = color.map(toLinear) as unknown as Rgb
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

function fromOklab([L, a, b]: readonly [number, number, number]): Rgb {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    toByte(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    toByte(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    toByte(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ]
}
