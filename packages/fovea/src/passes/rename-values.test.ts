import { describe, expect, it } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import type { Node } from '../graph/model.ts'
import { freeNames, renamed, renameInputs } from './rename-values.ts'

describe('renamed', () => {
  it('follows chains', () => {
    const renames = new Map([
      ['a', 'b'],
      ['b', 'c'],
    ])
    expect(['a', 'b', 'c', 'd'].map((name) => renamed(name, renames))).toEqual(['c', 'c', 'c', 'd'])
  })
})

describe('renameInputs', () => {
  it('gives back a node that nothing changes', () => {
    const node: Node = { op: 'Neg', domain: '', name: 'y', inputs: ['x'], outputs: ['y'], attributes: new Map() }
    expect(renameInputs(node, new Map([['z', 'w']]))).toBe(node)
    expect(renameInputs(node, new Map([['x', 'w']]))).toEqual({ ...node, inputs: ['w'] })
  })
})

describe('freeNames', () => {
  const free =
    (...names: string[]) =>
    (model: Parameters<typeof freeNames>[0]) =>
      freeNames(model, new Set(names))

  it('renames inputs, weights, values and outputs, also where subgraphs take them', () => {
    checkPass(
      free('images', 'step', 'loss', 'apply', 'other'),
      `graph main(images: float32[N], apply: bool[]) -> (loss: float32[N])
        step: float32[1] = {1.0}
        other_1: float32[N] = Mul(images, step)
        loss = If(apply)
          else_branch: graph no() -> (b: float32[N])
            b = Add(images, step)
          then_branch: graph yes() -> (other_1: float32[N])`,
      `graph main(images_1: float32[N], apply_1: bool[]) -> (loss_1: float32[N])
        step_1: float32[1] = {1.0}
        other_1: float32[N] = Mul(images_1, step_1)
        loss_1 = If(apply_1)  "loss"
          else_branch: graph no() -> (b: float32[N])
            b = Add(images_1, step_1)
          then_branch: graph yes() -> (other_1: float32[N])`,
    )
  })

  it('leaves a model without such names alone', () => {
    checkPass(
      free('images'),
      `graph main(x: float32[2]) -> (y: float32[2])
        y = Neg(x)`,
    )
  })
})
