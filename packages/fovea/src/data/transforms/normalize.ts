// Normalisation as a statement: it is not done on pixels here, it moves into the graph of the model.

import { invalid } from './parameters.ts'

export interface Normalize {
  readonly kind: 'normalize'
  /** Per channel, in 0-to-1 units. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** States that the model sees (value / 255 - mean) / std. Whoever builds the model reads it with `normalizationOf`. */
export function normalize(options: { readonly mean: readonly number[]; readonly std: readonly number[] }): Normalize {
  if (typeof options !== 'object' || options === null) throw invalid('normalize', 'an object such as { mean: [0.5], std: [0.5] }', options)
  const { mean, std } = options
  const numbers = (values: unknown): values is number[] => Array.isArray(values) && values.every(Number.isFinite)
  if (!numbers(mean) || (mean.length !== 1 && mean.length !== 3)) throw invalid('mean', '1 or 3 numbers', mean)
  if (!numbers(std) || std.length !== mean.length || std.some((v) => v <= 0)) throw invalid('std', `${mean.length} positive numbers`, std)
  return { kind: 'normalize', mean: [...mean], std: [...std] }
}
