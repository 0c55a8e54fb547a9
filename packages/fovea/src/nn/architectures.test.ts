import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../graph/builder.ts'
import { evaluateModel, ndarrayOf } from '../ops/evaluate.ts'
import { type NDArray, ndarray } from '../ops/ndarray.ts'
import { autodiff } from '../passes/autodiff.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { findResidualBlocks } from '../passes/residual-blocks.ts'
import { toTrainingMode } from '../passes/training-mode.ts'
import { Random } from '../util/random.ts'
import { architectureNames, architectureOf, buildNetwork, countParameters, type Network, type NetworkOptions } from './architectures.ts'
import { crossEntropy } from './losses.ts'

/** The structure of an architecture with few channels, which is quick to build and which reference runs can afford. */
function narrow(name: string, options: NetworkOptions = {}): Network {
  const widths = architectureOf(name).defaults.options.widths?.map((_, i) => 2 + i)
  return buildNetwork(name, { classes: 3, seed: 5, ...(widths ? { widths } : {}), ...options })
}

function trained(network: Network): string[] {
  return [...network.parameters].filter(([, { kind }]) => kind !== 'running').map(([name]) => name)
}

function pixels(batch: number, size: number): NDArray {
  const random = new Random(3)
  const dims = [batch, 3, size, size]
  return ndarray(
    'float64',
    dims,
    Float64Array.from({ length: batch * 3 * size * size }, () => random.normal()),
  )
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
      expect(fixed.dims(value), stage).toEqual([2, channels, 128 / stride, 64 / stride])
  })

  test('has the residual blocks that a search of its graph finds', () => {
    const { blocks, model, parameters } = narrow(name)
    expect(blocks.map((block) => block.output)).toEqual(findResidualBlocks(model.graph).map((block) => block.output))
    for (const block of blocks) expect([...parameters.keys()].filter((path) => path.startsWith(`${block.name}.`))).toEqual(block.parameters)
  })

  test('gives every parameter a gradient, which agrees with differences along a random direction', () => {
    const network = narrow(name, { inputSize: 64, batch: 2, dtype: 'float64' })
    const training = toTrainingMode(network.model, new Set(trained(network)))
    const b = new GraphBuilder({ graph: training.model.graph })
    const loss = crossEntropy(b, network.logits, b.input('targets', 'int64', [2]), { dtype: 'float64' })
    const { model, gradients } = autodiff(training.model, { loss, parameters: trained(network) })
    const random = new Random(11)
    const feeds = new Map([
      ['pixels', pixels(2, 64)],
      ['targets', ndarray('int64', [2], [0, 2])],
      ...training.masks.map(
        ({ input, dims }) => [input, ndarray('float64', dims, new Float64Array(dims.reduce((a, d) => a * d, 1)).fill(1))] as const,
      ),
    ])
    // Away from zero, where scales begin as constants and a ReLU may stand on its kink.
    const at = new Map(
      trained(network).map((path) => {
        const { dims, data, dtype } = ndarrayOf(network.model.graph.initializers.get(path)!)
        return [
          path,
          ndarray(
            dtype,
            dims,
            data.map((value) => value + random.normal(0, 0.1)),
          ),
        ]
      }),
    )
    const direction = new Map([...at].map(([path, { data }]) => [path, data.map(() => random.normal())]))
    const lossAlong = (distance: number) => {
      const moved = [...at].map(
        ([path, array]) => [path, { ...array, data: array.data.map((value, i) => value + distance * direction.get(path)![i]!) }] as const,
      )
      return evaluateModel(training.model, new Map([...feeds, ...moved]), [loss]).get(loss)!.data[0]!
    }
    // Small, so that few of the many ReLUs pass their kinks on the way.
    const h = 1e-8
    const numeric = (lossAlong(h) - lossAlong(-h)) / (2 * h)
    const values = evaluateModel(model, new Map([...feeds, ...at]), [...gradients.values()])
    let slope = 0
    for (const [path, gradient] of gradients) {
      const { data, dims } = values.get(gradient)!
      expect(dims, path).toEqual(at.get(path)!.dims)
      expect(
        data.some((value) => value !== 0),
        path,
      ).toBe(true)
      data.forEach((value, i) => {
        slope += value * direction.get(path)![i]!
      })
    }
    expect(Math.abs(slope - numeric) / Math.abs(numeric)).toBeLessThan(1e-6)
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
