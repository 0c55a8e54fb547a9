// The ways to write a convolution's gradients, timed per shape: what the rules in src/ops/convolution-*-gradient.ts are drawn from.

import { GraphBuilder } from '../src/graph/builder.ts'
import type { Model } from '../src/graph/model.ts'
import { sizeOf, Tensor } from '../src/graph/tensor.ts'
import type { LoweringQuery } from '../src/ops/operator.ts'
import { autodiff } from '../src/passes/autodiff.ts'
import { inferValues } from '../src/passes/infer-shapes.ts'
import { openSession } from '../src/runtime/session.ts'
import { Random } from '../src/util/random.ts'
import type { BenchmarkCase, BenchmarkOptions } from './measure.ts'
import { measureInTurn } from './measure.ts'

interface Shape {
  readonly N: number
  readonly C: number
  readonly O: number
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly group?: number
}

/** ResNet-18 with the CIFAR stem at 32 and 64 pixels, ResNet-50 at 224, MobileNet's depthwise layers. */
const shapes: readonly Shape[] = [
  { N: 32, C: 3, O: 64, size: 32, kernel: 3, stride: 1 },
  { N: 32, C: 64, O: 64, size: 32, kernel: 3, stride: 1 },
  { N: 32, C: 64, O: 128, size: 32, kernel: 3, stride: 2 },
  { N: 32, C: 64, O: 128, size: 32, kernel: 1, stride: 2 },
  { N: 32, C: 128, O: 128, size: 16, kernel: 3, stride: 1 },
  { N: 32, C: 128, O: 256, size: 16, kernel: 3, stride: 2 },
  { N: 32, C: 256, O: 256, size: 8, kernel: 3, stride: 1 },
  { N: 32, C: 256, O: 512, size: 8, kernel: 3, stride: 2 },
  { N: 32, C: 512, O: 512, size: 4, kernel: 3, stride: 1 },
  { N: 16, C: 64, O: 64, size: 64, kernel: 3, stride: 1 },
  { N: 16, C: 512, O: 512, size: 8, kernel: 3, stride: 1 },
  { N: 8, C: 3, O: 64, size: 224, kernel: 7, stride: 2 },
  { N: 8, C: 64, O: 64, size: 56, kernel: 3, stride: 1 },
  { N: 8, C: 64, O: 256, size: 56, kernel: 1, stride: 1 },
  { N: 8, C: 256, O: 64, size: 56, kernel: 1, stride: 1 },
  { N: 8, C: 512, O: 2048, size: 7, kernel: 1, stride: 1 },
  { N: 8, C: 96, O: 96, size: 56, kernel: 3, stride: 1, group: 96 },
  { N: 8, C: 96, O: 96, size: 112, kernel: 3, stride: 2, group: 96 },
  { N: 8, C: 128, O: 128, size: 28, kernel: 3, stride: 1, group: 32 },
]

const ways = {
  input: ['flipped', 'transposed'],
  weight: ['gathered', 'batched', 'folded', 'rows', 'folded-rows', 'correlated'],
} as const

/** The gradient alone: the forward convolution is an unused node, which the runtime drops. */
function gradientModel(
  { N, C, O, size, kernel, stride, group = 1 }: Shape,
  side: 'input' | 'weight',
  choose: (query: LoweringQuery) => string,
): Model {
  const b = new GraphBuilder()
  const pad = Math.floor(kernel / 2)
  b.input('x', 'float32', [N, C, size, size])
  b.input('w', 'float32', [O, C / group, kernel, kernel])
  const attributes = { group, strides: [stride, stride], pads: [pad, pad, pad, pad] }
  const y = b.op('Conv', ['x', 'w'], attributes)
  const dims = inferValues(b.model()).dims(y)
  b.input('dy', 'float32', dims!)
  b.output(b.op('ReduceSum', [b.op('Mul', [y, 'dy'])], { keepdims: 0 }, 'loss'))
  const parameter = side === 'input' ? 'x' : 'w'
  const { model, gradients } = autodiff(b.model(), { loss: 'loss', parameters: [parameter], lowering: choose })
  model.graph.outputs = [{ name: gradients.get(parameter)! }]
  const used = new Set(model.graph.nodes.flatMap((node) => node.inputs))
  model.graph.inputs = model.graph.inputs.filter(({ name }) => used.has(name))
  return model
}

async function* timeShape(shape: Shape, side: 'input' | 'weight', quick: boolean): AsyncIterable<BenchmarkCase> {
  const random = new Random(3)
  let preferred = ''
  const offered = new Set<string>()
  gradientModel(shape, side, (query) => {
    if (query.decision === `Conv.${side}`) for (const name of query.candidates) offered.add(name)
    if (query.decision === `Conv.${side}`) preferred = query.preferred
    return query.preferred
  })
  const names = ways[side].filter((name) => offered.has(name))
  const sessions = await Promise.all(
    names.map((name) =>
      openSession(
        gradientModel(shape, side, (query) => (query.decision === `Conv.${side}` ? name : query.preferred)),
        { worker: false },
      ),
    ),
  )
  const calls = sessions.map((session) => {
    const feeds = Object.fromEntries(
      session.inputs.map(({ name, dims }) => {
        const values = Float32Array.from({ length: sizeOf(dims as number[]) }, () => random.uniform(-1, 1))
        return [name, Tensor.float32(dims as number[], values)]
      }),
    )
    return () => session.run(feeds)
  })
  const timings = await measureInTurn(
    calls,
    quick ? { warmUp: 1, repeats: 1, milliseconds: 0 } : { warmUp: 1, repeats: 4, milliseconds: 150 },
  )
  for (const session of sessions) await session.close()
  const { N, C, O, size, kernel, stride, group = 1 } = shape
  const chosen = timings[(names as readonly string[]).indexOf(preferred)]!
  yield {
    name: `${side} N${N} ${C}->${O} ${size}x${size} k${kernel} s${stride}${group > 1 ? ` g${group}` : ''}: ${preferred}`,
    unit: 'ms',
    better: 'lower',
    fovea: chosen.median,
    noPeer: 'compares ways with each other',
    details: Object.fromEntries(names.map((name, i) => [name, Math.round(timings[i]!.fastest * 10) / 10])),
  }
}

export const name = 'gradients of convolutions, way by way'

export async function* run({ quick }: BenchmarkOptions): AsyncIterable<BenchmarkCase> {
  for (const side of ['input', 'weight'] as const)
    for (const shape of quick ? shapes.slice(0, 3) : shapes) yield* timeShape(shape, side, quick)
}
