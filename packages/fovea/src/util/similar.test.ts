import { expect, test } from 'vitest'
import { editDistance, similarNames } from './similar.ts'

test.each([
  ['', '', 0],
  ['conv3', 'conv3', 0],
  ['conv3', 'conv', 1],
  ['kitten', 'sitting', 3],
  ['', 'abc', 3],
])('from %j to %j it is %d', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance)
  expect(editDistance(b, a)).toBe(distance)
})

test('finds what may have been meant, nearest first', () => {
  const names = ['stem', 'conv2', 'conv3', '/layer3/conv1/Conv_output_0', 'embedding']
  expect(similarNames('Conv33', names)).toEqual(['conv3', 'conv2'])
  expect(similarNames('layer3/conv1', names)).toEqual(['/layer3/conv1/Conv_output_0'])
  expect(similarNames('xyz', names)).toEqual([])
  expect(similarNames('conv4', names, 1)).toEqual(['conv2'])
})
