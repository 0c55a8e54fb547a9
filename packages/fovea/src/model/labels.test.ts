import { describe, expect, it } from 'vitest'
import { buildClassifier } from './build-classifier.ts'
import { checkLabels, checkNewLabels } from './labels.ts'

describe('class names', () => {
  it('that were stated fit where there is one for each class, equal ones included', () => {
    checkLabels(['crane', 'crane'], 2, { field: 'labels' })
    expect(() => checkLabels(['a'], 2, { file: 'config.json', field: 'label_names' })).toThrow(
      /expected 2 labels, one for each class, found 1 \(file "config\.json", field "label_names"\).*\[MODEL_LABELS\]/,
    )
  })

  it.each([
    ['ab', /a list of class names, found string/],
    [null, /found null/],
    [['a', 1], /a list with something else/],
  ])('that are %j are none', (labels, message) => {
    expect(() => checkLabels(labels, 2, { field: 'labels' })).toThrow(message)
    expect(() => checkNewLabels(labels)).toThrow(message)
  })

  it.each([
    [[], /at least two labels.*found 0/],
    [['x'], /at least two labels, since the softmax of one score is always 1, found 1/],
    [['x', 'y', 'x'], /labels that differ, found "x" twice/],
    [['x', ' '], /labels that are not empty, found an empty one at 1/],
  ])('%j cannot be trained', (labels, message) => {
    expect(() => checkNewLabels(labels)).toThrow(message)
    expect(() => checkNewLabels(labels)).toThrow(/field "labels".*\[MODEL_LABELS\]/)
  })

  it('are asked for when a classifier is built', () => {
    for (const labels of [[], ['x', 'x']]) expect(() => buildClassifier('small-cnn', { labels })).toThrow(/\[MODEL_LABELS\]/)
  })
})
