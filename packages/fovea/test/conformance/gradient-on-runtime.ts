// Runs the gradient graph of a small program on ONNX Runtime and on the reference.

import { GraphBuilder } from '../../src/graph/builder.ts'
import type { DataType } from '../../src/graph/data-type.ts'
import { isFloat } from '../../src/graph/data-type.ts'
import { sizeOf } from '../../src/graph/tensor.ts'
import { tensorOfNumbers } from '../../src/graph/tensor-values.ts'
import { evaluateModel, ndarrayOf } from '../../src/ops/evaluate.ts'
import { autodiff } from '../../src/passes/autodiff.ts'
import { openSession } from '../../src/runtime/session.ts'
import { Random } from '../../src/util/random.ts'
import { differenceOf } from './node-cases.ts'

export interface ProgramInput {
  readonly dims: readonly number[]
  /** The values; else they are drawn from `range`. */
  readonly values?: readonly number[]
  /** @default [-2, 2] */
  readonly range?: readonly [low: number, high: number]
  /** @default float32 */
  readonly dtype?: DataType
  /** True for floats that no gradient is wanted of. */
  readonly fixed?: boolean
}

export interface Program {
  readonly name: string
  readonly build: (b: GraphBuilder) => string
  readonly inputs: Readonly<Record<string, ProgramInput>>
  /** @default the builder's */
  readonly opset?: number
}

/** The first disagreement in the result or a gradient of the sum of y * sin(y), or undefined. */
export async function gradientProblem({ name, build, inputs, opset }: Program): Promise<string | undefined> {
  const random = new Random(1, name)
  const b = new GraphBuilder(opset === undefined ? {} : { opset })
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([input, { dims, values, range = [-2, 2], dtype = 'float32' }]) => {
      b.input(input, dtype, dims)
      return [input, tensorOfNumbers(dtype, dims, values ?? Array.from({ length: sizeOf(dims) }, () => random.uniform(...range)))]
    }),
  )
  const y = build(b)
  const loss = b.op('ReduceSum', [b.op('Mul', [y, b.op('Sin', [y])])], { keepdims: 0 })
  b.output(y)
  const parameters = Object.keys(inputs).filter((input) => isFloat(feeds[input]!.dtype) && !inputs[input]!.fixed)
  const { model, gradients } = autodiff(b.model(), { loss, parameters })
  for (const output of new Set(gradients.values())) model.graph.outputs.push({ name: output, type: { kind: 'tensor', dtype: 'float32' } })
  const expected = evaluateModel(model, new Map(Object.entries(feeds).map(([input, tensor]) => [input, ndarrayOf(tensor)])))
  const session = await openSession(model, { worker: false, threads: 1 })
  try {
    const found = await session.run(feeds)
    for (const [output, { dims, data }] of expected) {
      const difference = differenceOf(ndarrayOf(found[output]!), tensorOfNumbers('float32', dims, data), { relative: 1e-4, absolute: 1e-4 })
      if (difference !== undefined) return `${output}: ${difference}`
    }
    return undefined
  } finally {
    await session.close()
  }
}
