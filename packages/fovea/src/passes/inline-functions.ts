// Replaces calls of the model's own functions by the nodes that define them.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Attribute, FunctionDefinition, Graph, Model, Node, Value } from '../graph/model.ts'
import { FoveaError } from '../util/errors.ts'
import type { PassResult } from './pass.ts'

/** Functions may call functions, but not themselves; deeper than this they do. */
const deepestCall = 64

/**
 * Inlines every call of a model-local function, also within subgraphs, so that what reads the model meets operators only. The
 * function's values get names under that of the call. A function that is written in other operator versions than the model
 * stays as it is.
 *
 * @throws FoveaError GRAPH_INVALID where functions call themselves
 */
export function inlineFunctions(model: Model): PassResult {
  const definitions = new Map(
    model.functions.filter(({ opsets }) => agrees(opsets, model.opsets)).map((definition) => [keyOf(definition), definition]),
  )
  if (definitions.size === 0) return { model, modified: false }
  const result = copyModel(model)
  const { graph } = result
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  for (const name of namesWithin(graph)) b.fresh(name)
  const inliner = new Inliner(b, definitions)
  graph.nodes = graph.nodes.flatMap((node) => inliner.expand(node, 0))
  const kept = model.functions.filter((definition) => !definitions.has(keyOf(definition)))
  if (!inliner.found && kept.length > 0) return { model, modified: false }
  for (const { opsets } of definitions.values())
    for (const [domain, version] of opsets) if (!result.opsets.has(domain)) result.opsets.set(domain, version)
  // The functions that stay may call others.
  result.functions = kept.length === 0 ? [] : model.functions
  return { model: result, modified: true }
}

function keyOf({ domain, name, overload }: Pick<FunctionDefinition, 'domain' | 'name' | 'overload'>): string {
  return `${domain}::${name}:${overload ?? ''}`
}

function agrees(own: ReadonlyMap<string, number>, models: ReadonlyMap<string, number>): boolean {
  return [...own].every(([domain, version]) => (models.get(domain) ?? version) === version)
}

class Inliner {
  /** True once a call was met. */
  found = false
  readonly #b: GraphBuilder
  readonly #definitions: ReadonlyMap<string, FunctionDefinition>

  constructor(b: GraphBuilder, definitions: ReadonlyMap<string, FunctionDefinition>) {
    this.#b = b
    this.#definitions = definitions
  }

  /** The node itself, or what it stands for. */
  expand(node: Node, depth: number): Node[] {
    const definition = this.#definitions.get(keyOf({ ...node, name: node.op }))
    if (definition === undefined) return [withSubgraphs(node, (graph) => this.#expandGraph(graph, depth))]
    this.found = true
    if (depth > deepestCall)
      throw new FoveaError('GRAPH_INVALID', { node: node.name, expected: 'functions that do not call themselves', found: node.op })
    return this.#instance(node, definition).flatMap((inner) => this.expand(inner, depth + 1))
  }

  #expandGraph(graph: Graph, depth: number): Graph {
    return { ...graph, nodes: graph.nodes.flatMap((node) => this.expand(node, depth)) }
  }

  /** The function's nodes with the call's values and attributes in them. */
  #instance(call: Node, definition: FunctionDefinition): Node[] {
    const prefix = call.name || call.outputs[0] || call.op
    const names = new Map<string, string>([['', '']])
    definition.inputs.forEach((name, i) => {
      names.set(name, call.inputs[i] ?? '')
    })
    const passedOn: Node[] = []
    definition.outputs.forEach((name, i) => {
      const output = call.outputs[i] ?? ''
      if (output === '') return
      // An input that is passed through, or a value that is returned twice, keeps the name it has.
      if (!names.has(name)) names.set(name, output)
      else passedOn.push({ op: 'Identity', domain: '', name: output, inputs: [names.get(name)!], outputs: [output], attributes: new Map() })
    })
    const rename = (name: string): string => {
      const known = names.get(name)
      if (known !== undefined) return known
      const fresh = this.#b.fresh(`${prefix}/${name}`)
      names.set(name, fresh)
      return fresh
    }
    const attributes = new Map([...definition.defaults, ...call.attributes])
    return [...definition.nodes.map((node) => instantiate(node, rename, attributes)), ...passedOn]
  }
}

type Rename = (name: string) => string

function instantiate(node: Node, rename: Rename, given: ReadonlyMap<string, Attribute>): Node {
  const attributes = new Map<string, Attribute>()
  for (const [name, attribute] of node.attributes) {
    // One that the call leaves out, and that has no default, is left out here too.
    const value = attribute.type === 'reference' ? given.get(attribute.value) : attribute
    if (value !== undefined) attributes.set(name, value)
  }
  const outputs = node.outputs.map(rename)
  const renamed = {
    ...node,
    name: outputs.find((name) => name !== '') ?? node.name,
    inputs: trimmed(node.inputs.map(rename)),
    outputs,
    attributes,
  }
  return withSubgraphs(renamed, (graph) => instantiateGraph(graph, rename, given))
}

/** An optional input that the call leaves out may have been the last. */
function trimmed(names: string[]): string[] {
  const last = names.findLastIndex((name) => name !== '')
  return names.slice(0, last + 1)
}

function instantiateGraph(graph: Graph, rename: Rename, given: ReadonlyMap<string, Attribute>): Graph {
  const value = (entry: Value): Value => ({ ...entry, name: rename(entry.name) })
  return {
    ...graph,
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [rename(name), tensor])),
    values: new Map([...graph.values.values()].map((entry) => [rename(entry.name), value(entry)])),
    nodes: graph.nodes.map((node) => instantiate(node, rename, given)),
  }
}

function withSubgraphs(node: Node, change: (graph: Graph) => Graph): Node {
  const changed = (attribute: Attribute): Attribute => {
    if (attribute.type === 'graph') return { ...attribute, value: change(attribute.value) }
    return attribute.type === 'graphs' ? { ...attribute, value: attribute.value.map(change) } : attribute
  }
  if (![...node.attributes.values()].some(({ type }) => type === 'graph' || type === 'graphs')) return node
  return { ...node, attributes: new Map([...node.attributes].map(([name, attribute]) => [name, changed(attribute)])) }
}

/** Names that a graph's subgraphs define: new ones must differ from them. */
function namesWithin(graph: Graph): string[] {
  return graph.nodes.flatMap((node) =>
    [...node.attributes.values()].flatMap(({ type, value }) => {
      const subgraphs = type === 'graph' ? [value] : type === 'graphs' ? value : []
      return subgraphs.flatMap((inner) => [
        ...inner.inputs.map(({ name }) => name),
        ...inner.initializers.keys(),
        ...inner.nodes.flatMap((node) => node.outputs),
        ...namesWithin(inner),
      ])
    }),
  )
}
