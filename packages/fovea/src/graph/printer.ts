// Models as text: one line per node, always the same for the same model. `reader.ts` reads it back.

import type { Attribute, FunctionDefinition, Graph, Model, Node, Value } from './model.ts'
import {
  plainName,
  printElements,
  printFloat,
  printHex,
  printName,
  printOperator,
  printSparse,
  printTensor,
  printType,
} from './print-value.ts'

export interface PrintOptions {
  /** Tensors of more elements are printed as type and content hash. @default 16 */
  maxElements?: number
  /** Headers longer than this are broken, one value a line. @default 140 */
  columns?: number
}

interface Style {
  readonly maxElements: number
  readonly columns: number
}

/**
 * The whole model.
 *
 * ```text
 * model ir=10 opset=21
 * graph main(x: float32[N,3,8,8]) -> (y: float32[N,10])
 *   w: float32[4] = {1, 2, 3, 4}
 *   h: float32[N,4,8,8] = Conv(x, w, _) {kernel_shape=[3,3], pads=[1,1,1,1]}  "first"
 *   (v, i) = TopK(h, k) {axis=-1}
 * ```
 *
 * `_` is an input or output left out. The node's name follows in quotes where it is not that of its first output. Attributes
 * are sorted by name; floats have a point or an exponent, ints have none. Types at a node's outputs are those of the graph's
 * value list. Subgraphs stand indented under their node.
 */
export function printModel(model: Model, options: PrintOptions = {}): string {
  const style = styleOf(options)
  return [
    ...modelLines(model),
    ...graphLines(model.graph, 'graph ', '', style),
    ...model.functions.flatMap((definition) => functionLines(definition, style)),
  ].join('\n')
}

export function printGraph(graph: Graph, options: PrintOptions = {}): string {
  return graphLines(graph, 'graph ', '', styleOf(options)).join('\n')
}

/** One line, and more for subgraphs and docs. */
export function printNode(node: Node, options: PrintOptions = {}): string {
  return nodeLines(node, '', new Map(), styleOf(options)).join('\n')
}

function styleOf(options: PrintOptions): Style {
  return { maxElements: options.maxElements ?? 16, columns: options.columns ?? 140 }
}

function modelLines(model: Model): string[] {
  const facts = ['model', `ir=${model.irVersion}`, ...opsetFacts(model.opsets)]
  if (model.producerName !== undefined) facts.push(`producer=${JSON.stringify(model.producerName)}`)
  if (model.producerVersion !== undefined) facts.push(`producer_version=${JSON.stringify(model.producerVersion)}`)
  if (model.domain !== undefined) facts.push(`domain=${JSON.stringify(model.domain)}`)
  if (model.modelVersion !== undefined) facts.push(`version=${model.modelVersion}`)
  return [facts.join(' '), ...noteLines(model, '  ')]
}

function opsetFacts(opsets: ReadonlyMap<string, number>): string[] {
  return [...opsets].sort(byName).map(([domain, version]) => {
    if (domain === '') return `opset=${version}`
    return plainName.test(domain) ? `opset:${domain}=${version}` : `opset:${JSON.stringify(domain)}=${version}`
  })
}

function graphLines(graph: Graph, prefix: string, indent: string, style: Style, tail = ''): string[] {
  const inner = `${indent}  `
  const typed = new Map<string, string>()
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs))
  for (const [name, value] of graph.values) if (value.type !== undefined && produced.has(name)) typed.set(name, printType(value.type))
  return [
    ...signatureLines(
      `${indent}${prefix}${printName(graph.name)}`,
      graph.inputs.map(printValue),
      graph.outputs.map(printValue),
      tail,
      indent,
      style,
    ),
    ...noteLines(graph, inner),
    ...graph.inputs.flatMap((value) => aboutLines('input', value, inner)),
    ...graph.outputs.flatMap((value) => aboutLines('output', value, inner)),
    ...quantizationLines(graph, inner),
    ...[...graph.initializers].map(([name, tensor]) => {
      const type = `${tensor.dtype}[${tensor.dims.join(',')}]`
      return `${inner}${printName(name)}: ${type} = ${printElements(tensor, style.maxElements)}`
    }),
    ...[...(graph.sparseInitializers ?? [])].map(
      ([name, sparse]) => `${inner}${printName(name)} = ${printSparse(sparse, style.maxElements)}`,
    ),
    ...[...graph.values.values()].flatMap((value) => valueLines(value, typed, inner)),
    ...graph.nodes.flatMap((node) => nodeLines(node, inner, typed, style)),
  ]
}

function functionLines(definition: FunctionDefinition, style: Style): string[] {
  const typed = new Map<string, string>()
  const produced = new Set(definition.nodes.flatMap((node) => node.outputs))
  for (const [name, value] of definition.values) if (value.type !== undefined && produced.has(name)) typed.set(name, printType(value.type))
  const facts = opsetFacts(definition.opsets)
  if (definition.overload !== undefined) facts.push(`overload=${JSON.stringify(definition.overload)}`)
  const attributes = [...definition.attributes.map(printName), ...printAttributes(definition.defaults, style)]
  if (attributes.length > 0) facts.push(`{${attributes.join(', ')}}`)
  const head = `function ${printOperator(definition.domain, definition.name)}`
  return [
    ...signatureLines(head, definition.inputs.map(printName), definition.outputs.map(printName), facts.join(' '), '', style),
    ...noteLines(definition, '  '),
    ...subgraphLines(definition.defaults, '  ', style),
    ...[...definition.values.values()].flatMap((value) => valueLines(value, typed, '  ')),
    ...definition.nodes.flatMap((node) => nodeLines(node, '  ', typed, style)),
  ]
}

function signatureLines(head: string, inputs: string[], outputs: string[], tail: string, indent: string, style: Style): string[] {
  const end = tail === '' ? '' : ` ${tail}`
  const line = `${head}(${inputs.join(', ')}) -> (${outputs.join(', ')})${end}`
  if (line.length <= style.columns) return [line]
  const list = (values: string[]) => values.map((value, i) => `${indent}    ${value}${i < values.length - 1 ? ',' : ''}`)
  return [`${head}(`, ...list(inputs), `${indent}  ) -> (`, ...list(outputs), `${indent}  )${end}`]
}

function nodeLines(node: Node, indent: string, typed: ReadonlyMap<string, string>, style: Style): string[] {
  const outputs = node.outputs.map((name) => (typed.has(name) ? `${printArgument(name)}: ${typed.get(name)}` : printArgument(name)))
  const left = outputs.length === 1 ? outputs[0] : `(${outputs.join(', ')})`
  const attributes = printAttributes(node.attributes, style)
  const parts = [`${printOperator(node.domain, node.op)}(${node.inputs.map(printArgument).join(', ')})`]
  if (node.overload !== undefined) parts.push(`overload=${JSON.stringify(node.overload)}`)
  if (attributes.length > 0) parts.push(`{${attributes.join(', ')}}`)
  const name = node.name === (node.outputs[0] ?? '') ? '' : `  ${JSON.stringify(node.name)}`
  return [
    `${indent}${left} = ${parts.join(' ')}${name}`,
    ...noteLines(node, `${indent}  `),
    ...subgraphLines(node.attributes, `${indent}  `, style),
  ]
}

function printAttributes(attributes: ReadonlyMap<string, Attribute>, style: Style): string[] {
  return [...attributes].sort(byName).flatMap(([name, attribute]) => {
    if (attribute.type === 'graph' || (attribute.type === 'graphs' && attribute.value.length > 0)) return []
    return [`${printName(name)}=${printAttribute(attribute, style)}${printDoc(attribute)}`]
  })
}

/** Subgraphs of a node, in the order of their attributes' names. */
function subgraphLines(attributes: ReadonlyMap<string, Attribute>, indent: string, style: Style): string[] {
  return [...attributes].sort(byName).flatMap(([name, attribute]) => {
    const tail = printDoc(attribute).trim()
    if (attribute.type === 'graph') return graphLines(attribute.value, `${printName(name)}: graph `, indent, style, tail)
    if (attribute.type !== 'graphs') return []
    return attribute.value.flatMap((graph, i) => graphLines(graph, `${printName(name)}[${i}]: graph `, indent, style, tail))
  })
}

function printDoc(attribute: Attribute): string {
  return attribute.doc === undefined ? '' : ` doc ${JSON.stringify(attribute.doc)}`
}

function printAttribute(attribute: Attribute, style: Style): string {
  switch (attribute.type) {
    case 'float':
      return printFloat(attribute.value)
    case 'int':
      return `${attribute.value}`
    case 'string':
      return printText(attribute.value)
    case 'tensor':
      return printTensor(attribute.value, style.maxElements)
    case 'sparseTensor':
      return printSparse(attribute.value, style.maxElements)
    case 'valueType':
      return `type(${printType(attribute.value)})`
    case 'reference':
      return `@${printName(attribute.value)}${attribute.of === 'undefined' ? '' : ` as ${attribute.of}`}`
    case 'graph':
      return ''
  }
  const items = printList(attribute, style)
  return items.length === 0 ? `${attribute.type}[]` : `[${items.join(',')}]`
}

function printList(attribute: Attribute, style: Style): string[] {
  switch (attribute.type) {
    case 'floats':
      return attribute.value.map(printFloat)
    case 'ints':
      return attribute.value.map(String)
    case 'strings':
      return attribute.value.map(printText)
    case 'tensors':
      return attribute.value.map((tensor) => printTensor(tensor, style.maxElements))
    case 'sparseTensors':
      return attribute.value.map((sparse) => printSparse(sparse, style.maxElements))
    case 'valueTypes':
      return attribute.value.map((type) => `type(${printType(type)})`)
    default:
      return []
  }
}

function printText(text: string | Uint8Array): string {
  return typeof text === 'string' ? JSON.stringify(text) : `hex"${printHex(text)}"`
}

function printArgument(name: string): string {
  return name === '' ? '_' : printName(name)
}

function printValue(value: Value): string {
  return value.type === undefined ? printName(value.name) : `${printName(value.name)}: ${printType(value.type)}`
}

/** A listed value whose type does not stand at a node's output, or that has more to it than a type. */
function valueLines(value: Value, typed: ReadonlyMap<string, string>, indent: string): string[] {
  if (!typed.has(value.name)) return [`${indent}value ${printValue(value)}`, ...noteLines(value, `${indent}  `)]
  return aboutLines('value', value, indent)
}

function aboutLines(what: string, value: Value, indent: string): string[] {
  const notes = noteLines(value, `${indent}  `)
  return notes.length === 0 ? [] : [`${indent}${what} ${printName(value.name)}`, ...notes]
}

function noteLines(owner: { doc?: string; metadata?: ReadonlyMap<string, string> }, indent: string): string[] {
  const doc = owner.doc === undefined ? [] : [`${indent}doc ${JSON.stringify(owner.doc)}`]
  const entries = [...(owner.metadata ?? [])]
  return [...doc, ...entries.map(([key, value]) => `${indent}metadata ${JSON.stringify(key)} = ${JSON.stringify(value)}`)]
}

function quantizationLines(graph: Graph, indent: string): string[] {
  return [...(graph.quantization ?? [])].map(([name, parameters]) => {
    const entries = [...parameters].map(([key, value]) => `${JSON.stringify(key)} = ${JSON.stringify(value)}`)
    return `${indent}quantization ${printName(name)} {${entries.join(', ')}}`
  })
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}
