import { describe, it } from 'vitest'
import { checkText } from '../../test/pass-check.ts'
import { toFloat32 } from './to-float32.ts'

describe('toFloat32', () => {
  it('widens inputs, outputs, weights, constants and casts', () => {
    checkText(
      toFloat32,
      `graph main(x: float16[2]) -> (y: bfloat16[2])
        w: float16[2] = {0.5, 1.5}
        i: int64[1] = {3}
        a: float16[2] = Mul(x, w)
        k = Constant() {value=bfloat16[1] {2.0}}
        c = Cast(a) {to=16}
        d = RandomNormalLike(c) {dtype=10}
        e = Cast(d) {to=7}
        y = Mul(c, k)`,
      `graph main(x: float32[2]) -> (y: float32[2])
        w: float32[2] = {0.5, 1.5}
        i: int64[1] = {3}
        a: float32[2] = Mul(x, w)
        k = Constant() {value=float32[1] {2.0}}
        c = Cast(a) {to=1}
        d = RandomNormalLike(c) {dtype=1}
        e = Cast(d) {to=7}
        y = Mul(c, k)`,
    )
  })

  it('goes into subgraphs, functions and the types of sequences', () => {
    checkText(
      toFloat32,
      `
      model ir=10 opset=21 opset:local=1
      graph main(c: bool[]) -> (y: sequence(float16[2]))
        y = If(c)
          else_branch: graph no() -> (b: sequence(float16[2]))
            b = SequenceEmpty() {dtype=10}
          then_branch: graph yes() -> (a: sequence(float16[2]))
            w: float16[2] = {0.5, 1.5}
            v = local::Half(w)
            a = SequenceConstruct(v)
      function local::Half(v) -> (w) opset=21
        w = Cast(v) {to=10}`,
      `
      model ir=10 opset=21 opset:local=1
      graph main(c: bool[]) -> (y: sequence(float32[2]))
        y = If(c)
          else_branch: graph no() -> (b: sequence(float32[2]))
            b = SequenceEmpty() {dtype=1}
          then_branch: graph yes() -> (a: sequence(float32[2]))
            w: float32[2] = {0.5, 1.5}
            v = local::Half(w)
            a = SequenceConstruct(v)
      function local::Half(v) -> (w) opset=21
        w = Cast(v) {to=1}`,
    )
  })

  it('leaves models without half precision alone', () => {
    checkText(
      toFloat32,
      `graph main(x: float64[2]) -> (y: float32[2])
        y = Cast(x) {to=1}`,
    )
  })
})
