import { describe, it } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import { eliminateCommonSubexpressions } from './eliminate-common-subexpressions.ts'

describe('eliminateCommonSubexpressions', () => {
  it('merges equal nodes, and what becomes equal by that', () => {
    checkPass(
      eliminateCommonSubexpressions,
      `graph main(x: float32[2,3]) -> (y: float32[2,3])
        a = Exp(x)
        b = Exp(x)
        c = Softmax(a) {axis=1}
        d = Softmax(b) {axis=1}
        e = Softmax(b) {axis=0}
        f = Add(c, d)
        y = Add(f, e)`,
      `graph main(x: float32[2,3]) -> (y: float32[2,3])
        a = Exp(x)
        c = Softmax(a) {axis=1}
        e = Softmax(a) {axis=0}
        f = Add(c, c)
        y = Add(f, e)`,
    )
  })
  it('takes equal integer constants for the same, but not equal weights', () => {
    checkPass(
      eliminateCommonSubexpressions,
      `graph main(x: float32[4]) -> (y: float32[2,2])
        s: int64[2] = {2, 2}
        t: int64[2] = {2, 2}
        v: float32[1] = {0.0}
        w: float32[1] = {0.0}
        a = Reshape(x, s)
        b = Reshape(x, t)
        c = Add(a, v)
        d = Add(b, w)
        y = Mul(c, d)`,
      `graph main(x: float32[4]) -> (y: float32[2,2])
        s: int64[2] = {2, 2}
        t: int64[2] = {2, 2}
        v: float32[1] = {0.0}
        w: float32[1] = {0.0}
        a = Reshape(x, s)
        c = Add(a, v)
        d = Add(a, w)
        y = Mul(c, d)`,
    )
  })
  it('leaves random operators, unknown operators and outputs alone', () => {
    checkPass(
      eliminateCommonSubexpressions,
      `
      model ir=10 opset=21 opset:my.domain=1
      graph main(x: float32[N]) -> (y: float32[N], z: float32[N], w: float32[N])
        a = RandomNormalLike(x)
        b = RandomNormalLike(x)
        c = my.domain::Mystery(x)
        d = my.domain::Mystery(x)
        e = Sum(a, b, c, d)
        y = Exp(x)
        z = Exp(x)
        w = Neg(e)`,
    )
  })
})
