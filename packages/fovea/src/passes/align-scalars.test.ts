import { describe, it } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import { alignScalars } from './align-scalars.ts'

describe('alignScalars', () => {
  it('gives scalars the rank of a shape that ends in 1, once each', () => {
    checkPass(
      (model) => alignScalars(model),
      `graph main(x: float32[64,32,1,1], rate: float32[]) -> (y: float32[64,32,1,1])
        s: float32[] = {0.5}
        a = Mul(x, s)
        b = Sub(rate, a)
        y = Add(b, rate)`,
      `graph main(x: float32[64,32,1,1], rate: float32[]) -> (y: float32[64,32,1,1])
        s: float32[] = {0.5}
        scalar: float32[1,1,1,1] = {0.5}
        ints: int64[4] = {1, 1, 1, 1}
        a = Mul(x, scalar)
        Reshape = Reshape(rate, ints)
        b = Sub(Reshape, a)
        y = Add(b, Reshape)`,
    )
  })
  it('leaves other shapes and small ones alone', () => {
    checkPass(
      (model) => alignScalars(model),
      `graph main(x: float32[3,2], v: float32[1,1], z: float32[2000,1], w: float32[2000,1], t: float32[8,1]) -> (y: float32[3,2], u: float32[2000,1], r: float32[8,1])
        s: float32[] = {0.5}
        a = Mul(x, s)
        y = Add(a, v)
        u = Mul(z, w)
        r = Mul(t, s)`,
    )
  })
})
