import { describe, expect, test } from 'vitest'
import { checkAlongDirections } from '../../../test/directional-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import type { TensorType } from '../../graph/model.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { type NDArray, ndarray } from '../../ops/ndarray.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { Random } from '../../util/random.ts'
import { buildNetwork } from '../architectures.ts'
import { type Feature, ModuleBuilder } from '../module.ts'
import { dynamicAttention } from './dynamic-attention.ts'
import { featurePyramid, type PyramidKind, pyramidKinds } from './pyramid.ts'

/** Maps as a backbone gives them for a picture of this size, 3, 4 and 5 channels wide, at strides 8, 16, 32. */
function maps(m: ModuleBuilder, batch: number, [height, width]: readonly [number, number]): Feature[] {
  return [8, 16, 32].map((stride, i) => {
    const size = [height, width].map((side) => Math.ceil(side / stride))
    return { value: m.b.input(`c${i + 3}`, m.dtype, [batch, i + 3, ...size]), channels: i + 3, stride }
  })
}

function feeds(m: ModuleBuilder, seed: number): Map<string, NDArray> {
  const random = new Random(seed)
  return new Map(
    m.b.graph.inputs.map(({ name, type }) => {
      const dims = (type as TensorType).dims as readonly number[]
      const data = Float64Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.uniform(-1, 1))
      return [name, ndarray('float64', dims, data)]
    }),
  )
}

describe.each(pyramidKinds())('%s', (kind: PyramidKind) => {
  test.each([
    [64, 64],
    [72, 100],
  ])('has five levels of equal width, whatever the size: %i x %i', (height, width) => {
    const m = new ModuleBuilder(new GraphBuilder(), { dtype: 'float64' })
    const levels = featurePyramid(m, maps(m, 2, [height, width]), { channels: 6, kind })
    for (const level of levels) m.b.output(level.value)
    const shapes = inferValues(m.b.model())
    // Each level halves the one below it, rounding up.
    const sizes = [[Math.ceil(height / 8), Math.ceil(width / 8)]]
    while (sizes.length < 5) sizes.push(sizes.at(-1)!.map((side) => Math.ceil(side / 2)))
    expect(levels.map(({ stride, channels }) => [stride, channels])).toEqual([8, 16, 32, 64, 128].map((stride) => [stride, 6]))
    expect(levels.map(({ value }) => shapes.dims(value))).toEqual(sizes.map((size) => [2, 6, ...size]))
    const results = evaluateModel(m.b.model(), feeds(m, 1))
    for (const { value } of levels) expect(results.get(value)!.data.every(Number.isFinite)).toBe(true)
  })

  test('lets each coarse map speak to each finer level', () => {
    const m = new ModuleBuilder(new GraphBuilder(), { dtype: 'float64' })
    const levels = featurePyramid(m, maps(m, 1, [64, 64]), { channels: 4, kind })
    m.b.output(levels[0]!.value)
    const model = m.b.model()
    const given = feeds(m, 2)
    const before = evaluateModel(model, given).get(levels[0]!.value)!
    const c5 = given.get('c5')!
    const after = evaluateModel(model, new Map([...given, ['c5', { ...c5, data: c5.data.map((value) => value + 1) }]]))
    expect(after.get(levels[0]!.value)!.data).not.toEqual(before.data)
  })

  test('gives every parameter of a network a gradient, which agrees with differences', () => {
    const network = buildNetwork('deepseek-vision-base', {
      widths: [2, 3, 4, 5],
      neck: kind,
      neckChannels: 4,
      classes: 3,
      seed: 5,
      inputSize: 64,
      batch: 2,
      dtype: 'float64',
    })
    checkAlongDirections(network, { size: 64 })
  })
})

test('a bottom-up path carries fine maps to coarse levels, which a plain pyramid does not', () => {
  const moved = (kind: PyramidKind) => {
    const m = new ModuleBuilder(new GraphBuilder(), { dtype: 'float64' })
    const levels = featurePyramid(m, maps(m, 1, [64, 64]), { channels: 4, kind, levels: 3 })
    m.b.output(levels[2]!.value)
    const given = feeds(m, 2)
    const c3 = given.get('c3')!
    const changed = new Map([...given, ['c3', { ...c3, data: c3.data.map((value) => value + 1) }]])
    const [before, after] = [given, changed].map((each) => evaluateModel(m.b.model(), each).get(levels[2]!.value)!.data)
    return !before!.every((value, i) => value === after![i])
  }
  expect(pyramidKinds().map(moved)).toEqual([false, true, true])
})

test('maps that make no pyramid are refused', () => {
  const m = new ModuleBuilder()
  const [a, b, c] = maps(m, 1, [64, 64])
  expect(() => featurePyramid(m, [])).toThrow(/NN_OPTION_INVALID/)
  expect(() => featurePyramid(m, [a!, c!])).toThrow(/strides 8, 32/)
  expect(() => featurePyramid(m, [a!, b!, c!], { levels: 2 })).toThrow(/1 to 2 maps/)
})

describe('dynamicAttention', () => {
  const build = (zero: boolean) => {
    const m = new ModuleBuilder(new GraphBuilder(), { dtype: 'float64', seed: 3 })
    const levels = [8, 16].map((stride, i) => ({ value: m.b.input(`p${i}`, 'float64', [2, 6, 8 >> i, 8 >> i]), channels: 6, stride }))
    const attended = dynamicAttention(m.module('attention'), levels)
    for (const { value } of [...attended.levels, attended.attention]) m.b.output(value)
    if (zero) for (const tensor of m.b.graph.initializers.values()) if (tensor.size > 1) tensor.bytes.fill(0)
    const given = feeds(m, 4)
    return { given, attended, results: evaluateModel(m.b.model(), given) }
  }

  test('begins as a plain ReLU that looks everywhere alike', () => {
    const { given, attended, results } = build(true)
    attended.levels.forEach(({ value }, i) => {
      const x = given.get(`p${i}`)!.data
      results.get(value)!.data.forEach((y, at) => {
        expect(y).toBeCloseTo(Math.max(0, x[at]!), 12)
      })
    })
    const { dims, data } = results.get(attended.attention.value)!
    expect(dims).toEqual([2, 2, 8, 8])
    expect(data.every((value) => value === 0.25)).toBe(true)
  })

  test('weighs places and levels by what the picture shows', () => {
    const { attended, results } = build(false)
    const { data } = results.get(attended.attention.value)!
    expect(data.every((value) => value > 0 && value < 1)).toBe(true)
    const [first, second] = [data.slice(0, 64), data.slice(128, 192)]
    expect(new Set(first).size).toBeGreaterThan(32)
    expect(first).not.toEqual(second)
  })
})
