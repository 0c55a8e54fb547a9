// Writes a model of half-precision floats in float32.

import { copyModel } from '../graph/copy.ts'
import { type DataType, dataTypes } from '../graph/data-type.ts'
import type { Attribute, Graph, Model, Node, Value, ValueType } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import type { PassResult } from './pass.ts'

const narrow: readonly DataType[] = ['float16', 'bfloat16']
const narrowCodes = new Set<number | bigint>(narrow.map((dtype) => dataTypes[dtype].code))

/** Attributes that hold the number of an element type. */
const typeAttributes = new Set(['to', 'dtype', 'output_dtype', 'stash_type', 'output_datatype', 'softmax_precision'])

/**
 * Makes every float16 and bfloat16 value of a model a float32: weights, inputs, outputs, constants and casts, also in subgraphs
 * and functions. Weights grow to twice their bytes; nothing else is rounded any more. Training needs this, since updates are
 * smaller than half precision resolves, and ONNX Runtime's CPU provider has few kernels for these types.
 */
export function toFloat32(model: Model): PassResult {
  const changes = { found: false }
  const result = copyModel(model)
  result.graph = graphIn(model.graph, changes)
  result.functions = model.functions.map((definition) => ({
    ...definition,
    nodes: definition.nodes.map((node) => nodeIn(node, changes)),
    values: valuesIn(definition.values, changes),
  }))
  return changes.found ? { model: result, modified: true } : { model, modified: false }
}

interface Changes {
  found: boolean
}

function graphIn(graph: Graph, changes: Changes): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((value) => valueIn(value, changes)),
    outputs: graph.outputs.map((value) => valueIn(value, changes)),
    values: valuesIn(graph.values, changes),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, tensorIn(tensor, changes)])),
    nodes: graph.nodes.map((node) => nodeIn(node, changes)),
  }
}

function nodeIn(node: Node, changes: Changes): Node {
  const attributes = new Map([...node.attributes].map(([name, attribute]) => [name, attributeIn(name, attribute, changes)]))
  return { ...node, inputs: [...node.inputs], outputs: [...node.outputs], attributes }
}

function attributeIn(name: string, attribute: Attribute, changes: Changes): Attribute {
  switch (attribute.type) {
    case 'int':
      if (!typeAttributes.has(name) || !narrowCodes.has(attribute.value)) return attribute
      changes.found = true
      return { ...attribute, value: dataTypes.float32.code }
    case 'tensor':
      return { ...attribute, value: tensorIn(attribute.value, changes) }
    case 'graph':
      return { ...attribute, value: graphIn(attribute.value, changes) }
    case 'graphs':
      return { ...attribute, value: attribute.value.map((graph) => graphIn(graph, changes)) }
    default:
      return attribute
  }
}

function tensorIn(tensor: Tensor, changes: Changes): Tensor {
  if (!narrow.includes(tensor.dtype)) return tensor
  changes.found = true
  return tensorOfNumbers('float32', tensor.dims, numbersOf(tensor))
}

function valuesIn(values: ReadonlyMap<string, Value>, changes: Changes): Map<string, Value> {
  return new Map([...values].map(([name, value]) => [name, valueIn(value, changes)]))
}

function valueIn(value: Value, changes: Changes): Value {
  return value.type === undefined ? { ...value } : { ...value, type: typeIn(value.type, changes) }
}

function typeIn(type: ValueType, changes: Changes): ValueType {
  switch (type.kind) {
    case 'tensor':
    case 'sparse':
      if (!narrow.includes(type.dtype)) return type
      changes.found = true
      return { ...type, dtype: 'float32' }
    case 'sequence':
    case 'optional':
      return type.element === undefined ? type : { ...type, element: typeIn(type.element, changes) }
    default:
      return type
  }
}
