// Options of a loaded model and of loading it, checked before anything is read or run.

import { FoveaError } from '../util/errors.ts'
import { modelTasks } from './metadata.ts'
import type { SourceOptions } from './open-source.ts'

/** @throws FoveaError MODEL_OPTION where the value is no whole number of at least 1 */
export function checkCount(field: string, value: unknown): void {
  if (!(Number.isSafeInteger(value) && (value as number) >= 1)) throw wrong(field, 'a whole number of at least 1', value)
}

/** The layers that are named: one, or a list, each once. @throws FoveaError MODEL_LAYER */
export function checkLayers(layer: unknown): readonly string[] {
  const names: unknown = typeof layer === 'string' ? [layer] : layer
  if (Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string')) return [...new Set<string>(names)]
  const found = Array.isArray(layer) && layer.length === 0 ? 'none' : describe(layer)
  throw new FoveaError('MODEL_LAYER', { field: 'layer', expected: 'the name of a stage or value, or a list of them', found })
}

/** @throws FoveaError MODEL_OPTION naming the field */
export function checkSourceOptions({ architecture, architectureOptions, imageSize, task }: SourceOptions): void {
  if (architecture !== undefined && typeof architecture !== 'string')
    throw wrong('architecture', 'the name of an architecture', architecture)
  if (architectureOptions !== undefined && !isRecord(architectureOptions))
    throw wrong('architectureOptions', 'an object', architectureOptions)
  if (imageSize !== undefined && !isSize(imageSize)) throw wrong('imageSize', '[height, width] of 1 to 65536 pixels', imageSize)
  if (task !== undefined && !modelTasks.includes(task)) throw wrong('task', modelTasks.join(', '), task)
}

function isSize(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((side) => Number.isInteger(side) && side >= 1 && side <= 65_536)
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('MODEL_OPTION', { field, expected, found: describe(found) })
}

function describe(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string'
    ? `${value}`.slice(0, 60)
    : (JSON.stringify(value)?.slice(0, 60) ?? typeof value)
}
