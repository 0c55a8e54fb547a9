// ResNet-18 and the small CNN at their full widths: every gradient against differences along random directions.

import { test } from 'vitest'
import { buildNetwork } from '../../src/nn/architectures.ts'
import { checkAlongDirections } from '../directional-check.ts'

test.each([
  ['resnet18', { stem: 'cifar' }],
  ['small-cnn', {}],
] as const)('%s at full width', (name, options) => {
  const network = buildNetwork(name, { ...options, classes: 10, inputSize: 16, batch: 2, dtype: 'float64' })
  checkAlongDirections(network, { size: 16, directions: 3 })
})
