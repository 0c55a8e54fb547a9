// Options of decoding, checked before anything is read: a wrong one must neither change a picture nor switch a limit off.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { LoadImageOptions } from './decode.ts'

const windowFunctions = ['LINEAR', 'LINEAR_EXACT', 'SIGMOID']

/** @throws FoveaError DATA_OPTION_INVALID naming the field */
export function checkDecodeOptions(options: LoadImageOptions): void {
  if (!isObject(options)) throw invalid('options', 'an object', options)
  const { maxPixels, background, color, window, fetch } = options
  if (
    maxPixels !== undefined &&
    !(maxPixels === Number.POSITIVE_INFINITY || (Number.isSafeInteger(maxPixels) && (maxPixels as number) >= 1))
  )
    throw invalid('maxPixels', 'a whole number of at least 1, or Infinity', maxPixels)
  if (background !== undefined && !isColor(background)) throw invalid('background', 'three whole numbers from 0 to 255', background)
  if (color !== undefined && color !== 'ignore-profile' && color !== 'srgb') throw invalid('color', 'ignore-profile or srgb', color)
  if (window !== undefined && !isWindow(window))
    throw invalid('window', "'range', the number of a window of the file, or { center, width }", window)
  if (fetch !== undefined && !isObject(fetch)) throw invalid('fetch', 'an object', fetch)
}

function isColor(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && value.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)
}

function isWindow(value: unknown): boolean {
  if (value === 'range' || (Number.isSafeInteger(value) && (value as number) >= 0)) return true
  if (!isObject(value)) return false
  const { center, width, function: curve } = value
  return Number.isFinite(center) && Number.isFinite(width) && (curve === undefined || windowFunctions.includes(curve as string))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_OPTION_INVALID', { field, expected, found: said(found, 60) })
}
