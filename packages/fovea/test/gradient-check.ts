// Checks gradients against central differences of the reference evaluator, all in float64.

import { expect } from 'vitest'
import { GraphBuilder } from '../src/graph/builder.ts'
import type { DataType } from '../src/graph/data-type.ts'
import type { Model } from '../src/graph/model.ts'
import { sizeOf } from '../src/graph/tensor.ts'
import { evaluateModel } from '../src/ops/evaluate.ts'
import { type NDArray, ndarray } from '../src/ops/ndarray.ts'
import { type AutodiffOptions, autodiff } from '../src/passes/autodiff.ts'
import { Random } from '../src/util/random.ts'

export interface CheckedInput {
  readonly dims: readonly number[]
  /** The values; else they are drawn from `range`. */
  readonly values?: readonly number[]
  /** @default [-1, 1] */
  readonly range?: readonly [low: number, high: number]
  /** @default float64 */
  readonly dtype?: DataType
  /** True for inputs that no gradient is wanted of (indices, masks). */
  readonly fixed?: boolean
}

export interface CheckOptions {
  readonly seed?: number
  readonly opset?: number
  readonly lowering?: AutodiffOptions['lowering']
  /** Largest error allowed, relative to max(1, |gradient|). @default 1e-6 */
  readonly tolerance?: number
  /** Elements checked of each input, drawn at random. @default 12 */
  readonly samples?: number
}

/**
 * Builds a graph, projects its outputs on random numbers to a scalar loss, and compares every input's gradient
 * with central differences.
 */
export function checkGradient(
  build: (b: GraphBuilder) => string | readonly string[],
  inputs: Readonly<Record<string, CheckedInput>>,
  options: CheckOptions = {},
): void {
  const random = new Random(options.seed ?? 1, 'gradient-check')
  const b = new GraphBuilder(options.opset === undefined ? {} : { opset: options.opset })
  const feeds = new Map<string, NDArray>()
  for (const [name, { dims, values, range = [-1, 1], dtype = 'float64' }] of Object.entries(inputs)) {
    b.input(name, dtype, dims)
    feeds.set(name, ndarray(dtype, dims, values ?? Float64Array.from({ length: sizeOf(dims) }, () => random.uniform(range[0], range[1]))))
  }
  const outputs = [build(b)].flat()
  const plain = evaluateModel(b.model(), feeds, outputs)
  const terms = outputs.map((output, i) => {
    const { dims } = plain.get(output)!
    const weight = b.input(`projection_${i}`, 'float64', dims)
    feeds.set(
      weight,
      ndarray(
        'float64',
        dims,
        Float64Array.from({ length: sizeOf(dims) }, () => random.uniform(-1, 1)),
      ),
    )
    return b.op('ReduceSum', [b.op('Mul', [output, weight])], { keepdims: 0 })
  })
  const loss = terms.reduce((sum, term) => b.op('Add', [sum, term]))
  b.output(loss)
  const parameters = Object.keys(inputs).filter((name) => !inputs[name]!.fixed)
  compareWithDifferences(b.model(), feeds, { ...options, loss, parameters, random })
}

interface Comparison extends CheckOptions {
  readonly loss: string
  readonly parameters: readonly string[]
  readonly random: Random
}

/** Compares autodiff of a whole model with central differences, element by element. */
export function compareWithDifferences(model: Model, feeds: ReadonlyMap<string, NDArray>, options: Comparison): void {
  const { loss, parameters, random, tolerance = 1e-6, samples = 12 } = options
  const derived = autodiff(model, { loss, parameters, ...(options.lowering ? { lowering: options.lowering } : {}) })
  const gradients = evaluateModel(derived.model, feeds, [...derived.gradients.values()])
  const lossAt = (name: string, index: number, value: number) => {
    const array = feeds.get(name)!
    const moved = array.data.slice()
    moved[index] = value
    return evaluateModel(model, new Map([...feeds, [name, { ...array, data: moved }]]), [loss]).get(loss)!.data[0]!
  }
  for (const name of parameters) {
    const { data, dims } = feeds.get(name)!
    const gradient = gradients.get(derived.gradients.get(name)!)!
    expect(gradient.dims, `shape of the gradient of ${name}`).toEqual(dims)
    const chosen = data.length <= samples ? [...data.keys()] : Array.from({ length: samples }, () => random.integer(0, data.length))
    for (const i of chosen) {
      const h = 1e-5 * Math.max(1, Math.abs(data[i]!))
      const numeric = (lossAt(name, i, data[i]! + h) - lossAt(name, i, data[i]! - h)) / (2 * h)
      const error = Math.abs(numeric - gradient.data[i]!) / Math.max(1, Math.abs(numeric))
      if (!(error < tolerance))
        expect.fail(`gradient of ${name}[${i}] is ${gradient.data[i]}, by differences ${numeric} (relative error ${error})`)
    }
  }
}
