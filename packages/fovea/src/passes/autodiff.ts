// Reverse-mode differentiation of a graph: adds the nodes that compute the gradients of a scalar loss.

import { valuesUsed } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { type DataType, isFloat } from '../graph/data-type.ts'
import { isStatic } from '../graph/dims.ts'
import { type Model, type Node, operatorKey } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { reduced } from '../ops/emit.ts'
import { opsetOf } from '../ops/evaluate.ts'
import type { NDArray } from '../ops/ndarray.ts'
import type { GradientContext, LoweringQuery } from '../ops/operator.ts'
import { operatorOf } from '../ops/table.ts'
import { FoveaError } from '../util/errors.ts'
import { constantOf, inferNodes, inferValues, type ShapeTable } from './infer-shapes.ts'

export interface AutodiffOptions {
  /** The value to differentiate: one element. */
  readonly loss: string
  /** The values whose gradients are wanted: inputs, initializers or values in between. All others are frozen. */
  readonly parameters: readonly string[]
  /**
   * Values that count as constants, whatever they were computed from: no gradient passes them (`detach` of PyTorch, `stop_gradient` of
   * TensorFlow). @default none
   */
  readonly constants?: readonly string[]
  /** Chooses how a gradient is written; by default each operator's own rule on shapes. Must return one of the candidates. */
  readonly lowering?: (query: LoweringQuery) => string
}

export interface Autodiff {
  /** The model with the gradient nodes added. Its outputs are those it had. */
  readonly model: Model
  /** For each parameter the value that holds its gradient, of the same shape and type. */
  readonly gradients: ReadonlyMap<string, string>
}

/**
 * Differentiates `loss` with respect to `parameters` (reverse accumulation: Linnainmaa 1970; Griewank & Walther 2008).
 * Shapes must be static: bind symbolic dimensions first. A value used several times gets the sum of its gradients.
 *
 * @throws FoveaError AUTODIFF_TARGET where the loss is not one float or does not depend on a parameter,
 *   OP_NOT_DIFFERENTIABLE naming the node that stands between, SHAPE_UNKNOWN
 */
export function autodiff(model: Model, options: AutodiffOptions): Autodiff {
  const result = copyModel(model)
  const { graph } = result
  const shapes = inferValues(result)
  checkLoss(shapes, options.loss)
  const wanted = reachableFrom(graph.nodes, new Set(options.parameters), new Set(options.constants))
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const forward = [...graph.nodes]
  const flows = new Map<string, string[]>([[options.loss, [oneLike(b, shapes, options.loss)]]])

  b.scope('grad', () => {
    for (const node of forward.toReversed()) {
      if (!dependsOn(node, wanted)) continue
      const incoming = node.outputs.map((name) => accumulate(b, flows, name))
      if (incoming.every((gradient) => gradient === undefined)) continue
      const before = graph.nodes.length
      const ctx = new Rule(node, opsetOf(result, node), b, shapes, incoming, wanted, options.lowering)
      const gradients = differentiate(node, ctx)
      inferNodes(result, graph, graph.nodes.slice(before), shapes)
      node.inputs.forEach((name, i) => {
        const gradient = gradients[i]
        if (gradient !== undefined && wanted.has(name)) flows.set(name, [...(flows.get(name) ?? []), gradient])
      })
    }
  })

  const gradients = new Map<string, string>()
  b.scope('grad', () => {
    for (const parameter of options.parameters) {
      const gradient = accumulate(b, flows, parameter)
      if (gradient === undefined)
        throw new FoveaError('AUTODIFF_TARGET', {
          field: parameter,
          expected: `a parameter that "${options.loss}" depends on through differentiable operators`,
        })
      gradients.set(parameter, gradient)
    }
  })
  for (const node of graph.nodes) if (node.domain !== '' && !result.opsets.has(node.domain)) result.opsets.set(node.domain, 1)
  return { model: result, gradients }
}

function differentiate(node: Node, ctx: GradientContext): (string | undefined)[] {
  const { gradient } = operatorOf(node)
  if (typeof gradient === 'function') return gradient(ctx)
  if ('zero' in gradient) return []
  throw new FoveaError('OP_NOT_DIFFERENTIABLE', {
    node: node.name || node.outputs[0],
    found: `${operatorKey(node)}: ${gradient.notDifferentiable}`,
  })
}

/** Sums the gradients that have arrived at a value, once; all its uses come later in the graph and have been visited. */
function accumulate(b: GraphBuilder, flows: Map<string, string[]>, name: string): string | undefined {
  const arrived = flows.get(name)
  if (arrived === undefined || name === '') return undefined
  if (arrived.length === 1) return arrived[0]
  const sum = arrived.reduce((total, gradient) => b.op('Add', [total, gradient]))
  flows.set(name, [sum])
  return sum
}

/** All values that depend on the parameters other than through constants, the parameters included. */
function reachableFrom(nodes: readonly Node[], values: Set<string>, constants: ReadonlySet<string>): Set<string> {
  for (const node of nodes)
    if (dependsOn(node, values)) for (const output of node.outputs) if (output !== '' && !constants.has(output)) values.add(output)
  return values
}

/** True where a node uses one of the values, be it from within a subgraph. */
function dependsOn(node: Node, values: ReadonlySet<string>): boolean {
  for (const name of valuesUsed(node)) if (values.has(name)) return true
  return false
}

function checkLoss(shapes: ShapeTable, loss: string): void {
  const type = shapes.type(loss)
  if (type === undefined)
    throw new FoveaError('AUTODIFF_TARGET', { field: loss, expected: 'a value of the graph', found: 'none of that name' })
  const scalar = isStatic(type.dims) && type.dims.every((dim) => dim === 1)
  if (!scalar || !isFloat(type.dtype))
    throw new FoveaError('AUTODIFF_TARGET', {
      field: loss,
      expected: 'a loss of one float',
      found: `${type.dtype}[${type.dims?.join(',') ?? '...'}]`,
    })
}

function oneLike(b: GraphBuilder, shapes: ShapeTable, loss: string): string {
  const type = shapes.type(loss)!
  return b.constant(tensorOfNumbers(type.dtype, type.dims as readonly number[], [1]), 'one')
}

class Rule extends NodeAttributes implements GradientContext {
  readonly b: GraphBuilder
  readonly inputCount: number
  readonly #shapes: ShapeTable
  readonly #incoming: readonly (string | undefined)[]
  readonly #wanted: ReadonlySet<string>
  readonly #lowering: AutodiffOptions['lowering']

  constructor(
    node: Node,
    opset: number,
    b: GraphBuilder,
    shapes: ShapeTable,
    incoming: readonly (string | undefined)[],
    wanted: ReadonlySet<string>,
    lowering: AutodiffOptions['lowering'],
  ) {
    super(node, opset)
    this.b = b
    this.inputCount = node.inputs.length
    this.#shapes = shapes
    this.#incoming = incoming
    this.#wanted = wanted
    this.#lowering = lowering
  }

  hasInput(index: number): boolean {
    return (this.node.inputs[index] ?? '') !== ''
  }

  input(index: number): string {
    return this.hasInput(index) ? this.node.inputs[index]! : this.fail(`input ${index}`, 'none')
  }

  output(index: number): string {
    return this.node.outputs[index] || this.fail(`output ${index}`, 'none')
  }

  gradient(output: number): string | undefined {
    return this.#incoming[output]
  }

  needs(input: number): boolean {
    const name = this.node.inputs[input] ?? ''
    const dtype = this.#shapes.type(name)?.dtype
    return this.#wanted.has(name) && (dtype === undefined || isFloat(dtype))
  }

  dtype(value: string): DataType {
    return this.#shapes.type(value)?.dtype ?? this.#unknown(value, 'a known element type')
  }

  shape(value: string): readonly number[] {
    const dims = this.#shapes.dims(value)
    return isStatic(dims)
      ? dims
      : this.#unknown(value, 'a static shape', dims === undefined ? 'unknown rank' : `[${dims.map((dim) => dim ?? '?').join(',')}]`)
  }

  constant(value: string): NDArray | undefined {
    return this.#shapes.constant(value) ?? constantOf(this.#shapes, value)
  }

  choose(query: Omit<LoweringQuery, 'node'>): string {
    const chosen = this.#lowering?.({ ...query, node: this.node }) ?? query.preferred
    if (!query.candidates.includes(chosen)) this.fail(`one of ${query.candidates.join(', ')} for ${query.decision}`, chosen)
    return chosen
  }

  scalar(value: number, dtype: DataType): string {
    return this.b.constant(tensorOfNumbers(dtype, [], [value]), 'scalar')
  }

  unbroadcast(gradient: string, from: readonly number[], value: string): string {
    const to = this.shape(value)
    const lead = from.length - to.length
    const axes = from.map((_, i) => i).filter((i) => i < lead || (to[i - lead] === 1 && from[i] !== 1))
    if (axes.length === 0) return gradient
    const sum = reduced(this, 'ReduceSum', gradient, axes)
    return lead === 0 ? sum : this.b.op('Reshape', [sum, this.b.constant(Tensor.int64([to.length], to), 'shape')])
  }

  #unknown(value: string, expected: string, found = 'nothing known'): never {
    throw new FoveaError('SHAPE_UNKNOWN', { node: this.node.name, field: value, expected, found })
  }
}
