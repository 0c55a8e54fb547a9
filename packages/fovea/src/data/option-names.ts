// Options by their names: a misspelt one would do nothing, and be taken for one that did.

import type { FoveaError } from '../util/errors.ts'

/** Makes the error of a field, with the code of whoever asks. */
export type OptionFailure = (field: string, expected: string, found: unknown) => FoveaError

/**
 * Holds that options are an object of known names; undefined ones do not count.
 *
 * @param at what stands before the name in messages, such as `size.`
 * @throws what `fail` makes
 */
export function checkOptionNames(options: unknown, known: readonly string[], fail: OptionFailure, at = ''): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const found = options === null ? 'null' : Array.isArray(options) ? 'a list' : `${typeof options} ${String(options)}`.slice(0, 60)
    throw fail(at === '' ? 'options' : at.slice(0, -1), 'an object', found)
  }
  const stray = Object.entries(options).find(([name, value]) => value !== undefined && !known.includes(name))?.[0]
  if (stray !== undefined) throw fail(`${at}${stray}`, `an option such as ${known.join(', ')}`, 'no such option')
}
