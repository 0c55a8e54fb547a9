import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomModel } from '../../test/random-model.ts'
import { isFoveaError } from '../util/errors.ts'
import { readModel } from './reader.ts'
import { findProblems, verifyModel } from './verifier.ts'

/** The codes of a text's problems, each with the node or field that it names. */
function problemsOf(text: string): string[] {
  return findProblems(readModel(text)).map(({ code, details }) => `${code} ${details.node ?? details.field ?? ''}`.trim())
}

test('a sound model has no problems', () => {
  const model = readModel(`
    model ir=10 opset=21 opset:my.ops=1
    graph main(x: float32[N]) -> (y, z: float32[N])
      w: float32[1] = {1}
      a = my.ops::Twice(x)
      y = If(c)
        then_branch: graph then() -> (t)
          t = Add(a, w)
        else_branch: graph else() -> (e)
          e = Identity(w)
      (z, _) = Dropout(y)
    function my.ops::Twice(v) -> (r) opset=21 {alpha, beta=1.0}
      r = Mul(v, v) {alpha=@alpha as float}
  `)
  expect(findProblems(model).map((problem) => problem.message)).toEqual([expect.stringContaining('"c", which nothing defines')])
  model.graph.inputs.push({ name: 'c' })
  expect(findProblems(model)).toEqual([])
  expect(() => verifyModel(model)).not.toThrow()
})

test.each([
  ['a value produced twice', 'graph g(x) -> (y)\n  y = Relu(x)\n  y = Abs(x)', 'GRAPH_DUPLICATE_NAME y'],
  ['an input produced again', 'graph g(x) -> (x)\n  x = Relu(x)', 'GRAPH_DUPLICATE_NAME x'],
  ['an input twice', 'graph g(x, x) -> (x)', 'GRAPH_DUPLICATE_NAME x'],
  ['an output twice', 'graph g(x) -> (x, x)', 'GRAPH_DUPLICATE_NAME'],
  ['an initializer produced again', 'graph g(x) -> (w)\n  w: float32[] = {1}\n  w = Relu(x)', 'GRAPH_DUPLICATE_NAME w'],
  ['a name that nothing defines', 'graph g(x) -> (y)\n  y = Add(x, b)', 'GRAPH_DANGLING_NAME y'],
  ['an output that nothing defines', 'graph g(x) -> (y)', 'GRAPH_DANGLING_NAME y'],
  ['nodes out of order', 'graph g(x) -> (y)\n  y = Relu(h)\n  h = Relu(x)', 'GRAPH_NOT_SORTED y'],
  ['a node that uses itself', 'graph g() -> (y)\n  y = Relu(y)', 'GRAPH_NOT_SORTED y'],
  ['a domain without import', 'graph g(x) -> (y)\n  y = other::Op(x)  "node 1"', 'GRAPH_OPSET_MISSING node 1'],
  ['a node without operator', 'graph g(x) -> (y)\n  y = ""(x)', 'GRAPH_INVALID y'],
  ['a reference outside functions', 'graph g(x) -> (y)\n  y = Elu(x) {alpha=@a as float}', 'GRAPH_INVALID y'],
  ['a dimension without a name', 'graph g(x: float32[""]) -> (x)', 'GRAPH_INVALID x'],
  ['map keys that cannot be', 'graph g(x: map(float32, ?)) -> (x)', 'GRAPH_INVALID x'],
  ['an initializer unlike its input', 'graph g(w: float32[2]) -> (w)\n  w: float32[3] = {1, 2, 3}', 'GRAPH_TYPE_MISMATCH w'],
  ['an initializer unlike its listed type', 'graph g() -> (w)\n  value w: int64[1]\n  w: float32[1] = {1}', 'GRAPH_TYPE_MISMATCH w'],
  ['an input unlike its listed type', 'graph g(x: float32[2]) -> (x)\n  value x: int64[2]', 'GRAPH_TYPE_MISMATCH x'],
  ['sparse values without places', 'graph g() -> (s)\n  s = sparse [3] float32[1] {5} at int64[2] {1, 2}', 'GRAPH_INVALID s'],
  [
    'a subgraph that takes a later value',
    'graph g(x) -> (y)\n  y = If(x)\n    b: graph s() -> (t)\n      t = Relu(z)\n  z = Relu(x)',
    'GRAPH_NOT_SORTED t',
  ],
  ['a subgraph that shadows', 'graph g(x) -> (y)\n  y = If(x)\n    b: graph s() -> (x)\n      x = Relu(x)', 'GRAPH_DUPLICATE_NAME x'],
  [
    'a value of a subgraph used outside',
    'graph g(x) -> (y)\n  h = If(x)\n    b: graph s() -> (t)\n      t = Relu(x)\n  y = Relu(t)',
    'GRAPH_DANGLING_NAME y',
  ],
  ['the same function twice', 'graph g() -> ()\nfunction f::A() -> () opset=21\nfunction f::A() -> () opset=21', 'GRAPH_DUPLICATE_NAME'],
  ['a function with an output that nothing defines', 'graph g() -> ()\nfunction f::A() -> (r) opset=21', 'GRAPH_DANGLING_NAME r'],
  ['a function that does not import', 'graph g() -> ()\nfunction f::A(v) -> (r)\n  r = Relu(v)', 'GRAPH_OPSET_MISSING r'],
  [
    'a function that takes a value of the graph',
    'graph g(x) -> (x)\nfunction f::A() -> (r) opset=21\n  r = Relu(x)',
    'GRAPH_DANGLING_NAME r',
  ],
  ['a function that calls itself', 'graph g() -> ()\nfunction f::A() -> () opset:f=1\n  () = f::A()', 'GRAPH_INVALID'],
  [
    'functions that call each other',
    'graph g() -> ()\nfunction f::A() -> () opset:f=1\n  () = f::B()\nfunction f::B() -> () opset:f=1\n  () = f::A()',
    'GRAPH_INVALID',
  ],
])('%s is found', (_, text, problem) => {
  expect(problemsOf(text)).toEqual([problem])
  expect(() => verifyModel(readModel(text))).toThrow(expect.toSatisfy((error) => isFoveaError(error) && problem.startsWith(error.code)))
})

test('before IR version 4 initializers are inputs', () => {
  const text = 'model ir=3 opset=8\ngraph g() -> (w)\n  w: float32[1] = {1}'
  expect(problemsOf(text)).toEqual(['GRAPH_INVALID w'])
  expect(problemsOf(text.replace('g()', 'g(w: float32[1])'))).toEqual([])
  expect(problemsOf(text.replace('ir=3', 'ir=4'))).toEqual([])
})

test('a value listed under another name is found', () => {
  const model = readModel('graph g(x) -> (x)')
  model.graph.values.set('a', { name: 'b' })
  expect(findProblems(model).map((problem) => problem.code)).toEqual(['GRAPH_INVALID'])
})

test('long chains of functions are no trouble', () => {
  const model = readModel('graph g() -> ()\nfunction f::A() -> () opset:f=1\n  () = f::B()')
  const [first] = model.functions
  model.functions = Array.from({ length: 20_000 }, (_, i) => ({
    ...first!,
    name: `F${i}`,
    nodes: [{ ...first!.nodes[0]!, op: `F${i + 1}` }],
  }))
  expect(findProblems(model)).toEqual([])
})

test('the search ends at its limit', () => {
  const model = readModel(`graph g() -> ()\n${Array.from({ length: 50 }, (_, i) => `  a${i} = Relu(x)`).join('\n')}`)
  expect(findProblems(model).length).toBe(50)
  expect(findProblems(model, { limit: 7 }).length).toBe(7)
  expect(findProblems(model, { limit: 1, file: 'm.onnx' })[0]!.details.file).toBe('m.onnx')
})

test('random models give problems, never another error', () => {
  fc.assert(
    fc.property(randomModel, (model) => {
      for (const problem of findProblems(model)) expect(isFoveaError(problem)).toBe(true)
    }),
  )
})
