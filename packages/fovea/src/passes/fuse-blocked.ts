// Lets convolutions of the blocked layout do what comes right behind them.

import { consumersOf, producersOf } from '../graph/analysis.ts'
import { attribute } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Model, Node } from '../graph/model.ts'
import { blockedDomain } from '../ops/blocked/layout.ts'
import { inferValues } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

/**
 * Conv + Add becomes a Conv with a summand, Conv + Relu a Conv with an activation, where nobody else uses what lies between: one pass
 * over memory instead of two. The convolution moves to the place of the node that it takes in.
 */
export function fuseBlocked(model: Model): PassResult {
  const isConvolution = (node: Node) => node.domain === blockedDomain && node.op === 'Conv'
  if (!model.graph.nodes.some(isConvolution)) return { model, modified: false }
  const shapes = inferValues(model)
  const result = copyModel(model)
  const { graph } = result
  const consumers = consumersOf(graph)
  const producers = producersOf(graph)
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const gone = new Set<Node>()
  const sameShape = (left: string, right: string) => {
    const [a, b] = [shapes.dims(left), shapes.dims(right)]
    return a !== undefined && b !== undefined && a.join() === b.join()
  }
  /** The convolution that makes a value for one user alone and is not followed by an activation. */
  const openConvolution = (name: string) => {
    const node = producers.get(name)
    if (node === undefined || !isConvolution(node) || node.attributes.has('activation')) return undefined
    return consumers.get(name)?.length === 1 && !outputs.has(name) ? node : undefined
  }
  const order = new Map(graph.nodes.map((node, i) => [node, i]))
  graph.nodes = graph.nodes.map((node, i) => {
    const fused = node.domain !== '' ? undefined : node.op === 'Add' ? withSummand(node) : node.op === 'Relu' ? withRelu(node) : undefined
    if (fused !== undefined) {
      producers.set(node.outputs[0]!, fused)
      order.set(fused, i)
    }
    return fused ?? node
  })

  function withSummand(add: Node): Node | undefined {
    const [left, right] = add.inputs as [string, string]
    if (left === right || !sameShape(left, right)) return undefined
    // Of two convolutions the later one takes the other's result.
    const candidates = [left, right].flatMap((name) => openConvolution(name) ?? []).filter((node) => !node.inputs[3])
    const convolution = candidates.toSorted((a, b) => order.get(b)! - order.get(a)!)[0]
    if (convolution === undefined) return undefined
    const own = convolution.outputs[0] === left ? right : left
    gone.add(convolution)
    return { ...convolution, inputs: [...convolution.inputs.slice(0, 2), convolution.inputs[2] ?? '', own], outputs: add.outputs }
  }

  function withRelu(relu: Node): Node | undefined {
    const convolution = openConvolution(relu.inputs[0]!)
    if (convolution === undefined) return undefined
    gone.add(convolution)
    const attributes = new Map([...convolution.attributes, ['activation', attribute('activation', 'Relu')]])
    return { ...convolution, attributes, outputs: relu.outputs }
  }

  if (gone.size === 0) return { model, modified: false }
  graph.nodes = graph.nodes.filter((node) => !gone.has(node))
  for (const node of gone) graph.values.delete(node.outputs[0]!)
  return { model: result, modified: true }
}
