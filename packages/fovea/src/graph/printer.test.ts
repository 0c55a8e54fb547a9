import { expect, test } from 'vitest'
import { GraphBuilder } from './builder.ts'
import { emptyGraph } from './model.ts'
import { contentHash } from './print-value.ts'
import { printGraph, printModel, printNode } from './printer.ts'
import { Tensor } from './tensor.ts'
import { tensorOfNumbers } from './tensor-values.ts'

test('a model is one line per node', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 3, 8, 8])
  const w = b.weight('w', Tensor.float32([2, 2], [1, 0.1, -0, Number.POSITIVE_INFINITY]))
  const big = b.weight('big', Tensor.float32([100], new Float32Array(100)))
  const h = b.op('Conv', [x, w, undefined, big], { pads: [1, 1, 1, 1], epsilon: 1, auto_pad: 'NOTSET' }, 'h')
  const [, indices] = b.ops('TopK', [h, b.ints([3])], ['', 'i'], { axis: -1 })
  b.output(b.op('com.microsoft::FusedMatMul', [h, indices], { alpha: 0.1 }, 'y'))
  b.graph.values.set('h', { name: 'h', type: { kind: 'tensor', dtype: 'float32', dims: ['N', null, '2*H + 1'] } })
  b.graph.nodes[0]!.name = 'first'
  expect(printModel(b.model())).toMatchInlineSnapshot(`
    "model ir=10 opset=21 opset:com.microsoft=1
    graph main(x: float32[N,3,8,8]) -> (y)
      w: float32[2,2] = {1, 0.1, -0, inf}
      big: float32[100] = #33e440241a200c66
      ints: int64[1] = {3}
      h: float32[N,?,2*H + 1] = Conv(x, w, _, big) {auto_pad="NOTSET", epsilon=1.0, pads=[1,1,1,1]}  "first"
      (_, i) = TopK(h, ints) {axis=-1}
      y = com.microsoft::FusedMatMul(h, i) {alpha=0.1}"
  `)
})

test('subgraphs stand under their node, long headers are broken', () => {
  const branch = (value: number) => {
    const b = new GraphBuilder({ name: 'branch' })
    b.output(b.constant(Tensor.scalar(value), 'c'))
    return b.graph
  }
  const b = new GraphBuilder()
  b.output(b.op('If', [b.input('the condition', 'bool', ['batch'])], { then_branch: branch(1), else_branch: branch(2) }, 'y'))
  expect(printGraph(b.graph, { columns: 44 })).toMatchInlineSnapshot(`
    "graph main(
        "the condition": bool[batch]
      ) -> (
        y
      )
      y = If("the condition")
        else_branch: graph branch() -> (c)
          c: float32[] = {2}
        then_branch: graph branch() -> (c)
          c: float32[] = {1}"
  `)
})

test('every kind of attribute has a form of its own', () => {
  const tensor = Tensor.float32([2], [1, 2])
  const sparse = { dims: [3], values: Tensor.float32([1], [5]), indices: Tensor.int64([1], [2]) }
  const node = {
    ...{ op: 'Op', domain: '', name: 'y', inputs: [], outputs: ['y'] },
    attributes: new Map([
      ['bytes', { type: 'string', value: Uint8Array.of(255, 0) }],
      ['doc', { type: 'float', value: 1e-7, doc: 'small' }],
      ['empty', { type: 'floats', value: [] }],
      ['floats', { type: 'floats', value: [1, 2.5, Number.NaN] }],
      ['int', { type: 'int', value: 2n ** 62n }],
      ['reference', { type: 'reference', value: 'alpha', of: 'float' }],
      ['sparse', { type: 'sparseTensor', value: sparse }],
      ['tensors', { type: 'tensors', value: [tensor, Tensor.int64([], [7])] }],
      ['type', { type: 'valueType', value: { kind: 'sequence', element: undefined } }],
    ] as const),
  }
  expect(printNode(node as never).replaceAll(', ', '\n')).toMatchInlineSnapshot(`
    "y = Op() {bytes=hex"ff00"
    doc=1e-7 doc "small"
    empty=floats[]
    floats=[1.0,2.5,nan]
    int=4611686018427387904
    reference=@alpha as float
    sparse=sparse [3] float32[1] {5} at int64[1] {2}
    tensors=[float32[2] {1
    2},int64[] {7}]
    type=type(sequence(?))}"
  `)
})

test('floats print as the shortest decimal of their type', () => {
  const graph = emptyGraph('g')
  graph.initializers.set('half', tensorOfNumbers('float16', [3], [0.1, 65504, 6e-8]))
  graph.initializers.set('e4m3', tensorOfNumbers('float8e4m3fn', [2], [0.1, 448]))
  graph.initializers.set('double', tensorOfNumbers('float64', [1], [0.1 + 0.2]))
  graph.initializers.set('payload', new Tensor('float32', [1], Uint8Array.of(1, 0, 0xc0, 0x7f)))
  graph.initializers.set('flags', tensorOfNumbers('bool', [2], [1, 0]))
  expect(printGraph(graph)).toMatchInlineSnapshot(`
    "graph g() -> ()
      half: float16[3] = {0.1, 65504, 6e-8}
      e4m3: float8e4m3fn[2] = {0.1, 448}
      double: float64[1] = {0.30000000000000004}
      payload: float32[1] = hex"0100c07f"
      flags: bool[2] = {true, false}"
  `)
})

test('the hash tells contents apart', () => {
  const hashes = new Set<string>()
  for (let i = 0; i < 200; i++) hashes.add(contentHash(Tensor.float32([1], [i])))
  for (let length = 0; length < 9; length++) hashes.add(contentHash(new Tensor('uint8', [length], new Uint8Array(length))))
  expect(hashes.size).toBe(208)
})
