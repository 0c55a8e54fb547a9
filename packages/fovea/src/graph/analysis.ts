// Questions about a graph: who produces and uses a value, what lies before it, through what every path to it must pass.

import type { Graph, Node } from './model.ts'

/** The node that produces each value. */
export function producersOf(graph: Graph): Map<string, Node> {
  const producers = new Map<string, Node>()
  for (const node of graph.nodes) for (const name of node.outputs) if (name !== '') producers.set(name, node)
  return producers
}

/** The nodes that use each value, also from within subgraphs. */
export function consumersOf(graph: Graph): Map<string, Node[]> {
  const consumers = new Map<string, Node[]>()
  for (const node of graph.nodes)
    for (const name of valuesUsed(node)) {
      const known = consumers.get(name)
      if (known === undefined) consumers.set(name, [node])
      else known.push(node)
    }
  return consumers
}

/** All values that a node needs: its inputs, and what its subgraphs take from outside. */
export function valuesUsed(node: Node): Set<string> {
  const used = new Set(node.inputs.filter((name) => name !== ''))
  for (const attribute of node.attributes.values()) {
    const subgraphs = attribute.type === 'graph' ? [attribute.value] : attribute.type === 'graphs' ? attribute.value : []
    for (const subgraph of subgraphs) for (const name of capturedBy(subgraph)) used.add(name)
  }
  return used
}

/** True for If, Loop, Scan and the like. */
export function hasSubgraph(node: Node): boolean {
  return [...node.attributes.values()].some(({ type }) => type === 'graph' || type === 'graphs')
}

function capturedBy(graph: Graph): Set<string> {
  const own = new Set([...graph.inputs.map((value) => value.name), ...graph.initializers.keys()])
  for (const node of graph.nodes) for (const name of node.outputs) own.add(name)
  const captured = new Set<string>()
  for (const node of graph.nodes) for (const name of valuesUsed(node)) if (!own.has(name)) captured.add(name)
  for (const output of graph.outputs) if (!own.has(output.name)) captured.add(output.name)
  return captured
}

/** The nodes that the given values need, in graph order. Values in `stop` are taken as given. */
export function nodesBefore(graph: Graph, values: Iterable<string>, stop: ReadonlySet<string> = new Set()): Node[] {
  const producers = producersOf(graph)
  const needed = new Set<Node>()
  const open = [...values]
  while (open.length > 0) {
    const name = open.pop()!
    const node = stop.has(name) ? undefined : producers.get(name)
    if (node === undefined || needed.has(node)) continue
    needed.add(node)
    open.push(...valuesUsed(node))
  }
  return graph.nodes.filter((node) => needed.has(node))
}

/** Names of the graph inputs that are data, not weights with a default. */
export function dataInputs(graph: Graph): string[] {
  return graph.inputs.map((value) => value.name).filter((name) => !graph.initializers.has(name))
}

/** All values that depend on one of the given ones (these included). */
export function valuesAfter(graph: Graph, values: Iterable<string>): Set<string> {
  const reached = new Set(values)
  for (const node of graph.nodes) {
    let depends = false
    for (const name of valuesUsed(node)) depends ||= reached.has(name)
    if (depends) for (const output of node.outputs) if (output !== '') reached.add(output)
  }
  return reached
}

/**
 * The immediate dominator of every value that depends on the data inputs: the last value through which all paths from the
 * inputs to it must pass (Cooper, Harvey & Kennedy 2001, in one sweep since the graph has no cycles).
 * Values that only the inputs themselves dominate have none.
 */
export function dominatorsOf(graph: Graph): Map<string, string> {
  const dominators = new Map<string, string>()
  const depth = new Map<string, number>(dataInputs(graph).map((name) => [name, 0]))
  const meet = (a: string | undefined, b: string | undefined) => {
    while (a !== b && a !== undefined && b !== undefined) {
      if (depth.get(a)! >= depth.get(b)!) a = dominators.get(a)
      else b = dominators.get(b)
    }
    return a === b ? a : undefined
  }
  for (const node of graph.nodes) {
    const flowing = [...valuesUsed(node)].filter((name) => depth.has(name))
    if (flowing.length === 0) continue
    const dominator = flowing.reduce<string | undefined>((common, name, i) => (i === 0 ? name : meet(common, name)), undefined)
    for (const output of node.outputs) {
      if (output === '') continue
      if (dominator !== undefined) dominators.set(output, dominator)
      depth.set(output, dominator === undefined ? 0 : depth.get(dominator)! + 1)
    }
  }
  return dominators
}
