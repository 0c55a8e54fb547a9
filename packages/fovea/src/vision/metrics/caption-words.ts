// Captions as words, and their n-grams.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'

/** A caption: text, or words that were parted elsewhere. */
export type Caption = string | readonly string[]

/** What a model wrote of one picture, and what people did. */
export interface CaptionedPicture {
  readonly candidate: Caption
  /** At least one. */
  readonly references: readonly Caption[]
}

/**
 * Words in lower case without punctuation. The COCO captions server parts words by the Penn Treebank's rules, which part "dog's" too; where
 * figures shall be compared with its own, give words that were parted so.
 */
export function wordsOf(caption: Caption): readonly string[] {
  return typeof caption === 'string' ? (caption.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*/gu) ?? []) : caption
}

function isCaption(value: unknown): value is Caption {
  return typeof value === 'string' || (Array.isArray(value) && value.every((word) => typeof word === 'string'))
}

/** @throws FoveaError METRIC_INVALID where there is no reference */
export function partCaptions({ candidate, references }: CaptionedPicture): {
  candidate: readonly string[]
  references: readonly (readonly string[])[]
} {
  if (!isCaption(candidate))
    throw new FoveaError('METRIC_INVALID', { field: 'candidate', expected: 'a text or words', found: said(candidate) })
  if (!Array.isArray(references) || !references.every(isCaption))
    throw new FoveaError('METRIC_INVALID', { field: 'references', expected: 'a list of texts or words', found: said(references) })
  if (references.length === 0) throw new FoveaError('METRIC_INVALID', { field: 'references', expected: 'at least one', found: 'none' })
  return { candidate: wordsOf(candidate), references: references.map(wordsOf) }
}

/** How often each run of `length` words occurs. */
export function countGrams(words: readonly string[], length: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + length <= words.length; i++) {
    const gram = words.slice(i, i + length).join('\n')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}
