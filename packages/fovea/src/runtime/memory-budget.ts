// How much memory open sessions may take, and how much one is thought to take.

import { totalmem } from 'node:os'
import { FoveaError } from '../util/errors.ts'

const units: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/**
 * FOVEA_MEMORY_BUDGET, as bytes or with a unit (`512MiB`, `1.5GiB`); else a quarter of the memory that this process may use.
 *
 * @throws FoveaError RUNTIME_BUDGET where the variable holds something else
 */
export function defaultBudget(setting = process.env.FOVEA_MEMORY_BUDGET): number {
  if (setting === undefined || setting === '') {
    // Within a container this is its limit; a number beyond the machine's memory where there is none.
    const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY
    return Math.floor(Math.min(limit, totalmem()) / 4)
  }
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?(KiB|MiB|GiB|)$/.exec(setting)
  if (match !== null) return Math.floor(Number(match[1]) * units[match[2]!]!)
  throw new FoveaError('RUNTIME_BUDGET', {
    field: 'FOVEA_MEMORY_BUDGET',
    expected: 'bytes, or a number with KiB, MiB or GiB',
    found: setting,
  })
}

/** A worker thread with its own JavaScript heap and the runtime's own objects: measured 40 to 60 MiB. */
const workerBytes = 48 * 2 ** 20
/** The runtime's copy of the weights, and the form in which its kernels want them. */
const weightFactor = 2
/** Bytes of intermediate results for each element fed: measured 30 to 120 on networks for pictures. */
const bytesPerElement = 64

/**
 * An estimate of what a session takes, since the runtime does not tell and the process's own figure counts everything in it.
 *
 * @param modelBytes length of the model's file
 * @param elements most elements that were fed in one run
 */
export function sessionBytes(modelBytes: number, elements: number, worker: boolean): number {
  return (worker ? workerBytes : 0) + weightFactor * modelBytes + bytesPerElement * elements
}
