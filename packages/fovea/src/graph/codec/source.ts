// Where the decoder is reading, so that errors can say it, and what it reads external data with.

import { clipAll } from '../../util/clip.ts'
import { type ErrorCode, type ErrorPlace, FoveaError } from '../../util/errors.ts'
import type { ReadExternal } from './external.ts'

export class Source {
  readonly place: ErrorPlace
  readonly readExternal: ReadExternal | undefined

  constructor(place: ErrorPlace, readExternal?: ReadExternal) {
    this.place = place
    this.readExternal = readExternal
  }

  /** The same source at a more exact place. */
  at(place: ErrorPlace): Source {
    return new Source({ ...this.place, ...place }, this.readExternal)
  }

  fail(code: ErrorCode, expected: string, found: string, remedy?: string): never {
    // Names and locations of a hostile file can be very long.
    throw new FoveaError(code, clipAll({ ...this.place, expected, found, ...(remedy === undefined ? {} : { remedy }) }))
  }

  /** A number of the file that must be exact as a JavaScript number and not negative. */
  count(value: bigint, what: string, code: ErrorCode = 'ONNX_MALFORMED'): number {
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) this.fail(code, `${what} from 0 to 2^53 - 1`, `${value}`)
    return Number(value)
  }
}

/** A 64-bit integer as a number where that is exact, else as it is. */
export function integerOf(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
