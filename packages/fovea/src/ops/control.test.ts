import { describe, expect, it } from 'vitest'
import type { Dim } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { readModel } from '../graph/reader.ts'
import { autodiff } from '../passes/autodiff.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'

function typesOf(text: string): (readonly Dim[] | undefined)[] {
  const model = readModel(text)
  const table = inferValues(model)
  return model.graph.outputs.map(({ name }) => table.dims(name))
}

const floats = (values: number[]) => ndarray('float32', [values.length], values)

describe('If', () => {
  const text = `graph main(c: bool[], x: float32[N,4]) -> (y)
      w: float32[1] = {2.0}
      y = If(c)
        then_branch: graph yes() -> (p)
          p = Mul(x, w)
        else_branch: graph no() -> (q)
          one: int64[1] = {1}
          two: int64[1] = {2}
          rows = Slice(x, one, two)
          q = Neg(rows)`

  it('has the shape on which its branches agree', () => {
    expect(typesOf(text)).toEqual([[null, 4]])
    expect(typesOf(text.replace('q = Neg(rows)', 'q = Neg(x)'))).toEqual([['N', 4]])
  })
  it('has the shape of the branch that can take the shapes at hand, and an error where none can', () => {
    const fails = text.replace('q = Neg(rows)', 'q = Transpose(x) {perm=[0,1,2]}')
    expect(typesOf(fails)).toEqual([['N', 4]])
    expect(() => typesOf(fails.replace('p = Mul(x, w)', 'p = Transpose(x) {perm=[0,1,2]}'))).toThrow(/OP_INVALID/)
  })
  it('has the shape of the branch that a constant condition takes', () => {
    expect(typesOf(text.replace('c: bool[], ', '').replace('w: float32', 'c: bool[] = {true}\n      w: float32'))).toEqual([['N', 4]])
  })
  it('sees the values around it', () => {
    const model = readModel(text.replace('q = Neg(rows)', 'q = Neg(x)'))
    const run = (condition: number) =>
      evaluateModel(
        model,
        new Map([
          ['c', ndarray('bool', [], [condition])],
          ['x', ndarray('float32', [1, 4], [1, 2, 3, 4])],
        ]),
      ).get('y')!.data
    expect([...run(1)]).toEqual([2, 4, 6, 8])
    expect([...run(0)]).toEqual([-1, -2, -3, -4])
  })
  it('is not differentiated, and says so', () => {
    const model = readModel(`graph main(c: bool[], x: float32[2]) -> (s: float32[])
      y = If(c)
        then_branch: graph yes() -> (p)
          p = Neg(x)
        else_branch: graph no() -> (q)
          q = Exp(x)
      z = Add(x, y)
      s = ReduceSum(z) {keepdims=0}`)
    expect(() => autodiff(model, { loss: 's', parameters: ['x'] })).toThrow(/If: its subgraphs are not differentiated/)
  })
})

describe('Loop', () => {
  const text = `graph main(n: int64[], x: float32[2]) -> (last, all)
      (last, all) = Loop(n, _, x)
        body: graph body(i, going, v) -> (going, next, next2)
          next = Add(v, v)
          next2 = Identity(next)`

  it('keeps the shape of what it carries, and collects along a new axis', () => {
    expect(typesOf(text)).toEqual([[2], [null, 2]])
  })
  it('forgets a dimension that grows from round to round', () => {
    expect(typesOf(text.replace('Add(v, v)', 'Concat(v, v) {axis=0}'))).toEqual([[null], [null, null]])
  })
  it('runs its body', () => {
    const result = evaluateModel(
      readModel(text),
      new Map([
        ['n', ndarray('int64', [], [3])],
        ['x', floats([1, 2])],
      ]),
    )
    expect(result.get('last')).toEqual(floats([8, 16]))
    expect(result.get('all')).toEqual(ndarray('float32', [3, 2], [2, 4, 4, 8, 8, 16]))
  })
})

describe('Scan', () => {
  const text = `graph main(s: float32[2], x: float32[2,T]) -> (last, all)
      (last, all) = Scan(s, x) {num_scan_inputs=1, scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[-1]}
        body: graph body(v, e) -> (next, out)
          next = Add(v, e)
          out = Identity(next)`

  it('knows the length of what it scans', () => {
    expect(typesOf(text)).toEqual([[2], [2, 'T']])
    expect(inferValues(readModel(text)).type('all')).toEqual(tensorType('float32', [2, 'T']))
  })
  it('walks along its axes, backwards too', () => {
    const result = evaluateModel(
      readModel(text),
      new Map([
        ['s', floats([0, 0])],
        ['x', ndarray('float32', [2, 3], [1, 2, 3, 4, 5, 6])],
      ]),
    )
    expect(result.get('last')).toEqual(floats([6, 15]))
    expect(result.get('all')).toEqual(ndarray('float32', [2, 3], [3, 5, 6, 6, 11, 15]))
  })
})
