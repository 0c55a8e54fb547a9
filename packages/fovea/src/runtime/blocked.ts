// Asks the installed ONNX Runtime whether its CPU kernels for the blocked layout are there and mean what the op table says.

import { GraphBuilder } from '../graph/builder.ts'
import type { Model } from '../graph/model.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { blockedDomain } from '../ops/blocked/layout.ts'
import { evaluateModel, ndarrayOf } from '../ops/evaluate.ts'
import { Random } from '../util/random.ts'
import { openSession } from './session.ts'

let probed: Promise<number | undefined> | undefined

/**
 * The number of channels that the kernels keep side by side (16 with AVX-512, 8 with AVX2), or undefined where the runtime does not have
 * these operators or they compute something else than the reference. Runs two small models, once a process.
 */
export function probeBlockedLayout(): Promise<number | undefined> {
  probed ??= probe()
  return probed
}

const channels = 32

async function probe(): Promise<number | undefined> {
  const block = await findBlock()
  if (block === undefined) return undefined
  const expected = evaluateModel(everyKernel(block), new Map(Object.entries(inputs()).map(([name, tensor]) => [name, ndarrayOf(tensor)])))
  const found = await run(everyKernel(undefined), inputs())
  const agrees = [...expected].every(([name, { data }]) => {
    const other = found?.[name]?.data
    return other !== undefined && other.length === data.length && data.every((value, i) => Math.abs(value - Number(other[i])) < 1e-4)
  })
  return agrees ? block : undefined
}

/** Two pixels to a channel: the second pixel of the first channel lies one block behind the first. */
async function findBlock(): Promise<number | undefined> {
  const b = new GraphBuilder()
  b.input('x', 'float32', [1, channels, 1, 2])
  b.output(b.op(`${blockedDomain}::ReorderInput`, ['x']), undefined, 'y')
  const ramp = Tensor.float32(
    [1, channels, 1, 2],
    Float32Array.from({ length: 2 * channels }, (_, i) => i),
  )
  const result = await run(b.model(), { x: ramp })
  const block = result === undefined ? -1 : Array.from(result.y!.data, Number).indexOf(1)
  return block >= 4 && channels % block === 0 ? block : undefined
}

/** A model that passes through every operator of the layout in every form that training uses. */
function everyKernel(block: number | undefined): Model {
  const b = new GraphBuilder()
  for (const [name, { dims }] of Object.entries(inputs())) b.input(name, 'float32', dims)
  const op = (name: string, operands: readonly (string | undefined)[], attributes = {}) =>
    b.op(`${blockedDomain}::${name}`, operands, { ...attributes, block })
  const pads = [1, 1, 1, 1]
  const first = op('Conv', ['picture', 'first'], { kernel_shape: [3, 3], pads })
  const dense = op('Conv', [first, 'dense', 'bias'], { kernel_shape: [3, 3], pads, strides: [2, 2] })
  const dilated = op('Conv', [first, 'dense'], { kernel_shape: [3, 3], dilations: [2, 1], pads: [0, 0, 0, 1] })
  const depthwise = op('Conv', [dense, 'depthwise', 'bias', dense], { kernel_shape: [1, 1], group: channels, activation: 'Relu' })
  const pooled = [
    op('MaxPool', [first], { kernel_shape: [3, 3], strides: [2, 2], pads }),
    op('AveragePool', [first], { kernel_shape: [2, 2] }),
  ]
  const plain = (value: string, name: string) => b.output(op('ReorderOutput', [value], { channels }), undefined, name)
  for (const [i, value] of [dense, dilated, depthwise, ...pooled].entries()) plain(value, `y${i}`)
  b.output(op('GlobalAveragePool', [first]), undefined, 'mean')
  return b.model()
}

function inputs(): Record<string, Tensor> {
  const shapes = {
    picture: [2, 3, 6, 6],
    first: [channels, 3, 3, 3],
    dense: [channels, channels, 3, 3],
    depthwise: [channels, 1, 1, 1],
    bias: [channels],
  }
  const random = new Random(1, 'blocked-layout')
  return Object.fromEntries(
    Object.entries(shapes).map(([name, dims]) => [
      name,
      Tensor.float32(
        dims,
        Float32Array.from({ length: sizeOf(dims) }, () => random.uniform(-1, 1)),
      ),
    ]),
  )
}

async function run(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Tensor> | undefined> {
  try {
    const session = await openSession(model, { worker: false, threads: 1 })
    try {
      return await session.run(feeds)
    } finally {
      await session.close()
    }
  } catch {
    // The operators are internal to ONNX Runtime: a build without them refuses the model.
    return undefined
  }
}
