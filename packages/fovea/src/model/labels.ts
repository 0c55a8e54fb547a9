// Class names: what a list of them must be, and the error that says where a wrong one came from.

import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'

/** Where a list of class names was stated: a file and a field of it, or an option. */
export interface LabelOrigin {
  readonly file?: string | undefined
  readonly field: string
}

/**
 * Holds that there is a name for each class. Names may be equal: published sets have such (ImageNet has two classes "crane").
 *
 * @throws FoveaError MODEL_LABELS naming where the list was stated
 */
export function checkLabels(labels: unknown, classes: number, origin: LabelOrigin): asserts labels is readonly string[] {
  checkTexts(labels, origin)
  if (labels.length !== classes)
    throw new FoveaError('MODEL_LABELS', { ...origin, expected: `${classes} labels, one for each class`, found: `${labels.length}` })
}

/**
 * Holds that a head can be trained for these classes: at least two names, none empty, all different. The softmax of one score is always 1.
 *
 * @throws FoveaError MODEL_LABELS
 */
export function checkNewLabels(labels: unknown, origin: LabelOrigin = { field: 'labels' }): asserts labels is readonly string[] {
  checkTexts(labels, origin)
  const fail = (expected: string, found: string) => new FoveaError('MODEL_LABELS', { ...origin, expected, found, remedy: newRemedy })
  if (labels.length < 2) throw fail('at least two labels, since the softmax of one score is always 1', `${labels.length}`)
  const empty = labels.findIndex((label) => label.trim() === '')
  if (empty >= 0) throw fail('labels that are not empty', `an empty one at ${empty}`)
  const twice = labels.find((label, i) => labels.indexOf(label) !== i)
  if (twice !== undefined) throw fail('labels that differ', `"${clip(twice, 60)}" twice`)
}

const newRemedy = 'Give each class a name of its own.'

function checkTexts(labels: unknown, origin: LabelOrigin): asserts labels is readonly string[] {
  if (Array.isArray(labels) && labels.every((label) => typeof label === 'string')) return
  const found = Array.isArray(labels) ? 'a list with something else' : labels === null ? 'null' : typeof labels
  throw new FoveaError('MODEL_LABELS', { ...origin, expected: 'a list of class names', found })
}
