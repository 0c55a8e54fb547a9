import { describe, expect, it } from 'vitest'
import { opsetCases } from '../../test/opset-cases.ts'
import { randomFeeds } from '../../test/random-feeds.ts'
import type { Model } from '../graph/model.ts'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import type { NDArray } from '../ops/ndarray.ts'
import { findOperator, operatorNames } from '../ops/table.ts'
import { newestOpset, operatorVersions } from './opset-history.ts'
import { opsetRewrites } from './opset-rewrites.ts'
import { raiseOpset } from './raise-opset.ts'

function expectClose(found: ReadonlyMap<string, NDArray>, wanted: ReadonlyMap<string, NDArray>): void {
  for (const [name, { dims, data }] of wanted) {
    expect(found.get(name)!.dims).toEqual(dims)
    data.forEach((value, i) => {
      expect(found.get(name)!.data[i]).toBeCloseTo(value, 6)
    })
  }
}

/** False where the reference does not know the operator, or no form so old. */
function isKnown(model: Model): boolean {
  return (model.opsets.get('') ?? 0) >= 7 && model.graph.nodes.every((node) => findOperator(node) !== undefined)
}

describe('raiseOpset', () => {
  it.each(opsetCases)('opset $opset, $name', ({ before, after }) => {
    const model = readModel(before)
    const raised = raiseOpset(model)
    expect(printModel(raised.model)).toBe(printModel(readModel(after)))
    expect(printModel(model), 'the model that was given').toBe(printModel(readModel(before)))
    verifyModel(raised.model)
    expect(raiseOpset(raised.model)).toEqual({ model: raised.model, modified: false })
    const feeds = randomFeeds(model, { N: 2 })
    if (isKnown(model)) expectClose(evaluateModel(raised.model, feeds), evaluateModel(model, feeds))
  })

  it('has a case for every rule', () => {
    const tested = new Set(opsetCases.flatMap(({ before }) => [...before.matchAll(/= (\w+)\(/g)].map((match) => match[1])))
    const met = new Set(Object.entries(opsetRewrites).flatMap(([op, rule]) => (tested.has(op) ? [rule] : [])))
    const unmet = Object.keys(opsetRewrites).filter((op) => !met.has(opsetRewrites[op]!))
    // A Scan of opset 8 is refused, AveragePool keeps its form, and the others share their rule with Add.
    expect(unmet.sort()).toEqual(['And', 'AveragePool', 'Equal', 'Greater', 'Less', 'Or', 'Pow', 'Scan', 'Xor'])
  })

  it('gives the second operand of opset 6 the place that its axis says', () => {
    const model = readModel(`
      model ir=3 opset=6
      graph main(x: float32[1,2,2], b: float32[2]) -> (y: float32[1,2,2])
        y = Sub(x, b) {axis=1, broadcast=1}`)
    const x: NDArray = { dtype: 'float32', dims: [1, 2, 2], data: Float64Array.of(10, 20, 30, 40) }
    const b: NDArray = { dtype: 'float32', dims: [2], data: Float64Array.of(1, 2) }
    const { data } = evaluateModel(raiseOpset(model).model, new Map(Object.entries({ x, b }))).get('y')!
    expect([...data]).toEqual([9, 19, 28, 38])
  })

  it('raises an old IR version, and lets its weights be no inputs', () => {
    const { model } = raiseOpset(
      readModel(`
        model ir=3 opset=9
        graph main(x: float32[2], w: float32[2]) -> (y: float32[2])
          w: float32[2] = {1.0, 2.0}
          y = Mul(x, w)`),
    )
    expect(printModel(model)).toBe(
      printModel(
        readModel(`
          model ir=10 opset=21
          graph main(x: float32[2]) -> (y: float32[2])
            w: float32[2] = {1.0, 2.0}
            y = Mul(x, w)`),
      ),
    )
  })

  it('keeps weights of later IR versions that a caller may override', () => {
    const { graph } = raiseOpset(
      readModel(`
        model ir=4 opset=9
        graph main(x: float32[2], w: float32[2]) -> (y: float32[2])
          w: float32[2] = {1.0, 2.0}
          y = Mul(x, w)`),
    ).model
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x', 'w'])
  })

  it('takes ai.onnx for the standard domain and leaves other domains alone', () => {
    const source = readModel(`
      model ir=8 opset=12 opset:com.microsoft=1
      graph main(x: float32[2]) -> (y: float32[2])
        a = Clip(x)
        y = com.microsoft::Clip(a) {min=0.0}`)
    source.opsets = new Map([['ai.onnx', 10] as const, ['com.microsoft', 1] as const])
    source.graph.nodes[0]!.domain = 'ai.onnx'
    const { model } = raiseOpset(source)
    expect([...model.opsets].sort()).toEqual([
      ['', 21],
      ['com.microsoft', 1],
    ])
    expect(model.graph.nodes.map(({ domain, inputs }) => [domain, inputs])).toEqual([
      ['', ['x']],
      ['com.microsoft', ['a']],
    ])
  })

  it('raises functions, whose constants become nodes', () => {
    const text = (ir: number, opset: number, body: string) => `
      model ir=${ir} opset=${opset} opset:local=1
      graph main(x: float32[2,4]) -> (y: float32[2,2])
        y = local::Part(x)
      function local::Part(a) -> (b) opset=${opset}
${body}`
    const { model } = raiseOpset(
      readModel(
        text(
          8,
          9,
          `
        s = Slice(a) {axes=[1], ends=[3], starts=[1]}
        b = Clip(s) {max=0.5}`,
        ),
      ),
    )
    const body = `
        ints = Constant() {value=int64[1] {1}}
        ints_1 = Constant() {value=int64[1] {3}}
        scalar = Constant() {value=float32[] {0.5}}
        s = Slice(a, ints, ints_1, ints)
        CastLike = CastLike(scalar, s)
        b = Clip(s, _, CastLike)`
    expect(printModel(model)).toBe(printModel(readModel(text(10, 21, body))))
    verifyModel(model)
  })

  it('leaves models of opset 21 and newer alone', () => {
    const text = (opset: number) => `
      model ir=11 opset=${opset}
      graph main(x: float32[2]) -> (y: float32[2])
        y = Relu(x)`
    for (const opset of [21, 23]) {
      const model = readModel(text(opset))
      expect(raiseOpset(model)).toEqual({ model, modified: false })
    }
    expect(raiseOpset(readModel(text(21)), { to: 25 }).model.opsets.get('')).toBe(25)
    expect(() => raiseOpset(readModel(text(21)), { to: 20 })).toThrow(/expected 21 to 26, found 20.*OPSET_UNSUPPORTED/)
  })

  it.each([
    ['Scan of another meaning', 8, 'y = Scan(_, x)', /expected a Scan of opset 9.*node "y"/],
    [
      'an operator that no opset knows',
      9,
      'y = GivenTensorFill(x)',
      /expected an operator of ONNX, found GivenTensorFill of opset 9.*node "y"/,
    ],
    ['a change before opset 7 without a rule', 5, 'y = Tile(x, x, x)', /expected Tile of opset 6 or later/],
    ['computed scales', 10, 'y = Resize(x, x)', /expected constant scales.*node "y"/],
    [
      'origins that nothing else has',
      11,
      'y = Resize(x, x, x) {coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="ceil"}',
      /expected nearest_mode floor.*found ceil in Resize of opset 11/,
    ],
    [
      'groups of unknown channels',
      18,
      'y = GroupNormalization(x, x, x) {num_groups=1}',
      /expected an input with a known number of channels/,
    ],
  ])('refuses %s', (_, opset, node, message) => {
    const text = `
      model ir=8 opset=${opset}
      graph main(x: float32[...]) -> (y)
        ${node}`
    expect(() => raiseOpset(readModel(text))).toThrow(message)
    expect(() => raiseOpset(readModel(text))).toThrow(/\[OPSET_UNSUPPORTED\]/)
  })

  it.each([
    ['x: float32[2,3,4], b: float32[2]', 6, 'y = Add(x, b) {axis=-1000000000, broadcast=1}', /an axis at which 1 dimensions fit into 3/],
    ['x: float32[2,3,4], b: float32[3]', 6, 'y = Add(x, b) {axis=3, broadcast=1}', /an axis at which 1 dimensions fit into 3, found 3/],
    ['x: float32[2,4], b: float32[2]', 18, 'y = GroupNormalization(x, b, b) {num_groups=3}', /num_groups that divides 4 channels, found 3/],
    ['x: float32[2,4], b: float32[2]', 18, 'y = GroupNormalization(x, b, b) {num_groups=0}', /num_groups that divides 4 channels, found 0/],
  ])('refuses attributes that make no sense: %s', (inputs, opset, node, message) => {
    const text = `
      model ir=8 opset=${opset}
      graph main(${inputs}) -> (y)
        ${node}`
    expect(() => raiseOpset(readModel(text))).toThrow(message)
    expect(() => raiseOpset(readModel(text))).toThrow(/\[OP_INVALID\]/)
  })

  it('refuses saved statistics of BatchNormalization that are used', () => {
    const text = `
      model ir=8 opset=9
      graph main(x: float32[4,2], a: float32[2]) -> (y: float32[4,2], sm: float32[2])
        (y, m, v, sm) = BatchNormalization(x, a, a, a, a)`
    expect(() => raiseOpset(readModel(text))).toThrow(/saved statistics that nothing uses, found "sm"/)
  })
})

describe('the history of operators', () => {
  it('knows every standard operator of the op table', () => {
    const extensions = operatorNames().filter((name) => name.includes('::'))
    const missing = operatorNames().filter((name) => !extensions.includes(name) && !(name in operatorVersions))
    expect(missing).toEqual([])
  })

  it('has every change that is rewritten, in rising order', () => {
    for (const [op, changes] of Object.entries(opsetRewrites)) {
      const versions = changes.map(({ since }) => since)
      expect(versions).toEqual([...versions].sort((a, b) => a - b))
      expect(operatorVersions[op], op).toEqual(expect.arrayContaining(versions))
    }
  })

  it('rises and ends at the newest opset', () => {
    for (const versions of Object.values(operatorVersions)) {
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
      expect(versions.at(-1)).toBeLessThanOrEqual(newestOpset)
    }
  })
})
