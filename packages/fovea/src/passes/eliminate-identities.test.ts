import { describe, it } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import { eliminateIdentities } from './eliminate-identities.ts'

describe('eliminateIdentities', () => {
  it('removes what changes nothing, chains of it too', () => {
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[2,3]) -> (y: float32[2,3])
        shape: int64[2] = {2, -1}
        zeros: int64[4] = {0, 0, 0, 0}
        ones: int64[2] = {1, 1}
        a = Exp(x)
        b = Identity(a)
        c = Cast(b) {to=1}
        d = Reshape(c, shape)
        e = Transpose(d) {perm=[0,1]}
        f = Dropout(e)
        g = Pad(f, zeros)
        h = Tile(g, ones)
        i = Concat(h) {axis=0}
        y = Neg(i)`,
      `graph main(x: float32[2,3]) -> (y: float32[2,3])
        shape: int64[2] = {2, -1}
        zeros: int64[4] = {0, 0, 0, 0}
        ones: int64[2] = {1, 1}
        a = Exp(x)
        y = Neg(a)`,
    )
  })
  it('keeps what changes type, shape or order', () => {
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[2,2]) -> (y: float64[2,2])
        start: int64[2] = {-1, -1}
        end: int64[2] = {-9, -9}
        axes: int64[2] = {0, 1}
        step: int64[2] = {-1, -1}
        pads: int64[4] = {1, 0, -1, 0}
        a = Transpose(x)
        b = Slice(a, start, end, axes, step)
        c = Pad(b, pads)
        d = Cast(c) {to=11}
        y = Neg(d)`,
    )
  })
  it('trusts equal symbols', () => {
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[N,3]) -> (y: float32[N,3])
        shape = Shape(x)
        a = Reshape(x, shape)
        y = Neg(a)`,
      `graph main(x: float32[N,3]) -> (y: float32[N,3])
        shape = Shape(x)
        y = Neg(x)`,
    )
  })
  it('keeps the names of outputs: the producer takes over the name', () => {
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[2]) -> (y: float32[2], z: float32[2])
        a: float32[2] = Exp(x)
        b = Identity(a)
        y = Identity(b)
        z = Neg(a)`,
      `graph main(x: float32[2]) -> (y: float32[2], z: float32[2])
        y = Exp(x)  "a"
        z = Neg(y)`,
    )
  })
  it('keeps an output that passes an input, a weight or another output through', () => {
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[2]) -> (y: float32[2], z: float32[2], w1: float32[1])
        w: float32[1] = {1.0}
        y = Exp(x)
        z = Identity(y)
        w1 = Identity(w)`,
    )
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[2]) -> (y: float32[2], z: float32[2])
        a = Exp(x)
        y = Identity(a)
        z = Identity(a)`,
      `graph main(x: float32[2]) -> (y: float32[2], z: float32[2])
        y = Exp(x)  "a"
        z = Identity(y)`,
    )
  })
  it('keeps Dropout in training, and one whose mask is used', () => {
    checkPass(
      eliminateIdentities,
      `graph main(x: float32[N]) -> (y: float32[N], m: bool[N])
        ratio: float32[] = {0.5}
        yes: bool[] = {true}
        a = Dropout(x, ratio, yes)
        (b, m) = Dropout(a)
        y = Neg(b)`,
    )
  })
  it('renames what subgraphs take from outside', () => {
    checkPass(
      eliminateIdentities,
      `graph main(c: bool[], x: float32[N]) -> (y: float32[N])
        a = Identity(x)
        y = If(c)
          then_branch: graph yes() -> (p)
            p = Neg(a)
          else_branch: graph no() -> (a)`,
      `graph main(c: bool[], x: float32[N]) -> (y: float32[N])
        y = If(c)
          then_branch: graph yes() -> (p)
            p = Neg(x)
          else_branch: graph no() -> (x)`,
    )
  })
  it('leaves the operators that it is told to leave', () => {
    checkPass(
      (model) => eliminateIdentities(model, { except: ['Dropout'] }),
      `graph main(x: float32[4]) -> (y: float32[4])
        a = Dropout(x)
        b = Identity(a)
        y = Neg(b)`,
      `graph main(x: float32[4]) -> (y: float32[4])
        a = Dropout(x)
        y = Neg(a)`,
    )
  })
})
