import { describe, expect, test } from 'vitest'
import { buildModel, GraphBuilder } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { isFoveaError } from '../util/errors.ts'
import { executionProviders, parseDevice } from './device.ts'
import { profileModel, profileText } from './profile.ts'
import { openSession, type SessionOptions } from './session.ts'

const relu = buildModel((b) => b.op('Relu', [b.input('x', 'float32', ['N', 2])]))

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (isFoveaError(error) ? error.code : String(error)),
  )
}

describe.each([
  ['on this thread', { worker: false }],
  ['in a worker', { worker: true }],
] as [string, SessionOptions][])('a session %s', (_, options) => {
  test('runs a model and tells its ports', async () => {
    const session = await openSession(relu, options)
    expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: ['N', 2] }])
    const results = await session.run({ x: Tensor.float32([2, 2], [1, -1, -2, 2]) })
    expect([...(results[session.outputs[0]!.name]!.data as Float32Array)]).toEqual([1, 0, 0, 2])
    await session.close()
    await session.close()
    expect(await codeOf(session.run({ x: Tensor.float32([1, 2], [1, 2]) }))).toBe('RUNTIME_CLOSED')
  })

  test('refuses options that are none before it compiles', async () => {
    for (const threads of [-1, 0, 1.5, Number.NaN, 1e9, '2' as unknown as number])
      await expect(openSession(relu, { ...options, threads })).rejects.toThrow(
        /a whole number from 1 to 1024, found .*field "threads".*\[RUNTIME_OPTION\]/,
      )
    const optimization = 'most' as 'all'
    await expect(openSession(relu, { ...options, optimization })).rejects.toThrow(
      /disabled, basic, extended, all, found most.*RUNTIME_OPTION/,
    )
  })

  test('refuses feeds that do not fit, and goes on', async () => {
    const session = await openSession(relu, options)
    expect(await codeOf(session.run({}))).toBe('RUNTIME_FEED')
    expect(await codeOf(session.run({ y: Tensor.float32([1, 2], [1, 2]) }))).toBe('RUNTIME_FEED')
    expect(await codeOf(session.run({ x: Tensor.float32([1, 3], [1, 2, 3]) }))).toBe('RUNTIME_FEED')
    expect(await codeOf(session.run({ x: Tensor.int64([1, 2], [1, 2]) }))).toBe('RUNTIME_FEED')
    expect(await codeOf(session.run({ x: Tensor.float32([1, 2], [1, 2]) }))).toBeUndefined()
    await session.close()
  })

  test('carries state from run to run', async () => {
    const b = new GraphBuilder()
    const total = b.output(b.op('Add', [b.input('sum', 'float32', [2]), b.input('x', 'float32', [2])], {}, 'sum_next'))
    b.output(b.op('ReduceSum', [total], { keepdims: 0 }, 'all'))
    const session = await openSession(b.model(), {
      ...options,
      carry: { sum: 'sum_next' },
      initialState: { sum: Tensor.float32([2], [10, 20]) },
    })
    const x = Tensor.float32([2], [1, 2])
    const values: number[] = []
    for (let i = 0; i < 3; i++) values.push(Number((await session.run({ x })).all!.data[0]))
    expect(values).toEqual([33, 36, 39])
    const { sum } = await session.readState()
    expect([...(sum!.data as Float32Array)]).toEqual([13, 26])
    expect(Object.keys(await session.readState(['sum', 'x']))).toEqual(['sum'])
    expect(await session.readState([])).toEqual({})
    await session.run({ x })
    await session.writeState({ sum: sum! })
    expect(Number((await session.run({ x })).all!.data[0])).toBe(42)
    await session.close()
  })

  test('runs that are started together queue up', async () => {
    const session = await openSession(relu, options)
    const results = await Promise.all([1, 2, 3, 4].map((value) => session.run({ x: Tensor.float32([1, 2], [value, -value]) })))
    expect(results.map((result) => Number(Object.values(result)[0]!.data[0]))).toEqual([1, 2, 3, 4])
    await session.close()
  })

  test('a model that the runtime refuses is a coded error', async () => {
    const unknown = buildModel((b) => b.op('NoSuchOperator', [b.input('x', 'float32', [1])]))
    expect(await codeOf(openSession(unknown, options))).toBe('RUNTIME_LOAD_FAILED')
    expect(await codeOf(openSession(new Uint8Array([1, 2, 3]), options))).toBe('RUNTIME_LOAD_FAILED')
    expect(await codeOf(openSession('/nowhere/model.onnx', options))).toBe('RUNTIME_LOAD_FAILED')
  })

  test('float16, int4 and bfloat16 cross the boundary', async () => {
    for (const dtype of ['float16', 'bfloat16', 'int4'] as const) {
      const model = buildModel((b) => b.op('Identity', [b.input('x', dtype, [2])]))
      model.graph.outputs[0]!.type = { kind: 'tensor', dtype, dims: [2] }
      const session = await openSession(model, options)
      const bytes = dtype === 'int4' ? Uint8Array.of(0x7f) : Uint8Array.of(0, 0x3c, 0, 0x40)
      const result = await session.run({ x: new Tensor(dtype, [2], bytes) })
      expect(Object.values(result)[0]).toMatchObject({ dtype, dims: [2] })
      expect([...Object.values(result)[0]!.bytes]).toEqual([...bytes])
      await session.close()
    }
  })
})

test('device names are read, and unknown ones refused', async () => {
  expect(parseDevice('cuda')).toEqual({ kind: 'cuda', index: 0, name: 'cuda:0' })
  expect(executionProviders(parseDevice('tensorrt:1')).map(({ name }) => name)).toEqual(['tensorrt', 'cuda'])
  expect(await codeOf(openSession(relu, { device: 'gpu' }))).toBe('RUNTIME_UNKNOWN_DEVICE')
})

test('the event loop stays free while a worker computes', async () => {
  const heavy = buildModel((b) => {
    let value = b.input('x', 'float32', [900, 900])
    for (let i = 0; i < 12; i++) value = b.op('MatMul', [value, 'x'])
    return value
  })
  const session = await openSession(heavy, { threads: 1 })
  let ticks = 0
  const timer = setInterval(() => ticks++, 1)
  await session.run({ x: Tensor.float32([900, 900], new Float32Array(900 * 900)) })
  clearInterval(timer)
  await session.close()
  expect(ticks).toBeGreaterThan(5)
})

test('a profile names the operators and adds up', async () => {
  const model = buildModel((b) => b.op('Exp', [b.op('MatMul', [b.input('x', 'float32', [64, 64]), 'x'])]))
  const profile = await profileModel(model, { x: Tensor.float32([64, 64], new Float32Array(64 * 64)) }, { runs: 3 })
  expect(profile.rows.map(({ operator }) => operator).sort()).toEqual(['Exp', 'MatMul'])
  expect(profile.rows.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeCloseTo(profile.total, 6)
  expect(profileText(profile)).toMatch(/^operator +nodes +ms +share\n/)
})
