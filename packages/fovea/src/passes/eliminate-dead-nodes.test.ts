import { describe, it } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import { eliminateDeadNodes } from './eliminate-dead-nodes.ts'

describe('eliminateDeadNodes', () => {
  it('removes nodes and initializers that no output needs, and keeps unused inputs', () => {
    checkPass(
      eliminateDeadNodes,
      `graph main(x: float32[2], unused: float32[2]) -> (y: float32[2])
        w: float32[1] = {1.0}
        v: float32[1] = {2.0}
        a: float32[2] = Mul(x, v)
        b: float32[2] = Exp(a)
        y = Add(x, w)`,
      `graph main(x: float32[2], unused: float32[2]) -> (y: float32[2])
        w: float32[1] = {1.0}
        y = Add(x, w)`,
    )
  })
  it('leaves a model alone in which everything is used', () => {
    checkPass(
      eliminateDeadNodes,
      `graph main(x: float32[2]) -> (y: float32[2])
        a = Exp(x)
        y = Neg(a)`,
    )
  })
  it('keeps what a subgraph takes from outside', () => {
    checkPass(
      eliminateDeadNodes,
      `graph main(c: bool[], x: float32[N]) -> (y: float32[N])
        w: float32[1] = {1.0}
        a = Exp(x)
        dead = Neg(a)
        y = If(c)
          then_branch: graph yes() -> (p)
            p = Add(a, w)
          else_branch: graph no() -> (q)
            q = Neg(x)`,
      `graph main(c: bool[], x: float32[N]) -> (y: float32[N])
        w: float32[1] = {1.0}
        a = Exp(x)
        y = If(c)
          then_branch: graph yes() -> (p)
            p = Add(a, w)
          else_branch: graph no() -> (q)
            q = Neg(x)`,
    )
  })
})
