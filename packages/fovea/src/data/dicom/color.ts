// Colours of DICOM as 8-bit RGB (PS3.3, C.7.6.3.1.2).

import type { Palette } from './palette.ts'
import type { StoredValues } from './stored-values.ts'

/** Samples of any depth, interleaved by three, as 8 bits: round(v * 255 / (2^bits - 1)). */
export function scaleTo8Bit(values: StoredValues, bits: number): Uint8Array {
  if (bits === 8 && values instanceof Uint8Array) return values
  const factor = 255 / (2 ** bits - 1)
  return Uint8Array.from(values as ArrayLike<number>, (value) => Math.round(value * factor))
}

/** YBR_FULL as RGB of the same depth, by the equations of ITU-R BT.601 for the whole range, rounded. */
export function rgbOfYbr<T extends StoredValues>(ybr: T, bits: number): T {
  const out = ybr.slice() as T
  const [half, top] = [2 ** (bits - 1), 2 ** bits - 1]
  const round = (value: number) => Math.min(Math.max(Math.floor(value + 0.5), 0), top)
  for (let i = 0; i + 2 < ybr.length; i += 3) {
    const [y, cb, cr] = [ybr[i]!, ybr[i + 1]! - half, ybr[i + 2]! - half]
    out[i] = round(y + 1.402 * cr)
    out[i + 1] = round(y - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587)
    out[i + 2] = round(y + 1.772 * cb)
  }
  return out
}

/** Each pixel's entry; values before the first and after the last take that one. */
export function rgbOfPalette(values: StoredValues, { first, colors }: Palette): Uint8Array {
  const out = new Uint8Array(values.length * 3)
  const last = colors[0].length - 1
  for (let i = 0; i < values.length; i++) {
    const index = Math.min(Math.max(values[i]! - first, 0), last)
    for (let c = 0; c < 3; c++) out[3 * i + c] = colors[c]![Math.min(index, colors[c]!.length - 1)]!
  }
  return out
}
