import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { consumersOf, dataInputs, dominatorsOf, hasSubgraph, nodesBefore, producersOf, valuesAfter, valuesUsed } from './analysis.ts'
import { emptyGraph, type Graph } from './model.ts'
import { readModel } from './reader.ts'

const { graph } = readModel(`
  graph main(x: float32[2], c: bool[], w: float32[2]) -> (y: float32[2], z: float32[2])
    w: float32[2] = {1.0, 2.0}
    v: float32[2] = {3.0, 4.0}
    a = Mul(x, w)
    (b, _) = Dropout(a)
    y = If(c)
      else_branch: graph no() -> (n: float32[2])
        inner: float32[2] = {5.0, 6.0}
        k = Add(inner, v)
        n = Add(k, b)
      then_branch: graph yes() -> (a: float32[2])
    z = Neg(x)`)

const namesOf = (nodes: readonly { outputs: readonly string[] }[] | undefined) => nodes?.map((node) => node.outputs[0])

describe('analysis of a graph', () => {
  it('knows producers; an output left out has none', () => {
    const producers = producersOf(graph)
    expect([...producers.keys()]).toEqual(['a', 'b', 'y', 'z'])
    expect(producers.get('b')!.op).toBe('Dropout')
  })

  it('counts what subgraphs take from outside among the values a node uses, and not what is their own', () => {
    const [, , branch] = graph.nodes
    expect([...valuesUsed(branch!)].sort()).toEqual(['a', 'b', 'c', 'v'])
    expect(graph.nodes.map(hasSubgraph)).toEqual([false, false, true, false])
  })

  it('knows consumers, also from within subgraphs', () => {
    const consumers = consumersOf(graph)
    expect(namesOf(consumers.get('x'))).toEqual(['a', 'z'])
    expect(namesOf(consumers.get('a'))).toEqual(['b', 'y'])
    expect(namesOf(consumers.get('v'))).toEqual(['y'])
    expect(consumers.get('y')).toBeUndefined()
  })

  it('finds what values need, up to where it is told to stop', () => {
    expect(namesOf(nodesBefore(graph, ['y']))).toEqual(['a', 'b', 'y'])
    expect(namesOf(nodesBefore(graph, ['y'], new Set(['a'])))).toEqual(['b', 'y'])
    expect(namesOf(nodesBefore(graph, ['z', 'a']))).toEqual(['a', 'z'])
    expect(nodesBefore(graph, ['x', 'nowhere'])).toEqual([])
  })

  it('finds what depends on values', () => {
    expect([...valuesAfter(graph, ['v'])]).toEqual(['v', 'y'])
    expect([...valuesAfter(graph, ['w'])]).toEqual(['w', 'a', 'b', 'y'])
  })

  it('tells data from weights that are inputs too', () => {
    expect(dataInputs(graph)).toEqual(['x', 'c'])
  })
})

/** Random graphs of nodes with one to three inputs each, from what stands before them. */
const randomGraph = fc.array(fc.array(fc.nat(), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 }).map((picks): Graph => {
  const names = ['x', 'weight']
  const result = emptyGraph()
  result.inputs = [{ name: 'x' }]
  picks.forEach((pick, i) => {
    const name = `v${i}`
    const inputs = pick.map((at) => names[at % names.length]!)
    result.nodes.push({ op: 'Sum', domain: '', name, inputs, outputs: [name], attributes: new Map() })
    names.push(name)
  })
  return result
})

/** True where a path leads from x to the value without passing through `avoided`. */
function isReached(target: string, avoided: string | undefined, { nodes }: Graph): boolean {
  const reached = new Set(['x'].filter((name) => name !== avoided))
  for (const { inputs, outputs } of nodes) if (outputs[0] !== avoided && inputs.some((name) => reached.has(name))) reached.add(outputs[0]!)
  return reached.has(target)
}

describe('dominatorsOf', () => {
  it('finds the last value that every path passes', () => {
    fc.assert(
      fc.property(randomGraph, (random) => {
        const dominators = dominatorsOf(random)
        const values = ['x', ...random.nodes.map((node) => node.outputs[0]!)]
        for (const target of values.slice(1)) {
          const found = dominators.get(target)
          if (!isReached(target, undefined, random)) {
            expect(found).toBeUndefined()
            continue
          }
          const onEveryPath = values.slice(0, values.indexOf(target)).filter((name) => !isReached(target, name, random))
          // Those on every path stand in one row; the nearest is the last in the order of the graph.
          expect(found).toBe(onEveryPath.at(-1))
        }
      }),
      { numRuns: 300, seed: 3 },
    )
  })

  it('gives none where two inputs meet, and goes on from there', () => {
    const two = readModel(`
      graph main(p: float32[2], q: float32[2]) -> (y: float32[2])
        s = Add(p, q)
        t = Neg(s)
        y = Mul(s, t)`).graph
    expect([...dominatorsOf(two)]).toEqual([
      ['t', 's'],
      ['y', 's'],
    ])
  })
})
