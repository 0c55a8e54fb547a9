import { describe, expect, test } from 'vitest'
import { checkAlongDirections } from '../../test/directional-check.ts'
import golden from '../../test/golden/timm-state-dicts.json' with { type: 'json' }
import { narrowNetwork } from '../../test/narrow-network.ts'
import { decodeModel } from '../graph/codec/decode.ts'
import { encodeModel } from '../graph/codec/encode.ts'
import { printModel } from '../graph/printer.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { findResidualBlocks } from '../passes/residual-blocks.ts'
import { findTrainable } from '../passes/trainable.ts'
import { architectureNames, architectureOf, buildNetwork, countParameters } from './architectures.ts'
import { mapOfTokens } from './models/vit.ts'
import { ModuleBuilder } from './module.ts'

interface TimmTensors {
  readonly [part: string]: TimmTensors | readonly number[]
}

/** Names and shapes of timm's state dicts, by name of the row. */
const timmModels: Readonly<Record<string, { readonly parameters: number; readonly tensors: TimmTensors } | undefined>> = golden.models

function shapesOf(tree: TimmTensors): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([part, below]): [string, readonly number[]][] =>
      isShape(below) ? [[part, below]] : Object.entries(shapesOf(below)).map(([rest, dims]) => [`${part}.${rest}`, dims]),
    ),
  )
}

function isShape(below: TimmTensors | readonly number[]): below is readonly number[] {
  return Array.isArray(below)
}

/** Added to tokens like biases, whatever their shape. */
const tokenTables = ['cls_token', 'pos_embed']

describe.each(architectureNames())('%s', (name) => {
  const row = architectureOf(name)

  test('has the published parameters, under the names and in the shapes of timm, each of the right role and stage', () => {
    // What the first values are, the narrow networks show.
    const network = buildNetwork(name, { values: 'zero' })
    expect(countParameters(network)).toBe(row.expectedParameters)
    const { initializers } = network.model.graph
    for (const [path, { kind, stage, decay }] of network.parameters) {
      const { dims } = initializers.get(path)!
      expect(decay, path).toBe(kind === 'weight')
      expect(Object.keys(network.features), path).toContain(stage)
      expect(dims.length > 1 && !tokenTables.includes(path), path).toBe(kind === 'weight')
    }
    const theirs = timmModels[name]
    if (theirs === undefined) return
    expect(row.expectedParameters).toBe(theirs.parameters)
    const shapes = [...network.parameters.keys()].map((path): [string, number[]] => [path, [...initializers.get(path)!.dims]])
    expect(Object.fromEntries(shapes)).toEqual(shapesOf(theirs.tensors))
  })

  test('trains those parameters and no others', () => {
    const { model, parameters } = narrowNetwork(name)
    const ours = [...parameters].filter(([, { kind }]) => kind !== 'running').map(([path, { kind }]) => `${path} ${kind}`)
    const found = findTrainable(model.graph, 'pixels').map(({ name: path, kind }) => `${path} ${kind}`)
    expect(found.sort()).toEqual(ours.sort())
  })

  test('begins with values that are drawn, none of them too far from 0', () => {
    const { model, parameters } = narrowNetwork(name)
    for (const [path, { kind }] of parameters) {
      const data = [...(model.graph.initializers.get(path)!.data as Float32Array)]
      const most = Math.max(...data.map(Math.abs))
      expect(most, path).toBeLessThan(10)
      if (kind === 'weight') expect(new Set(data).size, path).toBeGreaterThan(data.length / 2)
    }
  })

  test('has features of the stated channels and strides, for any batch, and any size where it is not fixed', () => {
    const { features, model } = narrowNetwork(name, { classes: 7 })
    const shapes = inferValues(model)
    for (const [stage, { value, channels }] of Object.entries(features)) {
      expect(value).toBe(stage)
      expect(shapes.dims(value)?.at(isTokens(stage) ? -1 : 1), stage).toBe(channels)
      expect(shapes.dims(value)?.[0], stage).toBe('N')
    }
    expect(shapes.dims('logits')).toEqual(['N', 7])
    const fixed = inferValues(narrowNetwork(name, { classes: 7, inputSize: [128, 64], batch: 2 }).model)
    for (const [stage, { value, channels, stride }] of Object.entries(features).slice(0, -2)) {
      const [height, width] = [Math.ceil(128 / stride), Math.ceil(64 / stride)]
      expect(fixed.dims(value), stage).toEqual(isTokens(stage) ? [2, 1 + height * width, channels] : [2, channels, height, width])
    }
    function isTokens(stage: string): boolean {
      return row.family === 'vit' && stage !== 'embedding' && stage !== 'logits'
    }
  })

  test('is the same model behind a file', () => {
    const { model } = narrowNetwork(name)
    const again = decodeModel(encodeModel(model))
    expect(printModel(again)).toBe(printModel(model))
    for (const [path, { bytes }] of model.graph.initializers) expect(again.graph.initializers.get(path)!.bytes, path).toEqual(bytes)
  })

  test('has the residual blocks that a search of its graph finds', () => {
    const { blocks, model, parameters } = narrowNetwork(name)
    expect(blocks.map((block) => block.output)).toEqual(findResidualBlocks(model.graph).map((block) => block.output))
    for (const name of new Set(blocks.map((block) => block.name)))
      expect([...parameters.keys()].filter((path) => path.startsWith(`${name}.`))).toEqual(
        blocks.filter((block) => block.name === name).flatMap((block) => block.parameters),
      )
  })

  test('gives every parameter a gradient, which agrees with differences along a random direction', () => {
    checkAlongDirections(narrowNetwork(name, { inputSize: 64, batch: 2, dtype: 'float64' }), { size: 64 })
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
    ['mobilenetv2', { widths: [8] }],
    ['convnext-tiny', { depths: [1, 1, 0, 1] }],
    ['convnext-tiny', { depths: 3 }],
    ['vit-tiny', { heads: 0.5 }],
    ['vit-tiny', { patch: '16' }],
  ]
  for (const [name, options] of refused) expect(() => buildNetwork(name, options), JSON.stringify(options)).toThrow(/NN_OPTION_INVALID/)
})

test('rows of the papers are all held to timm', () => {
  expect(Object.keys(timmModels)).toHaveLength(12)
  for (const name of Object.keys(timmModels)) expect(architectureNames()).toContain(name)
})

test('a vision transformer is built for one size, and its heads and patches must divide', () => {
  expect(buildNetwork('vit-tiny', { values: 'zero' }).model.graph.inputs[0]!.type).toMatchObject({ dims: ['N', 3, 224, 224] })
  const small = { widths: [8], depths: [2], heads: 2, patch: 4, values: 'zero' } as const
  const { features, model } = buildNetwork('vit-tiny', { ...small, inputSize: [8, 12] })
  expect(model.graph.initializers.get('pos_embed')!.dims).toEqual([1, 7, 8])
  expect(Object.keys(features)).toEqual(['stem', 'block1', 'block2', 'embedding', 'logits'])
  for (const wrong of [{ inputSize: ['H', 'W'] as const }, { inputSize: 10 }, { inputSize: 8, heads: 3 }, { inputSize: 8, depths: [1, 1] }])
    expect(() => buildNetwork('vit-tiny', { ...small, ...wrong })).toThrow(/NN_OPTION_INVALID/)
})

test('tokens become maps of the patches, in their order', () => {
  const m = new ModuleBuilder(undefined, { dtype: 'float64' })
  const tokens = { value: m.b.input('tokens', 'float64', ['N', 7, 2]), channels: 2, stride: 16 }
  const map = mapOfTokens(m, 'map', tokens, [2, 3])
  m.b.output(map.value)
  const data = Array.from({ length: 14 }, (_, i) => i)
  const made = evaluateModel(m.b.model(), new Map([['tokens', ndarray('float64', [1, 7, 2], data)]])).get(map.value)!
  expect(made.dims).toEqual([1, 2, 2, 3])
  expect([...made.data]).toEqual([2, 4, 6, 8, 10, 12, 3, 5, 7, 9, 11, 13])
})

test('an unknown name is refused with those that exist', () => {
  for (const name of ['resnet19', 'toString']) expect(() => buildNetwork(name)).toThrow(/NN_UNKNOWN_ARCHITECTURE/)
  expect(() => architectureOf('x')).toThrow(/resnet18/)
})

test('a network of shapes alone has all names and shapes, and memory for its largest tensor', () => {
  const [shapes, zeros] = (['shape', 'zero'] as const).map((values) => buildNetwork('resnet18', { values }).model.graph.initializers)
  const listed = (tensors: NonNullable<typeof shapes>) => [...tensors].map(([name, { dtype, dims }]) => `${name} ${dtype} ${dims}`)
  expect(listed(shapes!)).toEqual(listed(zeros!))
  const bytes = [...new Set([...shapes!.values()].map(({ data }) => data.buffer))].reduce((sum, buffer) => sum + buffer.byteLength, 0)
  expect(bytes).toBeLessThan(0.5 * [...zeros!.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0))
})
