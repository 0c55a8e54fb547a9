// The field that an error about a transform names.

import { isFoveaError } from '../src/util/errors.ts'

/** What DATA_TRANSFORM_INVALID names when `work` is done; "no error" where there is none. */
export function wrongField(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    if (isFoveaError(error, 'DATA_TRANSFORM_INVALID')) return error.details.field
    throw error
  }
  return 'no error'
}
