// Whether two models are the same program, and where they first differ.

import type { Model } from './model.ts'
import { Tensor } from './tensor.ts'

export interface EqualOptions {
  /** Compares also what the model has no place for and keeps for the file's sake (`unknownFields`). @default true */
  preserved?: boolean
}

/** True when nothing differs. The order of nodes, inputs and outputs counts, that of initializers, attributes and metadata does not. */
export function modelsEqual(a: Model, b: Model, options: EqualOptions = {}): boolean {
  return firstDifference(a, b, options) === undefined
}

/** The first difference, as `graph.nodes[2].attributes.axis.value: 1, 2`, or undefined where there is none. Works on any part of a model. */
export function firstDifference(a: unknown, b: unknown, options: EqualOptions = {}): string | undefined {
  return difference(a, b, '', options.preserved ?? true)
}

function difference(a: unknown, b: unknown, path: string, preserved: boolean): string | undefined {
  if (Object.is(a, b) || sameInteger(a, b)) return undefined
  if (a instanceof Uint8Array && b instanceof Uint8Array) return bytesDifference(a, b, path)
  if (a instanceof Tensor && b instanceof Tensor) return tensorDifference(a, b, path)
  if (Array.isArray(a) && Array.isArray(b)) return listDifference(a, b, path, preserved)
  if (a instanceof Map && b instanceof Map) return entriesDifference(a, b, path, preserved)
  if (isRecord(a) && isRecord(b)) return entriesDifference(entriesOf(a, preserved), entriesOf(b, preserved), path, preserved)
  return report(path, show(a), show(b))
}

/** An integer is the same as number and as bigint. */
function sameInteger(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'bigint') return Number.isInteger(a) && BigInt(a) === b
  return typeof a === 'bigint' && typeof b === 'number' && sameInteger(b, a)
}

function tensorDifference(a: Tensor, b: Tensor, path: string): string | undefined {
  const types = [a, b].map((tensor) => `${tensor.dtype}[${tensor.dims.join(',')}]`) as [string, string]
  if (types[0] !== types[1]) return report(path, ...types)
  return a.dtype === 'string' ? listDifference(a.strings, b.strings, path, true) : bytesDifference(a.bytes, b.bytes, `${path}.bytes`)
}

function bytesDifference(a: Uint8Array, b: Uint8Array, path: string): string | undefined {
  if (a.length !== b.length) return report(path, `${a.length} bytes`, `${b.length} bytes`)
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at < 0 ? undefined : report(`${path}[${at}]`, show(a[at]), show(b[at]))
}

function listDifference(a: readonly unknown[], b: readonly unknown[], path: string, preserved: boolean): string | undefined {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const found = difference(a[i], b[i], `${path}[${i}]`, preserved)
    if (found !== undefined) return found
  }
  return a.length === b.length ? undefined : report(path, `${a.length} elements`, `${b.length} elements`)
}

function entriesDifference(
  a: ReadonlyMap<unknown, unknown>,
  b: ReadonlyMap<unknown, unknown>,
  path: string,
  preserved: boolean,
): string | undefined {
  for (const [key, value] of a) {
    const inner = path === '' ? `${key}` : `${path}.${key}`
    const found = b.has(key) ? difference(value, b.get(key), inner, preserved) : report(inner, show(value), 'nothing')
    if (found !== undefined) return found
  }
  for (const [key, value] of b) if (!a.has(key)) return report(path === '' ? `${key}` : `${path}.${key}`, 'nothing', show(value))
  return undefined
}

function entriesOf(record: Readonly<Record<string, unknown>>, preserved: boolean): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(record).filter(([key, value]) => value !== undefined && (preserved || key !== 'unknownFields')))
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof Map) && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function report(path: string, a: string, b: string): string {
  return `${path || 'the whole'}: ${a}, ${b}`
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Object.is(value, -0)) return '-0'
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Tensor) return `${value.dtype}[${value.dims.join(',')}]`
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (value instanceof Map) return `${value.size} entries`
  return Array.isArray(value) ? `${value.length} elements` : 'an object'
}
