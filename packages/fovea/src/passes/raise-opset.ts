// Writes a model of an older standard opset in a newer one, with equal meaning.

import { valuesUsed } from '../graph/analysis.ts'
import { defaultIrVersion, defaultOpset, GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Attribute, FunctionDefinition, Graph, Model, Node } from '../graph/model.ts'
import { FoveaError } from '../util/errors.ts'
import { inferNodes, ShapeTable } from './infer-shapes.ts'
import { newestOpset, operatorVersions } from './opset-history.ts'
import { opsetRewrites } from './opset-rewrites.ts'
import { type OpsetChange, Rewriting, unsupported } from './opset-rewriting.ts'
import type { PassResult } from './pass.ts'

export interface RaiseOptions {
  /** The standard opset that the result imports, 21 to 26. @default 21 */
  readonly to?: number
}

/** Up to this opset every change of an operator needs an entry in the table of rewrites; nobody wrote such files for long. */
const firstStableOpset = 7

/**
 * Rewrites a model of an older standard opset, its subgraphs and functions: what reads or differentiates models then meets one
 * form of every operator. A model of `to` or newer keeps its opset. The IR version becomes 10 at least; weights of IR version
 * 3, where all of them had to be inputs, cease to be inputs. Other domains are left alone.
 *
 * @throws FoveaError OPSET_UNSUPPORTED naming a node that has no equal form, or that no opset knows
 */
export function raiseOpset(model: Model, { to = defaultOpset }: RaiseOptions = {}): PassResult {
  if (!Number.isInteger(to) || to < defaultOpset || to > newestOpset)
    throw new FoveaError('OPSET_UNSUPPORTED', { field: 'to', expected: `${defaultOpset} to ${newestOpset}`, found: `${to}` })
  const from = model.opsets.get('') ?? model.opsets.get('ai.onnx')
  const isOld = (version: number | undefined) => version !== undefined && version < to
  if (!isOld(from) && !model.functions.some(({ opsets }) => isOld(opsets.get(''))) && model.irVersion >= defaultIrVersion)
    return { model, modified: false }

  const result = copyModel(model)
  const { graph } = result
  if (model.irVersion < 4) graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
  result.irVersion = Math.max(model.irVersion, defaultIrVersion)
  if (from !== undefined && isOld(from)) {
    result.opsets = new Map([...model.opsets].filter(([domain]) => domain !== 'ai.onnx'))
    result.opsets.set('', to)
    raiseGraph(result, from, to)
  }
  result.functions = model.functions.map((definition) => {
    const version = definition.opsets.get('')
    return version !== undefined && isOld(version) ? raiseFunction(definition, version, to) : definition
  })
  return { model: result, modified: true }
}

function raiseGraph(model: Model, from: number, to: number): void {
  const { graph } = model
  const shapes = new ShapeTable(graph.initializers)
  for (const { name, type } of graph.inputs) if (type !== undefined && !graph.initializers.has(name)) shapes.set(name, { type })
  const { nodes } = graph
  const raised: Node[] = []
  let inferred = 0
  // Few rewrites ask for shapes, so nodes are inferred when one does.
  const shapesSoFar = () => {
    inferNodes(model, graph, raised.slice(inferred), shapes)
    inferred = raised.length
    return shapes
  }
  const raiser = new Raiser(new GraphBuilder({ graph, opset: to }), shapesSoFar, from, to, usedNames(graph))
  for (const name of innerNames(nodes)) raiser.b.fresh(name)
  graph.nodes = raised
  for (const node of nodes) raiser.raise(node)
}

/** A function has no initializers: its constants become nodes. */
function raiseFunction(definition: FunctionDefinition, from: number, to: number): FunctionDefinition {
  const b = new GraphBuilder({ opset: to })
  const names = [...definition.inputs, ...definition.nodes.flatMap((node) => node.outputs), ...innerNames(definition.nodes)]
  for (const name of names) b.fresh(name)
  const used = new Set(definition.outputs)
  for (const node of definition.nodes) addUsed(node, used)
  const nothing = new ShapeTable(new Map())
  const raiser = new Raiser(b, () => nothing, from, to, used)
  for (const node of definition.nodes) raiser.raise(node)
  const constants = [...b.graph.initializers].map(
    ([name, value]): Node => ({
      ...{ op: 'Constant', domain: '', name, inputs: [], outputs: [name] },
      attributes: new Map([['value', { type: 'tensor', value }]]),
    }),
  )
  return { ...definition, nodes: [...constants, ...b.graph.nodes], opsets: new Map(definition.opsets).set('', to) }
}

/** Walks the nodes of a graph and its subgraphs. New names and constants all come from one builder, since names are never shadowed. */
class Raiser {
  readonly b: GraphBuilder
  readonly #shapes: () => ShapeTable
  readonly #from: number
  readonly #to: number
  readonly #used: ReadonlySet<string>

  constructor(b: GraphBuilder, shapes: () => ShapeTable, from: number, to: number, used: ReadonlySet<string>) {
    this.b = b
    this.#shapes = shapes
    this.#from = from
    this.#to = to
    this.#used = used
  }

  /** Adds the node to the builder's graph, in the newer form. */
  raise(node: Node): void {
    if (node.domain !== '' && node.domain !== 'ai.onnx') this.b.graph.nodes.push(this.#withSubgraphs(node))
    else this.#raiseFrom(this.#withSubgraphs({ ...node, domain: '' }), this.#from)
  }

  #raiseFrom(node: Node, version: number): void {
    const change = this.#nextChange(node, version)
    if (change === undefined) {
      this.b.graph.nodes.push(node)
      return
    }
    if ([...node.attributes.values()].some(({ type }) => type === 'reference'))
      throw unsupported(node, version, 'attributes that do not depend on the call of a function')
    const rewriting = new Rewriting(node, version, {
      b: this.b,
      shapes: this.#shapes,
      used: this.#used,
      take: (next) => {
        // Another operator that took its place is written in its newest form.
        if (next.op === node.op) this.#raiseFrom(next, change.since)
        else this.b.graph.nodes.push(next)
      },
    })
    change.rewrite(rewriting)
  }

  #nextChange(node: Node, version: number): OpsetChange | undefined {
    const versions = Object.hasOwn(operatorVersions, node.op) ? operatorVersions[node.op]! : undefined
    if (versions === undefined) throw unsupported(node, version, 'an operator of ONNX')
    const change = opsetRewrites[node.op]?.find(({ since }) => since > version && since <= this.#to)
    const early = versions.find((since) => since > version && since <= firstStableOpset && since !== versions[0])
    if (early !== undefined && early !== change?.since) throw unsupported(node, version, `${node.op} of opset ${early} or later`)
    return change
  }

  #withSubgraphs(node: Node): Node {
    if (![...node.attributes.values()].some(({ type }) => type === 'graph' || type === 'graphs')) return node
    const attributes = new Map([...node.attributes].map(([name, attribute]) => [name, this.#withinAttribute(attribute)]))
    return { ...node, attributes }
  }

  #withinAttribute(attribute: Attribute): Attribute {
    if (attribute.type === 'graph') return { ...attribute, value: this.#subgraph(attribute.value) }
    if (attribute.type === 'graphs') return { ...attribute, value: attribute.value.map((graph) => this.#subgraph(graph)) }
    return attribute
  }

  /** While a subgraph is walked, the builder's nodes are those of the subgraph. */
  #subgraph(subgraph: Graph): Graph {
    const { graph } = this.b
    const outer = graph.nodes
    graph.nodes = []
    for (const node of subgraph.nodes) this.raise(node)
    const { nodes } = graph
    graph.nodes = outer
    return { ...subgraph, nodes }
  }
}

/** Names that nodes or outputs use, in the graph and in its subgraphs. */
function usedNames(graph: Graph, used = new Set<string>()): Set<string> {
  for (const { name } of graph.outputs) used.add(name)
  for (const node of graph.nodes) addUsed(node, used)
  return used
}

function addUsed(node: Node, used: Set<string>): void {
  for (const name of valuesUsed(node)) used.add(name)
  for (const subgraph of subgraphsOf(node)) usedNames(subgraph, used)
}

/** All names that the subgraphs of nodes define. */
function innerNames(nodes: readonly Node[]): string[] {
  return nodes
    .flatMap(subgraphsOf)
    .flatMap(({ inputs, initializers, nodes: inner }) => [
      ...inputs.map(({ name }) => name),
      ...initializers.keys(),
      ...inner.flatMap((node) => node.outputs),
      ...innerNames(inner),
    ])
}

function subgraphsOf(node: Node): readonly Graph[] {
  return [...node.attributes.values()].flatMap(({ type, value }) => (type === 'graph' ? [value] : type === 'graphs' ? value : []))
}
