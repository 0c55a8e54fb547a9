// The store of sessions with the runtime itself and its worker threads; session-store.test.ts holds the rules on a fake.

import type { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { buildModel } from '../graph/builder.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { defaultBudget, sessionBytes } from './memory-budget.ts'
import type { Session } from './session.ts'
import { SessionStore, type SessionStoreOptions } from './session-store.ts'
import { digestOf, joinSource, lengthOf, sourceOf } from './source.ts'

const workers = new Set<Worker>()
process.on('worker', watch)

function watch(worker: Worker): void {
  workers.add(worker)
  worker.on('exit', () => workers.delete(worker))
}

const stores: SessionStore[] = []

function newStore(options: SessionStoreOptions = {}): SessionStore {
  const store = new SessionStore(options)
  stores.push(store)
  return store
}

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.closeAll()))
  expect(workers.size).toBe(0)
})

/** Adds `value` to each of two numbers. */
function adder(value: number): Model {
  return buildModel((b) => b.op('Add', [b.input('x', 'float32', ['N']), b.constant(Tensor.float32([2], [value, value]))]))
}

async function run(session: Session): Promise<number[]> {
  return Array.from(Object.values(await session.run({ x: Tensor.float32([2], [1, 2]) }))[0]!.data, Number)
}

test('ten loads of one model are one worker, which works until the last handle is closed and stays for the next', async () => {
  const store = newStore()
  const handles = await Promise.all(Array.from({ length: 10 }, () => store.acquire(adder(10))))
  expect(workers.size).toBe(1)
  expect(await Promise.all(handles.map(run))).toEqual(Array.from({ length: 10 }, () => [11, 12]))
  await Promise.all(handles.slice(1).map((handle) => handle.close()))
  expect(await run(handles[0]!)).toEqual([11, 12])
  await handles[0]!.close()
  expect(workers.size).toBe(1)
})

test('two models under a budget for one take turns, and threads and memory of the other are given back', async () => {
  const bytes = sessionBytes(lengthOf(sourceOf(adder(10)).model as Uint8Array[]), 2, true)
  const store = newStore({ budget: 1.5 * bytes })
  const [ten, twenty] = [await store.acquire(adder(10)), await store.acquire(adder(20))]
  for (let i = 0; i < 2; i++) {
    expect(await run(ten)).toEqual([11, 12])
    expect(await run(twenty)).toEqual([21, 22])
  }
  expect(workers.size).toBe(1)
  expect(store.stats()).toMatchObject({ sessions: 1, handles: 2, evictions: 5 })
})

test('the memory of models that nobody holds goes back when the budget is lowered', async () => {
  const count = 2 ** 24
  const models = [1, 2].map((value) =>
    buildModel((b) =>
      b.op('Gather', [b.constant(Tensor.float32([count], new Float32Array(count).fill(value))), b.input('x', 'int64', [1])]),
    ),
  )
  const store = newStore({ budget: 2 ** 40 })
  const before = process.memoryUsage.rss()
  const handles = await Promise.all(models.map((model) => store.acquire(model)))
  const open = process.memoryUsage.rss() - before
  for (const [i, handle] of handles.entries()) {
    const result = await handle.run({ x: tensorOfNumbers('int64', [1], [7]) })
    expect(Number(Object.values(result)[0]!.data[0])).toBe(i + 1)
    await handle.close()
  }
  expect(workers.size).toBe(2)
  await store.resize(0)
  expect(workers.size).toBe(0)
  const weights = 2 * 4 * count
  expect(open).toBeGreaterThan(weights / 2)
  expect(process.memoryUsage.rss() - before).toBeLessThan(open - weights / 2)
})

test('a run whose worker was ended is done by a new one', async () => {
  const store = newStore()
  const handle = await store.acquire(adder(10))
  for (const worker of workers) await worker.terminate()
  expect(await run(handle)).toEqual([11, 12])
  const running = run(handle)
  for (const worker of workers) void worker.terminate()
  expect(await running).toEqual([11, 12])
  expect(store.stats()).toMatchObject({ recoveries: 2, sessions: 1 })
})

test('a model that the runtime refuses leaves nothing behind, and does not harm its neighbours', async () => {
  const store = newStore()
  const bad = buildModel((b) => b.op('NoSuchOperator', [b.input('x', 'float32', [1])]))
  const results = await Promise.allSettled([adder(1), bad, adder(2), bad].map((model) => store.acquire(model)))
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected'])
  expect(workers.size).toBe(2)
  expect(store.stats()).toMatchObject({ sessions: 2, handles: 2 })
})

test('closing all lets runs end, on this thread too', async () => {
  for (const worker of [true, false]) {
    const store = newStore()
    const handle = await store.acquire(adder(10), { worker })
    const running = run(handle)
    await store.closeAll()
    expect(await running).toEqual([11, 12])
  }
})

test('a model is hashed and joined as its bytes are, whatever their pieces', async () => {
  const bytes = Uint8Array.from({ length: 3 * 2 ** 20 + 5 }, (_, i) => i % 251)
  const parts = [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 2 ** 20 + 9), bytes.subarray(2 ** 20 + 9)]
  const joined = await joinSource({ model: parts, narrow: new Map() })
  expect(Buffer.compare(joined.model as Uint8Array, bytes)).toBe(0)
  expect(await digestOf(parts)).toBe(await digestOf([bytes]))
  expect(await digestOf([Buffer.from('abc')])).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})

test('bytes that a session was opened with stay the caller’s', async () => {
  const store = newStore()
  const bytes = (await joinSource(sourceOf(adder(10)))).model as Uint8Array
  const handle = await store.acquire(bytes)
  expect(bytes.length).toBeGreaterThan(0)
  expect(await run(handle)).toEqual([11, 12])
})

test('the budget is read from FOVEA_MEMORY_BUDGET, else follows the memory', () => {
  expect([defaultBudget('1048576'), defaultBudget('512MiB'), defaultBudget('1.5 GiB')]).toEqual([2 ** 20, 2 ** 29, 1.5 * 2 ** 30])
  expect(defaultBudget('')).toBeGreaterThan(2 ** 20)
  for (const wrong of ['much', '-1', '1TB', '1e9', '9'.repeat(400)]) expect(() => defaultBudget(wrong)).toThrow(/RUNTIME_BUDGET/)
})
