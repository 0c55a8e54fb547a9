// Lets convolutions of the blocked layout do what comes right behind them.

import { consumersOf, producersOf } from '../graph/analysis.ts'
import { attribute, GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Model, Node } from '../graph/model.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { blockedDomain } from '../ops/blocked/layout.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

/**
 * Conv + Add becomes a Conv with a summand, Conv + Relu a Conv with an activation, where nobody else uses what lies between: one pass
 * over memory instead of two. The convolution moves to the place of the node that it takes in. The runtime adds into the summand
 * itself, so it must not be needed afterwards: a value that lives on (the skip of a residual block) is instead passed
 * through a convolution that changes nothing but adds the other operand.
 */
export function fuseBlocked(model: Model): PassResult {
  if (!model.graph.nodes.some(isConvolution)) return { model, modified: false }
  const fusion = new Fusion(model)
  return fusion.count === 0 ? { model, modified: false } : { model: fusion.model, modified: true }
}

function isConvolution(node: Node): boolean {
  return node.domain === blockedDomain && node.op === 'Conv'
}

class Fusion {
  readonly model: Model
  count = 0
  readonly #shapes: ShapeTable
  readonly #consumers: ReadonlyMap<string, readonly Node[]>
  readonly #producers: Map<string, Node>
  readonly #order: Map<Node, number>
  readonly #fixed: ReadonlySet<string>
  readonly #b: GraphBuilder

  constructor(source: Model) {
    this.model = copyModel(source)
    const { graph } = this.model
    this.#shapes = inferValues(source)
    this.#consumers = consumersOf(graph)
    this.#producers = producersOf(graph)
    this.#order = new Map(graph.nodes.map((node, i) => [node, i]))
    this.#fixed = new Set([...[...graph.inputs, ...graph.outputs].map(({ name }) => name), ...graph.initializers.keys()])
    this.#b = new GraphBuilder({ graph, opset: source.opsets.get('') ?? 1 })
    const gone = new Set<Node>()
    const nodes = graph.nodes.map((node, i) => {
      const fused = node.domain !== '' ? undefined : this.#fuse(node)
      if (fused === undefined) return node
      gone.add(fused.instead)
      graph.values.delete(fused.instead.outputs[0]!)
      this.#producers.set(node.outputs[0]!, fused.node)
      this.#order.set(fused.node, i)
      return fused.node
    })
    graph.nodes = nodes.filter((node) => !gone.has(node))
    this.count = gone.size
  }

  #fuse(node: Node): Fused | undefined {
    if (node.op === 'Add') return this.#withSummand(node)
    return node.op === 'Relu' ? (this.#withRelu(node) ?? this.#skipWithRelu(node)) : undefined
  }

  /** The node that makes a value for one user alone. */
  #ownProducer(name: string): Node | undefined {
    return this.#fixed.has(name) || this.#consumers.get(name)?.length !== 1 ? undefined : this.#producers.get(name)
  }

  #openConvolution(name: string): Node | undefined {
    const node = this.#ownProducer(name)
    return node !== undefined && isConvolution(node) && !node.attributes.has('activation') ? node : undefined
  }

  /** True where a value is not needed after its use by `user`. */
  #endsWith(name: string, user: Node): boolean {
    const at = this.#order.get(user)!
    return !this.#fixed.has(name) && (this.#consumers.get(name) ?? []).every((other) => this.#order.get(other)! <= at)
  }

  #sameShape(left: string, right: string): boolean {
    const [a, b] = [this.#shapes.dims(left), this.#shapes.dims(right)]
    return a !== undefined && b !== undefined && a.join() === b.join()
  }

  #withSummand(add: Node): Fused | undefined {
    const [left, right] = add.inputs as [string, string]
    if (left === right || !this.#sameShape(left, right)) return undefined
    const candidates = [
      { own: left, other: right },
      { own: right, other: left },
    ].flatMap(({ own, other }) => {
      const node = this.#openConvolution(own)
      const free = node !== undefined && !node.inputs[3] && !node.inputs.includes(other) && this.#endsWith(other, add)
      return free ? [{ node, other }] : []
    })
    // Of two convolutions the later one takes the other's result.
    const [chosen] = candidates.toSorted((a, b) => this.#order.get(b.node)! - this.#order.get(a.node)!)
    if (chosen === undefined) return undefined
    const { node, other } = chosen
    const inputs = [...node.inputs.slice(0, 2), node.inputs[2] ?? '', other]
    return { node: { ...node, inputs, outputs: add.outputs }, instead: node }
  }

  #withRelu(relu: Node): Fused | undefined {
    const convolution = this.#openConvolution(relu.inputs[0]!)
    if (convolution === undefined) return undefined
    return { node: { ...convolution, attributes: withActivation(convolution), outputs: relu.outputs }, instead: convolution }
  }

  /** Relu(Add(skip, conv)), where the skip lives on. */
  #skipWithRelu(relu: Node): Fused | undefined {
    const add = this.#ownProducer(relu.inputs[0]!)
    if (add?.op !== 'Add' || add.domain !== '') return undefined
    const [left, right] = add.inputs as [string, string]
    const fresh = [left, right].find((name) => this.#openConvolution(name) !== undefined)
    if (fresh === undefined || left === right || !this.#sameShape(left, right)) return undefined
    const type = this.#shapes.type(fresh)!
    const channels = Number(type.dims![1])
    const ones = this.#b.constant(tensorOfNumbers(type.dtype, [channels, 1, 1, 1], new Array<number>(channels).fill(1)), 'ones')
    const convolution = this.#producers.get(fresh)!
    const attributes = new Map([
      ...[...convolution.attributes].filter(([name]) => name === 'block'),
      ...Object.entries({ kernel_shape: [1, 1], group: channels }).map(([name, value]) => [name, attribute(name, value)] as const),
    ])
    const identity: Node = {
      ...convolution,
      name: relu.name,
      inputs: [fresh === left ? right : left, ones, '', fresh],
      outputs: relu.outputs,
      attributes,
    }
    return { node: { ...identity, attributes: withActivation(identity) }, instead: add }
  }
}

interface Fused {
  readonly node: Node
  /** The node that is no longer needed, beside the one that is replaced. */
  readonly instead: Node
}

function withActivation({ attributes }: Node): Node['attributes'] {
  return new Map([...attributes, ['activation', attribute('activation', 'Relu')]])
}
