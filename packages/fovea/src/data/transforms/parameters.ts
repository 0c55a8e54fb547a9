// Checks that the transforms share: a wrong figure is named where it is given, not where it bites.

import { FoveaError } from '../../util/errors.ts'
import type { Rgb } from '../../vision/image.ts'

/** Pixels outside the picture: mirrored at the border, or one colour. */
export type Fill = 'reflect' | Rgb

/** [height, width] */
export type Size = readonly [height: number, width: number]

export function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_TRANSFORM_INVALID', { field, expected, found: JSON.stringify(found) ?? 'nothing' })
}

export function checkNumber(field: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !(value >= low && value <= high)) throw invalid(field, `a number from ${low} to ${high}`, value)
  return value
}

export function checkRange(field: string, value: unknown, low: number, high: number): readonly [number, number] {
  const good =
    Array.isArray(value) && value.length === 2 && value.every((v) => typeof v === 'number' && v >= low && v <= high) && value[0] <= value[1]
  if (!good) throw invalid(field, `[low, high] between ${low} and ${high}`, value)
  return value as unknown as readonly [number, number]
}

/** A side length, or [height, width]; undefined keeps the picture's own size. */
export function checkSize(field: string, value: unknown): Size | undefined {
  if (value === undefined || value === null) return undefined
  const size = typeof value === 'number' ? [value, value] : value
  const good = Array.isArray(size) && size.length === 2 && size.every((n) => Number.isInteger(n) && n >= 1 && n <= 16_384)
  if (!good) throw invalid(field, 'a side length or [height, width] in pixels', value)
  return size as unknown as Size
}

export function checkFill(field: string, value: unknown): Fill {
  if (value === 'reflect') return value
  const good = Array.isArray(value) && value.length === 3 && value.every((n) => Number.isInteger(n) && n >= 0 && n <= 255)
  if (!good) throw invalid(field, '"reflect" or [red, green, blue] from 0 to 255', value)
  return value as unknown as Fill
}

/** The position inside 0 to `size` - 1 that `at` mirrors to, the border sample not repeated. */
export function reflect(at: number, size: number): number {
  if (size === 1) return 0
  const period = 2 * (size - 1)
  const inside = ((at % period) + period) % period
  return inside < size ? inside : period - inside
}
