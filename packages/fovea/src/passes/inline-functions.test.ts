import { describe, expect, it } from 'vitest'
import { checkText } from '../../test/pass-check.ts'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { inlineFunctions } from './inline-functions.ts'

describe('inlineFunctions', () => {
  it('puts the nodes of a function in the place of each call', () => {
    checkText(
      inlineFunctions,
      `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2]) -> (y: float32[2])
        a = local::Twice(x)  "first"
        y = local::Twice(a)
      function local::Twice(v) -> (w) opset=21
        sum = Add(v, v)
        w = Neg(sum)`,
      `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2]) -> (y: float32[2])
        "first/sum" = Add(x, x)
        a = Neg("first/sum")
        "y/sum" = Add(a, a)
        y = Neg("y/sum")`,
    )
  })

  it('gives attributes of the call, defaults where there are none, and leaves out what has neither', () => {
    checkText(
      inlineFunctions,
      `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2,3]) -> (y: float32[2,3], z: float32[2,3])
        y = local::Soft(x) {along=0}
        z = local::Soft(x) {slope=0.5}
      function local::Soft(v) -> (w) opset=21 {along, slope=0.25}
        s = Softmax(v) {axis=@along as int}
        w = LeakyRelu(s) {alpha=@slope as float}`,
      `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2,3]) -> (y: float32[2,3], z: float32[2,3])
        "y/s" = Softmax(x) {axis=0}
        y = LeakyRelu("y/s") {alpha=0.25}
        "z/s" = Softmax(x)
        z = LeakyRelu("z/s") {alpha=0.5}`,
    )
  })

  it('inlines functions within functions, optional inputs, outputs that pass on an input, and subgraphs', () => {
    checkText(
      inlineFunctions,
      `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2], c: bool[]) -> (y: float32[2], same: float32[2])
        (y, same, _) = local::Outer(x, c)
      function local::Outer(v, condition) -> (w, v, unused) opset=21 opset:local=1
        unused = local::Limit(v)
        w = If(condition)
          else_branch: graph no() -> (b)
            b = local::Limit(v)
          then_branch: graph yes() -> (a)
            a = Neg(unused)
      function local::Limit(v, low) -> (w) opset=21
        w = Clip(v, low)`,
      `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2], c: bool[]) -> (y: float32[2], same: float32[2])
        "y/unused" = Clip(x)
        y = If(c)
          else_branch: graph no() -> ("y/b")
            "y/b" = Clip(x)
          then_branch: graph yes() -> ("y/a")
            "y/a" = Neg("y/unused")
        same = Identity(x)`,
    )
  })

  it('finds names that nothing in the graph has', () => {
    const { model } = inlineFunctions(
      readModel(`
        model ir=10 opset=21 opset:local=1
        graph main(x: float32[2]) -> (y: float32[2])
          "y/sum" = Neg(x)
          y = local::Twice("y/sum")
        function local::Twice(v) -> (w) opset=21
          sum = Add(v, v)
          w = Neg(sum)`),
    )
    verifyModel(model)
    expect(model.graph.nodes.map((node) => node.outputs[0])).toEqual(['y/sum', 'y/sum_1', 'y'])
  })

  it('leaves functions of other operator versions, which raiseOpset brings to one', () => {
    const text = `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2]) -> (y: float32[2])
        y = local::Limit(x)
      function local::Limit(v) -> (w) opset=10
        w = Clip(v) {min=0.0}`
    const model = readModel(text)
    expect(inlineFunctions(model)).toEqual({ model, modified: false })
    expect(printModel(model)).toBe(printModel(readModel(text)))
  })

  it('refuses functions that call themselves', () => {
    const text = `
      model ir=10 opset=21 opset:local=1
      graph main(x: float32[2]) -> (y: float32[2])
        y = local::Again(x)
      function local::Again(v) -> (w) opset=21 opset:local=1
        w = local::Again(v)`
    expect(() => inlineFunctions(readModel(text))).toThrow(/functions that do not call themselves, found Again.*GRAPH_INVALID/)
  })
})
