import { describe, expect, it } from 'vitest'
import { checkText } from '../../test/pass-check.ts'
import { readModel } from '../graph/reader.ts'
import { makeBatchDynamic } from './dynamic-batch.ts'

describe('makeBatchDynamic', () => {
  it('gives inputs and outputs a symbol, and lets reshapes follow', () => {
    checkText(
      (model) => makeBatchDynamic(model),
      `graph main(x: float32[1,2,3]) -> (y: float32[1,6])
        shape: int64[2] = {1, 6}
        v: float32[1,2,3] = Neg(x)
        y = Reshape(v, shape)`,
      `graph main(x: float32[N,2,3]) -> (y: float32[N,6])
        shape: int64[2] = {1, 6}
        "shape/batch": int64[2] = {0, 6}
        v = Neg(x)
        y = Reshape(v, "shape/batch")`,
    )
  })

  it('mends shapes of Constant nodes and of arithmetic on constants', () => {
    checkText(
      (model) => makeBatchDynamic(model),
      `graph main(x: float32[2,2,3]) -> (y: float32[2,6])
        a = Constant() {value=int64[1] {2}}
        b = Constant() {value_ints=[6]}
        shape = Concat(a, b) {axis=0}
        y = Reshape(x, shape) {allowzero=1}`,
      `graph main(x: float32[N,2,3]) -> (y: float32[N,6])
        "shape/batch": int64[2] = {0, 6}
        a = Constant() {value=int64[1] {2}}
        b = Constant() {value_ints=[6]}
        shape = Concat(a, b) {axis=0}
        y = Reshape(x, "shape/batch")`,
    )
  })

  it('lets the batch follow where a shape holds it as a factor, in whatever place', () => {
    checkText(
      (model) => makeBatchDynamic(model),
      `graph main(x: float32[1,4,2,2]) -> (y: float32[1,4,2,2])
        pairs: int64[3] = {2, 2, 4}
        halves: int64[4] = {2, 1, 2, 4}
        whole: int64[4] = {1, 4, 2, 2}
        a = Reshape(x, pairs)
        b = Transpose(a) {perm=[1, 0, 2]}
        c = Reshape(b, halves)
        d = Transpose(c) {perm=[1, 0, 2, 3]}
        y = Reshape(d, whole)`,
      `graph main(x: float32[N,4,2,2]) -> (y: float32[N,4,2,2])
        pairs: int64[3] = {2, 2, 4}
        halves: int64[4] = {2, 1, 2, 4}
        whole: int64[4] = {1, 4, 2, 2}
        "pairs/batch": int64[3] = {-1, 2, 4}
        "halves/batch": int64[4] = {2, -1, 2, 4}
        "whole/batch": int64[4] = {0, 4, 2, 2}
        a = Reshape(x, "pairs/batch")
        b = Transpose(a) {perm=[1, 0, 2]}
        c = Reshape(b, "halves/batch")
        d = Transpose(c) {perm=[1, 0, 2, 3]}
        y = Reshape(d, "whole/batch")`,
    )
  })

  it('repeats for each picture what is joined to its data', () => {
    checkText(
      (model) => makeBatchDynamic(model),
      `graph main(x: float32[1,2,3]) -> (y: float32[1,3,3])
        token: float32[1,1,3] = {1.0, 2.0, 3.0}
        y = Concat(token, x) {axis=1}`,
      `graph main(x: float32[N,2,3]) -> (y: float32[N,3,3])
        token: float32[1,1,3] = {1.0, 2.0, 3.0}
        ints: int64[2] = {1, 3}
        Shape = Shape(x) {start=0, end=1}
        Concat = Concat(Shape, ints) {axis=0}
        Expand = Expand(token, Concat)
        y = Concat(Expand, x) {axis=1}`,
    )
  })

  it('leaves shapes that are computed from the data, and those of weights', () => {
    checkText(
      (model) => makeBatchDynamic(model),
      `graph main(x: float32[1,6]) -> (y: float32[1,6])
        w: float32[6] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
        row: int64[2] = {1, 6}
        r = Reshape(w, row)
        p = Mul(x, r)
        shape = Shape(x)
        y = Reshape(p, shape)`,
      `graph main(x: float32[N,6]) -> (y: float32[N,6])
        w: float32[6] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
        row: int64[2] = {1, 6}
        r = Reshape(w, row)
        p = Mul(x, r)
        shape = Shape(x)
        y = Reshape(p, shape)`,
    )
  })

  it('renames a symbol of another name, and leaves a model whose batch already has it', () => {
    const text = (symbol: string) => `graph main(x: float32[${symbol},2]) -> (y: float32[${symbol},2])
        y = Neg(x)`
    checkText((model) => makeBatchDynamic(model), text('batch_size'), text('N'))
    checkText((model) => makeBatchDynamic(model), text('N'))
    checkText((model) => makeBatchDynamic(model, { symbol: 'B' }), text('3'), text('B'))
  })

  it('refuses a model whose output does not follow the batch', () => {
    const model = readModel(`
      graph main(x: float32[1,6]) -> (y: float32[6])
        y = ReduceSum(x) {keepdims=0}`)
    expect(() => makeBatchDynamic(model)).toThrow(/expected an output whose first dimension is the batch N.*field "y".*SHAPE_UNKNOWN/)
  })
})
