// Checks of what goes to OpenCV, made before a worker is asked: wrong arguments are an error of the caller's line, not of a worker.

import { FoveaError } from '../../util/errors.ts'
import type { Image } from '../../vision/image.ts'
import { defaultMaxPixels } from '../limits.ts'

/** What is known of a picture on its way through a pipeline. */
export interface Shape {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
}

/** @throws OPENCV_ARGUMENT */
export function refuse(field: string, expected: string, found: unknown): never {
  throw new FoveaError('OPENCV_ARGUMENT', { expected, found: textOf(found), field })
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 60)}"`
  if (Array.isArray(value)) return value.length > 12 ? `${value.length} values` : `[${value.map(textOf).join(', ')}]`
  return value === null || typeof value !== 'object' ? String(value) : 'an object'
}

export function checkNumber(field: string, value: number, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): void {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least && value <= most) return
  refuse(field, `a number${rangeText(least, most)}`, value)
}

export function checkInteger(field: string, value: number, least: number, most = 32_767): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  refuse(field, `a whole number${rangeText(least, most)}`, value)
}

/** Kernels and windows that have a middle. */
export function checkOdd(field: string, value: number, least: number, most = 1023): void {
  if (Number.isInteger(value) && value >= least && value <= most && value % 2 === 1) return
  refuse(field, `an odd whole number${rangeText(least, most)}`, value)
}

export function checkOneOf<T extends string | number>(field: string, value: T, allowed: Iterable<T>): void {
  const list = [...allowed]
  if (!list.includes(value)) refuse(field, `one of ${list.join(', ')}`, value)
}

/** Finite numbers, `length` of them, or any multiple of `multiple`. */
export function checkNumbers(field: string, values: readonly number[], length?: number, multiple = 1): void {
  const isList = Array.isArray(values) || ArrayBuffer.isView(values)
  if (!isList || (length !== undefined && values.length !== length) || values.length % multiple !== 0)
    refuse(field, length === undefined ? `a list of numbers, ${multiple} for each element` : `${length} numbers`, values)
  const wrong = values.findIndex((value) => typeof value !== 'number' || !Number.isFinite(value))
  if (wrong >= 0) refuse(`${field}[${wrong}]`, 'a finite number', values[wrong])
}

/** A misspelt option would do nothing, and be taken for one that did. `signal` is always known. */
export function checkOptions<T extends object>(name: string, options: T, known: readonly (keyof T & string)[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) refuse(`${name}.options`, 'an object', options)
  const given = options as Readonly<Record<string, unknown>>
  const names: readonly string[] = [...known, 'signal']
  const stray = Object.keys(given).find((key) => given[key] !== undefined && !names.includes(key))
  if (stray !== undefined) refuse(`${name}.${stray}`, `an option such as ${names.join(', ')}`, given[stray])
  const { signal } = given
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse(`${name}.signal`, 'an AbortSignal', signal)
}

/** A picture that comes out. */
export function checkArea(name: string, width: number, height: number): void {
  if (width * height > defaultMaxPixels) refuse(name, `at most ${defaultMaxPixels.toLocaleString('en')} pixels`, `${width}x${height}`)
}

/** A list of points, x and y in turn, of at least `least` points. */
export function checkPoints(field: string, points: readonly number[], least: number): void {
  checkNumbers(field, points, undefined, 2)
  if (points.length / 2 < least) refuse(field, `at least ${least} points, x and y in turn`, `${points.length / 2} points`)
}

export function checkGray(step: string, shape: Shape): void {
  if (shape.channels === 1) return
  const remedy = 'Call gray() before it in the pipeline, or give a grey picture.'
  throw new FoveaError('OPENCV_IMAGE', { expected: 'a grey picture', found: `${shape.channels} channels`, node: step, remedy })
}

export function checkColor(step: string, shape: Shape): void {
  if (shape.channels === 3) return
  const remedy = 'Call color() before it in the pipeline, or give a picture in colour.'
  throw new FoveaError('OPENCV_IMAGE', { expected: 'a picture in colour', found: '1 channel', node: step, remedy })
}

/** A picture as it may go to OpenCV: whole, of 1 or 3 channels. */
export function checkImage(field: string, image: Image): Shape {
  const { width, height, channels, data } = image ?? {}
  const fits =
    data instanceof Uint8Array &&
    [width, height].every((side) => Number.isInteger(side) && side >= 1 && side <= 32_767) &&
    (channels === 1 || channels === 3) &&
    data.length === width * height * channels
  if (!fits) {
    const found = data instanceof Uint8Array ? `${width}x${height}x${channels} with ${data.length} bytes` : 'no picture'
    const expected = 'a picture of at most 32767 pixels a side, 1 or 3 channels of one byte'
    throw new FoveaError('OPENCV_IMAGE', { expected, found, field, file: image?.source })
  }
  return { width, height, channels }
}

export function checkSameSize(field: string, a: Shape, b: Shape, channelsToo = true): void {
  if (a.width === b.width && a.height === b.height && (!channelsToo || a.channels === b.channels)) return
  const text = (shape: Shape) => `${shape.width}x${shape.height}${channelsToo ? `x${shape.channels}` : ''}`
  throw new FoveaError('OPENCV_IMAGE', { expected: `a picture of ${text(a)}, as the first`, found: text(b), field })
}

function rangeText(least: number, most: number): string {
  if (most === Number.POSITIVE_INFINITY) return least === Number.NEGATIVE_INFINITY ? '' : ` of at least ${least}`
  return least === Number.NEGATIVE_INFINITY ? ` of at most ${most}` : ` from ${least} to ${most}`
}
