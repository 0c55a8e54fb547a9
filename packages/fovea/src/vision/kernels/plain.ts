// The loops of resizing in plain TypeScript: any number of channels, and the measure for those on vectors.

import { half, precision, type Resampler } from './resampler.ts'

/** Rows of a picture that lie `row` bytes apart, from byte `start` on. */
export interface Rows {
  readonly data: Uint8Array
  readonly start: number
  readonly row: number
  readonly rows: number
}

export function copyRows({ data, start, row, rows }: Rows, left: number, width: number, channels: number, mirror: boolean): Uint8Array {
  const stride = width * channels
  const out = new Uint8Array(rows * stride)
  for (let y = 0; y < rows; y++) {
    const from = start + y * row + left * channels
    if (!mirror) out.set(data.subarray(from, from + stride), y * stride)
    else
      for (let x = 0, to = (y + 1) * stride - channels, at = from; x < width; x++, to -= channels, at += channels)
        for (let c = 0; c < channels; c++) out[to + c] = data[at + c]!
  }
  return out
}

export function resizeRows(
  { data, start, row, rows }: Rows,
  { taps, first, count, weights }: Resampler,
  channels: number,
  mirror: boolean,
): Uint8Array {
  const width = first.length
  const out = new Uint8Array(rows * width * channels)
  const step = mirror ? -channels : channels
  for (let y = 0; y < rows; y++) {
    let to = (y * width + (mirror ? width - 1 : 0)) * channels
    for (let x = 0; x < width; x++, to += step) {
      const from = start + y * row + first[x]! * channels
      const terms = count[x]!
      const w = x * taps
      for (let c = 0; c < channels; c++) {
        let sum = half
        for (let k = 0, at = from + c; k < terms; k++, at += channels) sum = (sum + Math.imul(data[at]!, weights[w + k]!)) | 0
        out[to + c] = clip(sum >> precision)
      }
    }
  }
  return out
}

/** As `resizeRows`, the three sums side by side: about twice as fast. */
export function resizeRowsRgb({ data, start, row, rows }: Rows, { taps, first, count, weights }: Resampler, mirror: boolean): Uint8Array {
  const width = first.length
  const out = new Uint8Array(rows * width * 3)
  const step = mirror ? -3 : 3
  for (let y = 0; y < rows; y++) {
    let to = (y * width + (mirror ? width - 1 : 0)) * 3
    const line = start + y * row
    for (let x = 0; x < width; x++, to += step) {
      let at = line + first[x]! * 3
      const begin = x * taps
      const end = begin + count[x]!
      let red = half
      let green = half
      let blue = half
      let k = begin
      for (; k + 1 < end; k += 2, at += 6) {
        const [one, two] = [weights[k]!, weights[k + 1]!]
        red = (red + Math.imul(data[at]!, one) + Math.imul(data[at + 3]!, two)) | 0
        green = (green + Math.imul(data[at + 1]!, one) + Math.imul(data[at + 4]!, two)) | 0
        blue = (blue + Math.imul(data[at + 2]!, one) + Math.imul(data[at + 5]!, two)) | 0
      }
      if (k < end) {
        const weight = weights[k]!
        red = (red + Math.imul(data[at]!, weight)) | 0
        green = (green + Math.imul(data[at + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[at + 2]!, weight)) | 0
      }
      out[to] = clip(red >> precision)
      out[to + 1] = clip(green >> precision)
      out[to + 2] = clip(blue >> precision)
    }
  }
  return out
}

/** `offset`: the number of the first row in `from`. */
export function resizeColumns(from: Uint8Array, offset: number, stride: number, { taps, first, count, weights }: Resampler): Uint8Array {
  const height = first.length
  const out = new Uint8Array(height * stride)
  const sums = new Int32Array(stride)
  for (let y = 0; y < height; y++) {
    const rows = count[y]!
    const w = y * taps
    const start = (first[y]! - offset) * stride
    const to = y * stride
    if (rows <= 2) blend2(from, start, stride, rows, weights, w, out, to)
    else if (rows <= 4) blend4(from, start, stride, rows, weights, w, out, to)
    else {
      sums.fill(half)
      for (let k = 0; k < rows; k++) {
        const weight = weights[w + k]!
        const row = start + k * stride
        for (let i = 0; i < stride; i++) sums[i] = (sums[i]! + Math.imul(from[row + i]!, weight)) | 0
      }
      for (let i = 0; i < stride; i++) out[to + i] = clip(sums[i]! >> precision)
    }
  }
  return out
}

// Few rows need no sums in memory: a third of the time.

function blend2(
  from: Uint8Array,
  start: number,
  stride: number,
  rows: number,
  weights: Int32Array,
  w: number,
  out: Uint8Array,
  to: number,
): void {
  const a = weights[w]!
  const b = rows > 1 ? weights[w + 1]! : 0
  const next = rows > 1 ? stride : 0
  for (let i = 0, at = start; i < stride; i++, at++)
    out[to + i] = clip((half + Math.imul(from[at]!, a) + Math.imul(from[at + next]!, b)) >> precision)
}

function blend4(
  from: Uint8Array,
  start: number,
  stride: number,
  rows: number,
  weights: Int32Array,
  w: number,
  out: Uint8Array,
  to: number,
): void {
  const [a, b, c] = [weights[w]!, weights[w + 1]!, weights[w + 2]!]
  const d = rows > 3 ? weights[w + 3]! : 0
  const last = rows > 3 ? 3 * stride : 0
  for (let i = 0, at = start; i < stride; i++, at++) {
    const upper = (half + Math.imul(from[at]!, a) + Math.imul(from[at + stride]!, b)) | 0
    const lower = (Math.imul(from[at + 2 * stride]!, c) + Math.imul(from[at + last]!, d)) | 0
    out[to + i] = clip((upper + lower) >> precision)
  }
}

function clip(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value
}
