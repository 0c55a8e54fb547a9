import { describe, expect, it } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { foldConstants } from './fold-constants.ts'

describe('foldConstants', () => {
  it('computes what depends on constants alone', () => {
    checkPass(
      foldConstants,
      `graph main(x: float32[2]) -> (y: float32[2])
        a: float32[2] = {1.0, 2.0}
        b: float32[1] = {0.5}
        c = Add(a, b)
        d = Sub(c, a)
        y = Mul(x, d)`,
      `graph main(x: float32[2]) -> (y: float32[2])
        d: float32[2] = {0.5, 0.5}
        y = Mul(x, d)`,
    )
  })
  it('rounds to the type after every node', () => {
    const text = `graph main(x: float32[1]) -> (y: float32[1])
        a: float32[1] = {16777216.0}
        b: float32[1] = {1.0}
        c = Add(a, b)
        d = Sub(c, a)
        y = Mul(x, d)`
    expect(printModel(foldConstants(readModel(text)).model)).toContain('d: float32[1] = {0}')
  })
  it('turns Constant nodes into initializers', () => {
    checkPass(
      foldConstants,
      `graph main(x: float32[N]) -> (y: float32[N])
        a = Constant() {value=float32[1] {3.0}}
        b = Constant() {value_float=0.5}
        c = Mul(a, b)
        y = Mul(x, c)`,
      `graph main(x: float32[N]) -> (y: float32[N])
        c: float32[1] = {1.5}
        y = Mul(x, c)`,
    )
  })
  it('resolves the arithmetic on shapes, as far as they are known', () => {
    checkPass(
      foldConstants,
      `graph main(x: float32[N,3,8,8]) -> (y: float32[3,64])
        shape = Shape(x)
        zero: int64[] = {0}
        two: int64[1] = {2}
        four: int64[1] = {4}
        spatial = Slice(shape, two, four)
        area = ReduceProd(spatial) {keepdims=1}
        three: int64[1] = {3}
        list = Concat(three, area) {axis=0}
        batch = Gather(shape, zero)
        rows = Gather(x, zero)
        y = Reshape(rows, list)`,
      `graph main(x: float32[N,3,8,8]) -> (y: float32[3,64])
        zero: int64[] = {0}
        list: int64[2] = {3, 64}
        rows = Gather(x, zero)
        y = Reshape(rows, list)`,
    )
  })
  it('takes the ends of int64 for what they stand for', () => {
    checkPass(
      foldConstants,
      `graph main(x: float32[2]) -> (y: float32[2])
        w: float32[3] = {1.0, 2.0, 3.0}
        one: int64[1] = {1}
        end: int64[1] = {9223372036854775807}
        part = Slice(w, one, end)
        y = Add(x, part)`,
      `graph main(x: float32[2]) -> (y: float32[2])
        part: float32[2] = {2.0, 3.0}
        y = Add(x, part)`,
    )
  })
  it('never folds random operators, outputs of the graph, or weights that a caller may override', () => {
    checkPass(
      foldConstants,
      `graph main(x: float32[2], w: float32[2]) -> (y: float32[2], z: float32[2])
        w: float32[2] = {1.0, 2.0}
        a: float32[2] = {3.0, 4.0}
        r = RandomNormalLike(a)
        s = Add(r, w)
        y = Add(x, s)
        z = Add(a, a)`,
    )
  })
  it('leaves integers that the reference does not hold exactly', () => {
    checkPass(
      foldConstants,
      `graph main(x: int64[1]) -> (y: int64[1])
        a: int64[1] = {9007199254740993}
        b: int64[1] = {1}
        c = Sub(a, b)
        y = Add(x, c)`,
    )
  })
  it('folds weights that are inputs only because old files list all of them', () => {
    checkPass(
      foldConstants,
      `
      model ir=3 opset=9
      graph main(x: float32[1], w: float32[1]) -> (y: float32[1])
        w: float32[1] = {2.0}
        a = Neg(w)
        b = Mul(x, w)
        y = Mul(b, a)`,
      `
      model ir=4 opset=9
      graph main(x: float32[1]) -> (y: float32[1])
        w: float32[1] = {2.0}
        a: float32[1] = {-2.0}
        b = Mul(x, w)
        y = Mul(b, a)`,
    )
  })
  it('leaves nodes above the size limit to the runtime', () => {
    const text = `graph main(x: float32[4]) -> (y: float32[4])
        a: float32[4] = {1.0, 2.0, 3.0, 4.0}
        b = Exp(a)
        y = Mul(x, b)`
    expect(foldConstants(readModel(text), { sizeLimit: 3 }).modified).toBe(false)
    expect(foldConstants(readModel(text), { sizeLimit: 4 }).modified).toBe(true)
  })
  it('leaves the operators that it is told to leave', () => {
    const text = `graph main(x: float32[4]) -> (y: float32[4])
        a: float32[4] = {1.0, 2.0, 3.0, 4.0}
        b = Exp(a)
        c = Neg(b)
        y = Mul(x, c)`
    const { model, modified } = foldConstants(readModel(text), { except: ['Exp'] })
    expect(modified).toBe(false)
    expect(printModel(model)).toBe(printModel(readModel(text)))
  })
})
