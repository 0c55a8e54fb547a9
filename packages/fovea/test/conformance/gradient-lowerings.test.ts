// Gradient graphs of windowed and normalising operators: ONNX Runtime in float32 against the reference, for every lowering.

import { describe, expect, test } from 'vitest'
import { type AttributeInputs, GraphBuilder } from '../../src/graph/builder.ts'
import { sizeOf, Tensor } from '../../src/graph/tensor.ts'
import { evaluateModel, ndarrayOf } from '../../src/ops/evaluate.ts'
import type { LoweringQuery } from '../../src/ops/operator.ts'
import { autodiff } from '../../src/passes/autodiff.ts'
import { openSession } from '../../src/runtime/session.ts'
import { Random } from '../../src/util/random.ts'

interface GradientCase {
  readonly op: string
  readonly inputs: Readonly<Record<string, readonly number[]>>
  readonly attributes: AttributeInputs
  /** Names of all inputs where some are constants: '' and lists of integers or floats beside the names of `inputs`. */
  readonly order?: readonly (string | Tensor)[]
  /** Ways to try, each where it is offered; without any the operator's own rule. */
  readonly lowerings?: readonly string[]
  readonly outputs?: number
  readonly opset?: number
  /** Inputs that must be positive. */
  readonly positive?: readonly string[]
}

const weightWays = ['gathered', 'batched', 'folded', 'rows', 'folded-rows', 'correlated']

function conv(x: readonly number[], w: readonly number[], attributes: AttributeInputs, op = 'Conv'): GradientCase {
  const outputs = op === 'Conv' ? w[0]! : w[1]! * ((attributes.group as number | undefined) ?? 1)
  return { op, inputs: { x, w, bias: [outputs] }, attributes, lowerings: ['transposed', ...weightWays] }
}

const norm = (
  op: string,
  x: readonly number[],
  parameters: readonly number[],
  attributes: AttributeInputs,
  opset?: number,
): GradientCase => ({
  op,
  inputs: { x, scale: parameters, ...(op.startsWith('RMS') ? {} : { bias: parameters }) },
  attributes,
  ...(opset === undefined ? {} : { opset }),
})

const pool = (op: string, x: readonly number[], attributes: AttributeInputs): GradientCase => ({
  op,
  inputs: { x },
  attributes,
  lowerings: ['taps', 'indices'],
})

const floats = (...values: number[]) => Tensor.float32([values.length], values)
const ints = (...values: number[]) => Tensor.int64([values.length], values)

const resize = (scales: readonly number[], attributes: AttributeInputs): GradientCase => ({
  op: 'Resize',
  inputs: { x: [2, 3, 5, 6] },
  order: ['x', '', floats(1, 1, ...scales)],
  attributes,
  lowerings: ['blocks', 'matrices'],
})

const sample = (attributes: AttributeInputs): GradientCase => ({
  op: 'GridSample',
  inputs: { x: [2, 3, 5, 6], grid: [2, 4, 5, 2] },
  attributes,
  opset: 20,
})

const batch = { x: [3, 4, 5, 6], scale: [4], bias: [4], mean: [4], variance: [4] }

const cases: readonly GradientCase[] = [
  conv([2, 3, 8, 9], [4, 3, 3, 3], { pads: [1, 1, 1, 1] }),
  conv([2, 3, 8, 9], [4, 3, 3, 2], { pads: [2, 0, 1, 1], strides: [2, 1], dilations: [1, 2] }),
  conv([2, 4, 9, 9], [6, 2, 3, 3], { pads: [1, 1, 1, 1], group: 2 }),
  conv([2, 4, 9, 8], [8, 1, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2], group: 4 }),
  conv([2, 4, 9, 8], [4, 1, 3, 3], { pads: [0, 1, 0, 1], group: 4 }),
  conv([2, 5, 7, 7], [3, 5, 1, 1], { strides: [2, 2] }),
  conv([2, 5, 7, 7], [3, 5, 1, 1], {}),
  conv([1, 3, 20, 20], [4, 3, 7, 7], { pads: [3, 3, 3, 3], strides: [2, 2] }),
  conv([2, 3, 11], [4, 3, 4], { pads: [1, 2], strides: [3] }),
  conv([2, 2, 5, 6, 7], [3, 2, 2, 3, 3], { pads: [0, 1, 1, 1, 1, 1], strides: [1, 2, 1] }),
  conv([2, 4, 5, 6], [4, 3, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }, 'ConvTranspose'),
  conv([2, 4, 5, 6], [4, 3, 2, 2], { strides: [2, 2], group: 2 }, 'ConvTranspose'),
  pool('MaxPool', [2, 3, 8, 8], { kernel_shape: [2, 2], strides: [2, 2] }),
  pool('MaxPool', [2, 3, 9, 8], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  pool('MaxPool', [2, 3, 9, 9], { kernel_shape: [2, 2], strides: [2, 2] }),
  pool('MaxPool', [2, 3, 9, 9], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  pool('MaxPool', [2, 3, 9], { kernel_shape: [3], dilations: [2] }),
  pool('AveragePool', [2, 3, 8, 8], { kernel_shape: [2, 2], strides: [2, 2] }),
  pool('AveragePool', [2, 3, 9, 8], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  pool('AveragePool', [2, 3, 9, 8], { kernel_shape: [3, 2], pads: [1, 0, 1, 1], count_include_pad: 1 }),
  pool('AveragePool', [2, 3, 7, 7], { kernel_shape: [7, 7] }),
  pool('LpPool', [2, 3, 8, 8], { kernel_shape: [3, 3], strides: [2, 2], p: 2 }),
  pool('GlobalAveragePool', [2, 3, 7, 5], {}),
  pool('GlobalMaxPool', [2, 3, 7, 5], {}),
  { op: 'BatchNormalization', inputs: batch, attributes: {}, positive: ['variance'] },
  { op: 'BatchNormalization', inputs: batch, attributes: { training_mode: 1 }, outputs: 3, positive: ['variance'] },
  norm('InstanceNormalization', [2, 3, 5, 6], [3], {}),
  norm('GroupNormalization', [2, 6, 5, 6], [6], { num_groups: 3 }),
  norm('LayerNormalization', [2, 5, 8], [8], { axis: -1 }),
  norm('RMSNormalization', [2, 5, 8], [8], {}, 23),
  { op: 'LRN', inputs: { x: [2, 7, 4, 5] }, attributes: { size: 5, alpha: 0.2 } },
  { op: 'MeanVarianceNormalization', inputs: { x: [2, 3, 4, 5] }, attributes: {} },
  { op: 'LpNormalization', inputs: { x: [2, 7] }, attributes: {} },
  resize([2, 2], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
  resize([2, 3], { mode: 'linear' }),
  resize([2, 0.5], { mode: 'cubic', exclude_outside: 1 }),
  resize([0.5, 0.5], { mode: 'linear', antialias: 1 }),
  sample({}),
  sample({ padding_mode: 'border', align_corners: 1 }),
  sample({ padding_mode: 'reflection' }),
  sample({ mode: 'cubic' }),
  sample({ mode: 'nearest', padding_mode: 'border' }),
  { op: 'AffineGrid', inputs: { theta: [2, 2, 3] }, order: ['theta', ints(2, 3, 4, 5)], attributes: {}, opset: 20 },
  { op: 'DepthToSpace', inputs: { x: [2, 8, 3, 4] }, attributes: { blocksize: 2, mode: 'CRD' } },
  { op: 'SpaceToDepth', inputs: { x: [2, 2, 6, 4] }, attributes: { blocksize: 2 } },
  { op: 'CenterCropPad', inputs: { x: [2, 5, 6] }, order: ['x', ints(7, 3)], attributes: { axes: [1, 2] } },
  {
    op: 'MaxUnpool',
    inputs: { x: [1, 1, 2, 2] },
    order: ['x', Tensor.int64([1, 1, 2, 2], [5, 7, 8, 10])],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
  },
  { op: 'Col2Im', inputs: { x: [2, 18, 20] }, order: ['x', ints(6, 7), ints(3, 3)], attributes: {} },
]

/** Adds the tested node; returns its first result. */
function addNode(b: GraphBuilder, { op, inputs, order, outputs = 1, attributes }: GradientCase): string {
  for (const [name, dims] of Object.entries(inputs)) b.input(name, 'float32', dims)
  const names = (order ?? Object.keys(inputs)).map((input) => (typeof input === 'string' ? input : b.constant(input)))
  return b.ops(op, names, outputs, attributes)[0]!
}

function forwardModel(test: GradientCase, projection: readonly number[]) {
  const b = new GraphBuilder({ opset: test.opset ?? 21 })
  const y = addNode(b, test)
  b.output(b.op('ReduceSum', [b.op('Mul', [y, b.input('projection', 'float32', projection)])], { keepdims: 0 }, 'loss'))
  return b.model()
}

/** The most that ONNX Runtime's gradients differ from the reference's, relative to their size. */
async function disagreement(test: GradientCase, lowering: (query: LoweringQuery) => string): Promise<number> {
  const random = new Random(7, test.op)
  const draw = (dims: readonly number[], low: number) =>
    Tensor.float32(
      dims,
      Float32Array.from({ length: sizeOf(dims) }, () => random.uniform(low, 1)),
    )
  const feeds: Record<string, Tensor> = {}
  for (const [name, dims] of Object.entries(test.inputs)) feeds[name] = draw(dims, test.positive?.includes(name) ? 0.3 : -1)
  const probe = new GraphBuilder({ opset: test.opset ?? 21 })
  const y = addNode(probe, test)
  const arrays = new Map(Object.entries(feeds).map(([name, tensor]) => [name, ndarrayOf(tensor)]))
  feeds.projection = draw(evaluateModel(probe.model(), arrays, [y]).get(y)!.dims, -1)
  arrays.set('projection', ndarrayOf(feeds.projection))
  const parameters = Object.keys(test.inputs).filter((name) => !['mean', 'variance'].includes(name))
  const { model, gradients } = autodiff(forwardModel(test, feeds.projection.dims), { loss: 'loss', parameters, lowering })
  model.graph.outputs = [...gradients.values()].map((name) => ({ name }))
  const expected = evaluateModel(model, arrays)
  const session = await openSession(model, { worker: false, threads: 1 })
  try {
    const found = await session.run(feeds)
    return Math.max(...[...gradients.values()].map((name) => difference(ndarrayOf(found[name]!), expected.get(name)!)))
  } finally {
    await session.close()
  }
}

function difference(found: ReturnType<typeof ndarrayOf>, wanted: ReturnType<typeof ndarrayOf>): number {
  if (found.dims.join() !== wanted.dims.join()) return Number.POSITIVE_INFINITY
  const scale = wanted.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
  return found.data.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted.data[i]!)), 0) / scale
}

describe('gradients on ONNX Runtime agree with the reference', () => {
  test.each(
    cases.map((each) => [`${each.op} ${JSON.stringify(Object.values(each.inputs)[0])} ${JSON.stringify(each.attributes)}`, each] as const),
  )('%s', async (_, each) => {
    const tried = new Set<string>()
    const preferred = await disagreement(each, (query) => query.preferred)
    expect(preferred).toBeLessThan(1e-5)
    for (const name of each.lowerings ?? []) {
      const error = await disagreement(each, ({ candidates, preferred: own }) => {
        if (candidates.includes(name)) tried.add(name)
        return candidates.includes(name) ? name : own
      })
      expect(error, name).toBeLessThan(1e-5)
    }
    if (each.op === 'Conv') expect(tried.size).toBeGreaterThan(3)
  })
})
