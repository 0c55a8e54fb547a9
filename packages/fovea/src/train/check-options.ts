// Options of trainings, read one by one: the value that was given, or the default, and an error that names the field.

import { FoveaError } from '../util/errors.ts'

export function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('TRAIN_OPTION', { field, expected, found: String(found) })
}

/** Reads the options of one training. Every method throws TRAIN_OPTION naming the field. */
export class OptionReader<O extends object> {
  readonly #options: O

  constructor(options: O) {
    this.#options = options
  }

  oneOf<T extends string>(field: keyof O & string, allowed: readonly T[], fallback: NoInfer<T>): T {
    const value = (this.#options[field] as T | undefined) ?? fallback
    if (!allowed.includes(value)) throw invalid(field, allowed.join(', '), value)
    return value
  }

  whole(field: keyof O & string, least: number, fallback: number): number {
    const value = (this.#options[field] as number | undefined) ?? fallback
    if (!Number.isSafeInteger(value) || value < least) throw invalid(field, `a whole number of at least ${least}`, value)
    return value
  }

  /** A finite number from 0 on, where told below a limit. */
  amount(field: keyof O & string, fallback: number, below = Number.POSITIVE_INFINITY): number {
    const value = (this.#options[field] as number | undefined) ?? fallback
    if (!(value >= 0 && value < below))
      throw invalid(field, below === Number.POSITIVE_INFINITY ? 'a number of at least 0' : `a number from 0 to below ${below}`, value)
    return value
  }
}
