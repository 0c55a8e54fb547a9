// Checks that the transforms share: a wrong figure is named where it is given, not where it bites.

import { FoveaError } from '../../util/errors.ts'
import { Random } from '../../util/random.ts'
import { said } from '../../util/said.ts'
import type { WarpInterpolation } from '../../vision/geometry/warp.ts'
import type { Rgb } from '../../vision/image.ts'
import type { Interpolation } from '../../vision/preprocessing.ts'
import { checkOptionNames } from '../option-names.ts'

/** Pixels outside the picture: mirrored at the border, or one colour. */
export type Fill = 'reflect' | Rgb

/** [height, width] */
export type Size = readonly [height: number, width: number]

export function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_TRANSFORM_INVALID', { field, expected, found: said(found) })
}

/** Options as an object of known names: a misspelt one would do nothing, and be taken for one that did. */
export function optionsOf<T extends object>(kind: string, options: T, known: readonly (keyof T & string)[]): T {
  // Transforms that are read from JSON carry their kind.
  checkOptionNames(options, 'kind' in Object(options) ? [...known, 'kind'] : known, invalid, `${kind}.`)
  return options
}

/** @throws DATA_TRANSFORM_INVALID */
export function checkRandom(random: unknown): asserts random is Random {
  if (!(random instanceof Random)) throw invalid('random', 'a Random, such as new Random(0)', random)
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

/** A whole number. */
export function checkWhole(field: string, value: unknown, low: number, high: number): number {
  if (!Number.isInteger(value)) throw invalid(field, `a whole number from ${low} to ${high}`, value)
  return checkNumber(field, value, low, high)
}

/** A pair of numbers, each within the bounds. */
export function checkPair(field: string, value: unknown, low: number, high: number): readonly [number, number] {
  const good = Array.isArray(value) && value.length === 2 && value.every((v) => typeof v === 'number' && v >= low && v <= high)
  if (!good) throw invalid(field, `two numbers from ${low} to ${high}`, value)
  return value as unknown as readonly [number, number]
}

/** As `checkSize`, and it must be given. */
export function checkSizeGiven(field: string, value: unknown): Size {
  const size = checkSize(field, value)
  if (size === undefined) throw invalid(field, 'a side length or [height, width] in pixels', value)
  return size
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

export function checkColor(field: string, value: unknown): Rgb {
  const fill = checkFill(field, value)
  if (fill === 'reflect') throw invalid(field, '[red, green, blue] from 0 to 255', value)
  return fill
}

export function checkInterpolation(value: unknown): Interpolation {
  const known: readonly unknown[] = ['nearest', 'bilinear', 'bicubic', 'lanczos3']
  if (!known.includes(value)) throw invalid('interpolation', known.join(', '), value)
  return value as Interpolation
}

export function checkWarp(value: unknown): WarpInterpolation {
  if (value !== 'nearest' && value !== 'bilinear') throw invalid('interpolation', 'nearest or bilinear', value)
  return value
}

/** The position inside 0 to `size` - 1 that `at` mirrors to, the border sample not repeated. */
export function reflect(at: number, size: number): number {
  if (size === 1) return 0
  const period = 2 * (size - 1)
  const inside = ((at % period) + period) % period
  return inside < size ? inside : period - inside
}
