// Removes nodes that return their first input unchanged.

import { valuesUsed } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import { type Dim, dimsEqual } from '../graph/dims.ts'
import { type Graph, type Model, type Node, operatorKey } from '../graph/model.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { opsetOf } from '../ops/evaluate.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'
import { renamed, renameInputs } from './rename-values.ts'

/** What a rule is asked: a node of its operator whose other outputs nobody uses. */
interface Question {
  readonly node: Node
  readonly attributes: NodeAttributes
  readonly shapes: ShapeTable
}

/** Elements keep their row-major order under these, so the same shape means the same tensor. */
function keepsShape({ node, shapes }: Question): boolean {
  return sameDims(shapes.dims(node.inputs[0]!), shapes.dims(node.outputs[0]!))
}

function sameDims(a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): boolean {
  return a !== undefined && b !== undefined && a.length === b.length && a.every((dim, i) => dimsEqual(dim, b[i]!))
}

function allEqual(shapes: ShapeTable, name: string | undefined, value: number): boolean {
  return name !== undefined && name !== '' && (shapes.constant(name)?.data.every((other) => other === value) ?? false)
}

function onlyInput({ node }: Question): boolean {
  return node.inputs.length === 1
}

/** By operator: when it does nothing. */
const doesNothing: Readonly<Record<string, (question: Question) => boolean>> = {
  Identity: () => true,
  Cast: ({ node, shapes }) => {
    const dtype = shapes.type(node.inputs[0]!)?.dtype
    return dtype !== undefined && dtype === shapes.type(node.outputs[0]!)?.dtype
  },
  Reshape: keepsShape,
  Flatten: keepsShape,
  Squeeze: keepsShape,
  Unsqueeze: keepsShape,
  Expand: keepsShape,
  Tile: keepsShape,
  Transpose: ({ attributes }) => attributes.ints('perm', [1]).every((axis, i) => axis === i),
  Slice: (question) => {
    const { node, attributes, shapes } = question
    const steps = attributes.ints('steps', undefined)
    const forwards = steps?.every((step) => step === 1) ?? (!node.inputs[4] || allEqual(shapes, node.inputs[4], 1))
    return forwards && keepsShape(question)
  },
  Pad: ({ node, attributes, shapes }) =>
    attributes.ints('pads', undefined)?.every((pad) => pad === 0) ?? allEqual(shapes, node.inputs[1], 0),
  Concat: onlyInput,
  Sum: onlyInput,
  Mean: onlyInput,
  Max: onlyInput,
  Min: onlyInput,
  Dropout: ({ node, attributes, shapes }) => {
    if (attributes.opset < 7) return attributes.int('is_test', 0) === 1
    return attributes.opset < 12 || !node.inputs[2] || allEqual(shapes, node.inputs[2], 0)
  },
}

export interface EliminateOptions {
  /** Operators whose nodes stay, by name. @default none */
  readonly except?: readonly string[]
}

/**
 * Removes Identity, Cast to the same type, reshapes and slices that change nothing, Transpose in the given order, Dropout
 * outside training, and the like; users of the result read the input instead. Names of graph outputs are kept: the
 * input takes over the output's name where a node produces it, and the node stays where it cannot (an input, an
 * initializer, or another output of the graph is passed through).
 */
export function eliminateIdentities(model: Model, { except = [] }: EliminateOptions = {}): PassResult {
  const result = copyModel(model)
  const { graph } = result
  const shapes = inferValues(model)
  const renames = new Map<string, string>()
  const fixed = fixedNames(graph)
  const outputs = new Set(graph.outputs.map((output) => output.name))
  const used = usedNames(graph)
  const kept: Node[] = []
  for (const node of graph.nodes) {
    const [from = '', to = ''] = [node.inputs[0], node.outputs[0]]
    const question = { node, attributes: new NodeAttributes(node, opsetOf(model, node)), shapes }
    const superfluous =
      !except.includes(operatorKey(node)) &&
      from !== '' &&
      to !== '' &&
      !node.outputs.slice(1).some((name) => used.has(name)) &&
      doesNothing[operatorKey(node)]?.(question)
    const source = renamed(from, renames)
    if (!superfluous) kept.push(node)
    else if (!outputs.has(to)) renames.set(to, source)
    else if (fixed.has(source)) kept.push(node)
    else {
      renames.set(source, to)
      fixed.add(to)
    }
  }
  if (kept.length === graph.nodes.length) return { model, modified: false }
  graph.nodes = kept.map((node) => {
    const changed = renameInputs(node, renames)
    return { ...changed, outputs: changed.outputs.map((name) => renamed(name, renames)) }
  })
  for (const name of renames.keys()) graph.values.delete(name)
  return { model: result, modified: true }
}

/** Values whose names cannot change: inputs, initializers and outputs of the graph. */
function fixedNames(graph: Graph): Set<string> {
  return new Set([
    ...[...graph.inputs, ...graph.outputs].map(({ name }) => name),
    ...graph.initializers.keys(),
    ...(graph.sparseInitializers?.keys() ?? []),
  ])
}

function usedNames(graph: Graph): Set<string> {
  const used = new Set(graph.outputs.map(({ name }) => name))
  for (const node of graph.nodes) for (const name of valuesUsed(node)) used.add(name)
  return used
}
