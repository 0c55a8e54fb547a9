// What goes to the worker of OpenCV and comes back: plain data and typed arrays, whose buffers are handed over.

import type { ErrorCode, ErrorDetails } from '../../util/errors.ts'
import type { Image } from '../../vision/image.ts'
import type { CvArgument } from './call.ts'
import type { FunctionName, ReadName, StepName } from './tables.ts'

export interface PlannedStep {
  readonly name: StepName
  readonly options: unknown
}

export interface SubtractorOptions {
  readonly history: number
  readonly threshold: number
  readonly detectShadows: boolean
}

export type Request =
  | {
      readonly kind: 'pipeline'
      readonly image: Image
      readonly steps: readonly PlannedStep[]
      readonly read: ReadName
      readonly options: unknown
    }
  | { readonly kind: 'function'; readonly name: FunctionName; readonly options: unknown }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly CvArgument[] }
  | {
      readonly kind: 'subtract'
      readonly id: number
      /** With the first frame alone: what to make. */
      readonly create?: SubtractorOptions
      readonly image: Image
      readonly learningRate: number
      readonly background: boolean
    }
  | { readonly kind: 'forget'; readonly id: number }

export type Reply = { readonly heapBytes: number } & (
  | { readonly value: unknown }
  /** `isFatal`: the library can no longer be relied on; the thread must go. `isSpent`: failures have left much behind; it should go if it may. */
  | { readonly code: ErrorCode; readonly details: ErrorDetails; readonly isFatal: boolean; readonly isSpent: boolean }
)

/** A copy whose typed arrays are over buffers of their own, and those buffers, to be handed over. */
export function pack<T>(value: T): { readonly packed: T; readonly buffers: ArrayBuffer[] } {
  const buffers: ArrayBuffer[] = []
  const walk = (part: unknown): unknown => {
    if (ArrayBuffer.isView(part)) {
      // A view may show a part of a larger buffer, which would travel whole.
      const copy = (part as Uint8Array).slice()
      buffers.push(copy.buffer)
      return copy
    }
    if (Array.isArray(part)) return typeof part[0] === 'number' ? part : part.map(walk)
    if (part === null || typeof part !== 'object') return part
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner)]))
  }
  return { packed: walk(value) as T, buffers }
}

/** The buffers of all typed arrays in an answer. */
export function buffersOf(value: unknown, found: Set<ArrayBuffer> = new Set()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) found.add(value.buffer as ArrayBuffer)
  else if (Array.isArray(value)) {
    if (typeof value[0] === 'object') for (const part of value) buffersOf(part, found)
  } else if (value !== null && typeof value === 'object') for (const part of Object.values(value)) buffersOf(part, found)
  return found
}
