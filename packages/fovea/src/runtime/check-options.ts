// What a session may be opened with, checked before a model is read or compiled.

import { FoveaError } from '../util/errors.ts'
import { parseDevice } from './device.ts'
import type { SessionOptions } from './session.ts'

/** Thousands of threads take the machine's memory. */
const mostThreads = 1024

const optimizations: readonly unknown[] = ['disabled', 'basic', 'extended', 'all'] satisfies SessionOptions['optimization'][]

/** @throws FoveaError RUNTIME_OPTION naming the field, RUNTIME_UNKNOWN_DEVICE */
export function checkSessionOptions({ device, threads, optimization }: Pick<SessionOptions, 'device' | 'threads' | 'optimization'>): void {
  if (device !== undefined) parseDevice(device)
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1 && threads <= mostThreads))
    throw new FoveaError('RUNTIME_OPTION', { field: 'threads', expected: `a whole number from 1 to ${mostThreads}`, found: `${threads}` })
  if (optimization !== undefined && !optimizations.includes(optimization))
    throw new FoveaError('RUNTIME_OPTION', { field: 'optimization', expected: optimizations.join(', '), found: `${optimization}` })
}
