// Keeps weights at half precision in a file, and widens them again before anything is computed or trained.

import { copyModel } from '../graph/copy.ts'
import { dataTypes } from '../graph/data-type.ts'
import type { Model, Node } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { widenFloat16 } from '../util/half.ts'
import type { PassResult } from './pass.ts'

/** What a stored weight is called beside the value that it is widened to. */
const suffix = '/half'

/** Largest number that float16 holds. */
const largest = 65_504

/**
 * Stores matrices and kernels as float16, each followed by a Cast to float32 that has the weight's own name. The file is half as
 * large and opens in any ONNX tool, which computes in float32 as before; only the weights are rounded, to about three digits.
 * Vectors (biases, scales, running statistics) stay as they are: they are few, and small variances would vanish.
 */
export function storeHalf(model: Model): PassResult {
  const result = copyModel(model)
  const { graph } = result
  const casts: Node[] = []
  for (const [name, tensor] of model.graph.initializers) {
    if (tensor.dtype !== 'float32' || tensor.dims.length < 2) continue
    const values = numbersOf(tensor)
    // What would become infinite keeps its precision.
    if (values.some((value) => Math.abs(value) > largest)) continue
    graph.initializers.delete(name)
    graph.initializers.set(`${name}${suffix}`, tensorOfNumbers('float16', tensor.dims, values))
    const to = { type: 'int', value: BigInt(dataTypes.float32.code) } as const
    casts.push({ op: 'Cast', domain: '', name, inputs: [`${name}${suffix}`], outputs: [name], attributes: new Map([['to', to]]) })
  }
  graph.nodes.unshift(...casts)
  return casts.length === 0 ? { model, modified: false } : { model: result, modified: true }
}

/** Takes back what `storeHalf` did: weights are float32 initializers under their own names. */
export function loadHalf(model: Model): PassResult {
  const steps = loadHalfSteps(model)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** As `loadHalf`, with a pause behind each tensor, for those who must not hold their thread up. */
export function* loadHalfSteps(model: Model): Generator<undefined, PassResult> {
  const stored = model.graph.nodes.filter((node) => isStored(model, node))
  if (stored.length === 0) return { model, modified: false }
  const result = copyModel(model)
  const { graph } = result
  for (const { inputs, outputs } of stored) {
    const tensor = graph.initializers.get(inputs[0]!)!
    graph.initializers.delete(inputs[0]!)
    const values = new Float32Array(tensor.size)
    widenFloat16(tensor.data as Uint16Array, values)
    graph.initializers.set(outputs[0]!, Tensor.float32(tensor.dims, values))
    yield
  }
  const gone = new Set(stored)
  graph.nodes = graph.nodes.filter((_, i) => !gone.has(model.graph.nodes[i]!))
  return { model: result, modified: true }
}

function isStored({ graph }: Model, { op, inputs: [input = ''], outputs }: Node): boolean {
  return op === 'Cast' && input === `${outputs[0]}${suffix}` && graph.initializers.get(input)?.dtype === 'float16'
}
