import { describe, expect, test } from 'vitest'
import golden from '../../../test/golden/nn.json' with { type: 'json' }
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { type Feature, ModuleBuilder } from '../module.ts'
import {
  type Activation,
  activation,
  activationNames,
  add,
  averagePool,
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  globalAveragePool,
  layerNorm,
  linear,
  maxPool,
  squeezeExcite,
} from './index.ts'

type Layer<Options> = (m: ModuleBuilder, name: string, x: Feature, options: Options) => Feature

const layers: Readonly<Record<string, unknown>> = {
  conv2d,
  batchNorm2d,
  layerNorm,
  linear,
  maxPool,
  averagePool,
  globalAveragePool,
  flatten,
  dropout,
  squeezeExcite,
  activation,
}

function input(m: ModuleBuilder, dims: readonly number[], channelAxis = 1): Feature {
  return { value: m.b.input('x', m.dtype, dims), channels: dims.at(channelAxis)!, stride: 1 }
}

describe('layers compute what those of PyTorch compute, with parameters of the same names', () => {
  test.each(golden.layers.map((c) => [`${c.layer} ${JSON.stringify(c.options)}`, c] as const))('%s', (_, c) => {
    const m = new ModuleBuilder(undefined, { dtype: 'float64' }).module('block.0')
    const last = c.layer === 'linear' || c.layer === 'layerNorm'
    const layer = layers[c.layer] as Layer<unknown>
    const y = layer(m, 'layer', input(m, c.dims, last ? -1 : 1), c.options)
    const parameters = Object.entries(c.parameters as Record<string, { dims: number[]; values: number[] }>)
    expect([...m.parameters.keys()]).toEqual(parameters.map(([name]) => `block.0.layer.${name}`))
    const feeds = new Map([
      ['x', ndarray('float64', c.dims, c.x)],
      ...parameters.map(([name, { dims, values }]) => [`block.0.layer.${name}`, ndarray('float64', dims, values)] as const),
    ])
    for (const [name, { dims }] of parameters) expect(m.b.graph.initializers.get(`block.0.layer.${name}`)!.dims).toEqual(dims)
    m.b.output(y.value)
    const { data, dims } = evaluateModel(m.b.model(), feeds).get(y.value)!
    expect(data.length).toBe(c.y.length)
    for (const [i, value] of c.y.entries()) expect(data[i]).toBeCloseTo(value, 6)
    expect(dims.at(last ? -1 : 1)).toBe(y.channels)
    if (dims.length === 4 && dims[2]! > 1) expect(dims[2]).toBe(Math.ceil(c.dims[2]! / y.stride))
  })

  test('all activations are among them', () => {
    expect(golden.layers.filter((c) => c.layer === 'activation').map((c) => c.options as Activation)).toEqual(activationNames())
  })
})

test('a value has the path of its layer, and can be given a stable name', () => {
  const m = new ModuleBuilder()
  const x = m.input('pixels', 3)
  const body = m.module('layer1.0').stage('conv2')
  const y = activation(body, 'act', conv2d(body, 'conv', x, { out: 4, kernel: 3, stride: 2, bias: true }), 'silu')
  const named = m.named('conv2', y)
  m.b.output(named.value)
  const model = m.b.model()
  expect(model.graph.nodes.flatMap((node) => node.outputs)).toEqual(['layer1.0.conv', 'layer1.0.act.gate', 'conv2'])
  expect(model.graph.nodes.map((node) => node.name)).toEqual(['layer1.0.conv', 'layer1.0.act.gate', 'conv2'])
  expect(named).toEqual({ value: 'conv2', channels: 4, stride: 2 })
  expect(inferValues(model).dims('conv2')!.slice(0, 2)).toEqual(['N', 4])
  expect(Object.fromEntries(m.parameters)).toEqual({
    'layer1.0.conv.weight': { kind: 'weight', stage: 'conv2', decay: true },
    'layer1.0.conv.bias': { kind: 'bias', stage: 'conv2', decay: false },
  })
})

test('naming a value that has been used renames its uses', () => {
  const m = new ModuleBuilder()
  const x = m.input('pixels', 3)
  const y = activation(m, 'a', x, 'relu')
  const z = activation(m, 'b', y, 'relu')
  m.named('stem', y)
  expect(m.named('input', x).value).toBe('input')
  m.b.output(z.value)
  expect(m.b.graph.nodes.map((node) => `${node.inputs} ${node.op} ${node.outputs}`)).toEqual([
    'pixels Relu stem',
    'stem Relu b',
    'pixels Identity input',
  ])
})

test('layers that cannot be are refused', () => {
  const m = new ModuleBuilder()
  const x = m.input('pixels', 3)
  const y = conv2d(m, 'conv', x, { out: 4, kernel: 3 })
  expect(() => conv2d(m, 'conv', x, { out: 4, kernel: 3 })).toThrow(/GRAPH_DUPLICATE_NAME/)
  expect(() => conv2d(m, 'grouped', x, { out: 4, kernel: 3, groups: 2 })).toThrow(/3 in, 4 out/)
  expect(() => add(m, 'add', x, y)).toThrow(/NN_OPTION_INVALID/)
})
