import { describe, expect, test } from 'vitest'
import { checkAlongDirections } from '../../test/directional-check.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { findResidualBlocks } from '../passes/residual-blocks.ts'
import { architectureNames, architectureOf, buildNetwork, countParameters, type Network, type NetworkOptions } from './architectures.ts'

/** The structure of an architecture with few channels, which is quick to build and which reference runs can afford. */
function narrow(name: string, options: NetworkOptions = {}): Network {
  const widths = architectureOf(name).defaults.options.widths?.map((_, i) => 2 + i)
  return buildNetwork(name, { classes: 3, seed: 5, ...(widths ? { widths } : {}), ...options })
}

describe.each(architectureNames())('%s', (name) => {
  test('has the published number of parameters, each of the right role and stage', () => {
    const network = buildNetwork(name)
    expect(countParameters(network)).toBe(architectureOf(name).expectedParameters)
    const { initializers } = network.model.graph
    for (const [path, { kind, stage, decay }] of network.parameters) {
      const { dims } = initializers.get(path)!
      expect(decay, path).toBe(kind === 'weight')
      expect(Object.keys(network.features), path).toContain(stage)
      expect(dims.length > 1, path).toBe(kind === 'weight')
    }
  })

  test('has features of the stated channels and strides, for any batch and size', () => {
    const { features, model } = narrow(name, { classes: 7 })
    const shapes = inferValues(model)
    for (const [stage, { value, channels }] of Object.entries(features)) {
      expect(value).toBe(stage)
      expect(shapes.dims(value)?.[1], stage).toBe(channels)
    }
    expect(shapes.dims('logits')).toEqual(['N', 7])
    const fixed = inferValues(narrow(name, { classes: 7, inputSize: [128, 64], batch: 2 }).model)
    for (const [stage, { value, channels, stride }] of Object.entries(features).slice(0, -2))
      expect(fixed.dims(value), stage).toEqual([2, channels, Math.ceil(128 / stride), Math.ceil(64 / stride)])
  })

  test('has the residual blocks that a search of its graph finds', () => {
    const { blocks, model, parameters } = narrow(name)
    expect(blocks.map((block) => block.output)).toEqual(findResidualBlocks(model.graph).map((block) => block.output))
    for (const block of blocks) expect([...parameters.keys()].filter((path) => path.startsWith(`${block.name}.`))).toEqual(block.parameters)
  })

  test('gives every parameter a gradient, which agrees with differences along a random direction', () => {
    checkAlongDirections(narrow(name, { inputSize: 64, batch: 2, dtype: 'float64' }), { size: 64 })
  })
})

test('the seed decides the first weights, layer by layer', () => {
  const weights = (seed: number, classes: number) => buildNetwork('small-cnn', { seed, classes }).model.graph.initializers
  const [first, again, other, wider] = [weights(1, 4), weights(1, 4), weights(2, 4), weights(1, 5)]
  for (const [name, { data }] of first) expect(again.get(name)!.data, name).toEqual(data)
  const body = [...first.keys()].filter((name) => /conv.*weight/.test(name))
  expect(body.length).toBeGreaterThan(3)
  for (const name of body) {
    expect(other.get(name)!.data, name).not.toEqual(first.get(name)!.data)
    expect(wider.get(name)!.data, name).toEqual(first.get(name)!.data)
  }
})

test('options change the network', () => {
  const names = (options: object) => [
    ...buildNetwork('resnet18', { widths: [4, 4, 8, 8], classes: 2, ...options }).model.graph.initializers.keys(),
  ]
  const cifar = buildNetwork('resnet18', { widths: [4, 4, 8, 8], classes: 2, stem: 'cifar', inputChannels: 1, zeroInit: true })
  expect(cifar.features.conv5!.stride).toBe(8)
  const { initializers } = cifar.model.graph
  expect(initializers.get('conv1.weight')!.dims).toEqual([4, 1, 3, 3])
  expect([...initializers.get('layer1.0.bn2.weight')!.data]).toEqual([0, 0, 0, 0])
  expect(names({})).toContain('layer2.0.downsample.1.running_var')
  expect(cifar.options).toEqual({ stem: 'cifar', widths: [4, 4, 8, 8], zeroInit: true, classes: 2 })
})

test('options that cannot be built are refused', () => {
  const refused: [string, object][] = [
    ['resnet18', { widths: [4, 4] }],
    ['resnet18', { widths: [4, 4, 8, 0.5] }],
    ['resnet18', { stem: 'toString' }],
    ['small-cnn', { classes: 0 }],
    ['small-cnn', { dropout: 1 }],
    ['small-cnn', { activation: 'swish' }],
  ]
  for (const [name, options] of refused) expect(() => buildNetwork(name, options), JSON.stringify(options)).toThrow(/NN_OPTION_INVALID/)
})

test('an unknown name is refused with those that exist', () => {
  for (const name of ['resnet19', 'toString']) expect(() => buildNetwork(name)).toThrow(/NN_UNKNOWN_ARCHITECTURE/)
  expect(() => architectureOf('x')).toThrow(/resnet18/)
})
