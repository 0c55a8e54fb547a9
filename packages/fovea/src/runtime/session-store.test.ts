import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { sessionBytes } from './memory-budget.ts'
import type { Feeds, Session } from './session.ts'
import { SessionStore, type SessionStoreOptions } from './session-store.ts'
import { lengthOf, type Source } from './source.ts'

/** Stands for the runtime: counts sessions, holds the rules that a session relies on, and fails where it is told to. */
class FakeRuntime {
  readonly live = new Set<FakeSession>()
  readonly broken: string[] = []
  opens = 0
  opening = 0
  mostOpening = 0
  /** Runs whose worker will die. */
  deaths = 0
  failures = 0
  hold: Promise<void> = Promise.resolve()

  readonly open = async (source: Source): Promise<Session> => {
    this.opening++
    this.mostOpening = Math.max(this.mostOpening, this.opening)
    await this.hold
    await ticks(5)
    this.opening--
    if (this.failures > 0) {
      this.failures--
      throw new FoveaError('RUNTIME_LOAD_FAILED')
    }
    this.opens++
    const [first] = source.model as readonly Uint8Array[]
    const session = new FakeSession(this, first![0]!)
    if ([...this.live].some(({ model }) => model === session.model)) this.broken.push(`rule 1: model ${session.model} is open twice`)
    this.live.add(session)
    return session
  }

  get models(): number[] {
    return [...this.live].map(({ model }) => model).sort()
  }
}

class FakeSession implements Session {
  readonly inputs = [{ name: 'x', dtype: 'float32' as const, dims: [null] }]
  readonly outputs = this.inputs
  readonly model: number
  readonly #runtime: FakeRuntime
  #runs = 0
  #state: 'open' | 'dead' | 'closed' = 'open'
  #idle: () => void = () => undefined

  constructor(runtime: FakeRuntime, model: number) {
    this.#runtime = runtime
    this.model = model
  }

  async run({ x }: Feeds): Promise<Record<string, Tensor>> {
    if (this.#state === 'closed') this.#runtime.broken.push(`rule 6: model ${this.model} ran after it was closed`)
    if (this.#state !== 'open') throw new FoveaError('RUNTIME_WORKER_DIED')
    this.#runs++
    await this.#runtime.hold
    await ticks(3)
    this.#runs--
    if (this.#runtime.deaths > 0) {
      this.#runtime.deaths--
      this.#state = 'dead'
      this.#runtime.live.delete(this)
      throw new FoveaError('RUNTIME_WORKER_DIED')
    }
    if (this.#runs === 0) this.#idle()
    return { y: Tensor.float32([1], [100 * this.model + Number(x!.data[0])]) }
  }

  async readState(): Promise<Record<string, Tensor>> {
    return {}
  }

  async writeState(): Promise<void> {}

  async close(): Promise<void> {
    // As real sessions do: what is under way ends first.
    if (this.#runs > 0 && this.#state === 'open') await new Promise<void>((resolve) => (this.#idle = resolve))
    this.#state = 'closed'
    this.#runtime.live.delete(this)
  }
}

async function ticks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

function model(id: number): Uint8Array {
  return Uint8Array.of(id, 7, 7, 7)
}

const one = sessionBytes(lengthOf([model(0)]), 1, true)

function storeFor(sessions: number, options: SessionStoreOptions = {}): { store: SessionStore; runtime: FakeRuntime } {
  const runtime = new FakeRuntime()
  return { runtime, store: new SessionStore({ budget: sessions * one, open: runtime.open, ...options }) }
}

async function run(session: Session, value = 0): Promise<number> {
  return Number((await session.run({ x: Tensor.float32([1], [value]) })).y!.data[0])
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => (isFoveaError(error) ? error.code : String(error)),
  )
}

/**
 * Holds what is opening until all have asked: digests are made by other threads, so how far apart requests arrive is not the test's to say.
 */
async function whenAllAsked<T>(store: SessionStore, runtime: FakeRuntime, ask: () => Promise<T>[]): Promise<T[]> {
  const { promise, resolve } = Promise.withResolvers<void>()
  runtime.hold = promise
  const asked = ask()
  await expect.poll(() => store.stats().handles, { interval: 1, timeout: 20_000 }).toBe(asked.length)
  resolve()
  return Promise.all(asked)
}

/** Lets everything happen that needs no further call. */
async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a store of sessions', () => {
  test('1: equal models asked for at once are one session; other bytes, devices and threads are others', async () => {
    const { store, runtime } = storeFor(9)
    const handles = await Promise.all([...[1, 1, 1].map((id) => store.acquire(model(id))), store.acquire(model(1), { device: 'cpu' })])
    expect(new Set(handles).size).toBe(4)
    expect(store.stats()).toMatchObject({ sessions: 1, handles: 4, hits: 3, opened: 1 })
    runtime.live.clear()
    await Promise.all([store.acquire(model(1), { threads: 99 }), store.acquire(model(2))])
    expect(store.stats()).toMatchObject({ sessions: 3, handles: 6, hits: 3, opened: 3 })
  })

  test('1: the order of configuration entries is no difference', async () => {
    const { store } = storeFor(9)
    await store.acquire(model(1), { config: { a: '1', b: '2' } })
    await store.acquire(model(1), { config: { b: '2', a: '1' } })
    expect(store.stats().sessions).toBe(1)
  })

  test('2: a closed handle refuses, and counts once; the others go on', async () => {
    const { store } = storeFor(9)
    const [first, second] = [await store.acquire(model(1)), await store.acquire(model(1))]
    await first.close()
    await first.close()
    expect(await codeOf(run(first))).toBe('RUNTIME_CLOSED')
    expect(await run(second, 5)).toBe(105)
    expect(store.stats()).toMatchObject({ sessions: 1, handles: 1 })
    expect(await second.readState()).toEqual({})
    expect(await codeOf(second.writeState({ x: Tensor.scalar(1) }))).toBe('RUNTIME_FEED')
  })

  test('3: no more models are compiled at once than allowed, and all are', async () => {
    const { store, runtime } = storeFor(99, { concurrentOpens: 3 })
    await whenAllAsked(store, runtime, () => Array.from({ length: 10 }, (_, id) => store.acquire(model(id))))
    expect(runtime.mostOpening).toBe(3)
    expect(store.stats().sessions).toBe(10)
  })

  test('4: a failure is told to all who waited, and not remembered', async () => {
    const { store, runtime } = storeFor(9, { concurrentOpens: 1 })
    runtime.failures = 1
    const codes = await whenAllAsked(store, runtime, () => [1, 1, 2].map((id) => codeOf(store.acquire(model(id)))))
    expect(codes).toEqual(['RUNTIME_LOAD_FAILED', 'RUNTIME_LOAD_FAILED', 'none'])
    expect(store.stats()).toMatchObject({ sessions: 1, handles: 1, opened: 1 })
    expect(await run(await store.acquire(model(1)), 1)).toBe(101)
  })

  test('4: an unknown device is told, and nothing stays behind', async () => {
    const { store } = storeFor(9)
    expect(await codeOf(store.acquire(model(1), { device: 'gpu' }))).toBe('RUNTIME_UNKNOWN_DEVICE')
    expect(store.stats()).toMatchObject({ sessions: 0, handles: 0 })
  })

  test('5: what nobody holds stays ready', async () => {
    const { store, runtime } = storeFor(9)
    await (await store.acquire(model(1))).close()
    expect(runtime.models).toEqual([1])
    expect(await run(await store.acquire(model(1)), 2)).toBe(102)
    expect(runtime.opens).toBe(1)
  })

  test('5: of the sessions that nobody holds, only those used last stay', async () => {
    const { store, runtime } = storeFor(9, { mostIdle: 2 })
    const handles = await Promise.all([1, 2, 3, 4, 5].map((id) => store.acquire(model(id))))
    for (const handle of [handles[1]!, handles[0]!]) expect(await run(handle)).toBeGreaterThan(99)
    expect(runtime.models).toEqual([1, 2, 3, 4, 5])
    for (const handle of handles.slice(0, 4)) await handle.close()
    await settled()
    expect(runtime.models).toEqual([1, 2, 5])
    expect(store.stats()).toMatchObject({ sessions: 3, handles: 1, evictions: 2 })
    const none = storeFor(9, { mostIdle: 0 })
    await (await none.store.acquire(model(1))).close()
    await settled()
    expect(none.store.stats()).toMatchObject({ sessions: 0, bytes: 0 })
  })

  test('5: closing a handle while the same model is being loaded leaves the load alone', async () => {
    const { store, runtime } = storeFor(9)
    const first = await store.acquire(model(1))
    await store.resize(0)
    await first.close()
    await settled()
    expect(runtime.models).toEqual([])
    await store.resize(9 * one)
    const loading = store.acquire(model(1))
    await first.close()
    const other = store.acquire(model(1))
    expect(await run(await loading, 3)).toBe(103)
    await (await loading).close()
    expect(await run(await other, 4)).toBe(104)
    expect(runtime.opens).toBe(2)
  })

  test('6: the one used longest ago goes first, whoever holds it', async () => {
    const { store, runtime } = storeFor(2)
    const [a] = [await store.acquire(model(1)), await store.acquire(model(2))]
    await run(a)
    await store.acquire(model(3))
    expect(runtime.models).toEqual([1, 3])
    expect(store.stats()).toMatchObject({ sessions: 2, evictions: 1, handles: 3, bytes: 2 * one - 64 })
  })

  test('6: what has a run under way is not closed, even where the budget is exceeded; it is when the run has ended', async () => {
    const { store, runtime } = storeFor(1)
    const busy = await store.acquire(model(1))
    let release = () => {}
    runtime.hold = new Promise((resolve) => (release = resolve))
    const running = run(busy, 1)
    const loading = store.acquire(model(2))
    await settled()
    expect([runtime.models, store.stats().evictions]).toEqual([[1], 0])
    release()
    expect(await running).toBe(101)
    await loading
    await settled()
    expect(runtime.models).toEqual([2])
  })

  test('6: a model larger than the budget works, alone, and goes when nobody holds it', async () => {
    const { store, runtime } = storeFor(0.5)
    const large = await store.acquire(model(1))
    expect(await run(large)).toBe(100)
    expect(runtime.models).toEqual([1])
    await large.close()
    await settled()
    expect(runtime.models).toEqual([])
    expect(store.stats()).toMatchObject({ sessions: 0, handles: 0, bytes: 0 })
  })

  test('6: larger runs count for more', async () => {
    const { store, runtime } = storeFor(2.5)
    const [a, b] = [await store.acquire(model(1)), await store.acquire(model(2))]
    await b.run({ x: Tensor.float32([2 ** 20], new Float32Array(2 ** 20)) })
    await settled()
    expect(runtime.models).toEqual([2])
    expect(await run(a)).toBe(100)
  })

  test('7: an evicted session is opened again by the next runs, once', async () => {
    const { store, runtime } = storeFor(1)
    const a = await store.acquire(model(1))
    await store.acquire(model(2))
    expect(runtime.models).toEqual([2])
    expect(await Promise.all([run(a, 1), run(a, 2), run(a, 3)])).toEqual([101, 102, 103])
    expect(runtime.opens).toBe(3)
    expect(store.stats()).toMatchObject({ opened: 3, sessions: 1 })
  })

  test('7: a failure to open again is told by the run, and the next one tries again', async () => {
    const { store, runtime } = storeFor(1)
    const a = await store.acquire(model(1))
    await store.acquire(model(2))
    runtime.failures = 1
    expect(await codeOf(run(a))).toBe('RUNTIME_LOAD_FAILED')
    expect(await run(a)).toBe(100)
  })

  test('7: a model whose weights were changed in place is refused, not run', async () => {
    const { store } = storeFor(1)
    const bytes = model(1)
    const a = await store.acquire(bytes)
    await store.acquire(model(2))
    bytes[3] = 1
    expect(await codeOf(run(a))).toBe('RUNTIME_MODEL_CHANGED')
  })

  test('7: each handle opens its own model again, whatever was made of another with the same bytes', async () => {
    const { store } = storeFor(1)
    const changed = model(1)
    const [a, b] = [await store.acquire(model(1)), await store.acquire(changed)]
    changed[3] = 1
    await store.acquire(model(2))
    expect(await codeOf(run(b))).toBe('RUNTIME_MODEL_CHANGED')
    expect(await run(a, 1)).toBe(101)
    expect(await run(b, 2)).toBe(102)
  })

  test('8: a run whose worker died is repeated once in a new session, which others share', async () => {
    const { store, runtime } = storeFor(9)
    const a = await store.acquire(model(1))
    runtime.deaths = 1
    expect(await Promise.all([run(a, 1), run(a, 2)])).toEqual([101, 102])
    expect(store.stats()).toMatchObject({ recoveries: 1, opened: 2, sessions: 1 })
    runtime.deaths = 2
    expect(await codeOf(run(a))).toBe('RUNTIME_WORKER_DIED')
    expect(await run(a)).toBe(100)
  })

  test('8: a handle may be closed while its run is repeated', async () => {
    const { store, runtime } = storeFor(9)
    const a = await store.acquire(model(1))
    runtime.deaths = 1
    const running = run(a, 1)
    await a.close()
    expect(await running).toBe(101)
    await settled()
    expect(store.stats()).toMatchObject({ sessions: 1, handles: 0 })
  })

  test('9: closing all ends runs first, closes what is being opened, and leaves a store that works', async () => {
    const { store, runtime } = storeFor(9, { concurrentOpens: 1 })
    const a = await store.acquire(model(1))
    let release = () => {}
    runtime.hold = new Promise((resolve) => (release = resolve))
    const running = run(a, 1)
    const loading = [2, 3].map((id) => codeOf(store.acquire(model(id))))
    await settled()
    const closing = store.closeAll()
    release()
    await closing
    expect(await running).toBe(101)
    expect(await Promise.all(loading)).toEqual(['RUNTIME_CLOSED', 'RUNTIME_CLOSED'])
    expect([await codeOf(run(a)), runtime.models]).toEqual(['RUNTIME_CLOSED', []])
    expect(store.stats()).toMatchObject({ sessions: 0, handles: 0, bytes: 0 })
    expect(await run(await store.acquire(model(1)), 2)).toBe(102)
    await a.close()
    expect(store.stats()).toMatchObject({ sessions: 1, handles: 1 })
  })

  test('a budget that is none is refused', async () => {
    expect(() => new SessionStore({ budget: -1 })).toThrow(/RUNTIME_BUDGET/)
    expect(await codeOf(storeFor(1).store.resize(Number.NaN))).toBe('RUNTIME_BUDGET')
  })
})

type Step =
  | { readonly kind: 'acquire'; readonly id: number }
  | { readonly kind: 'run' | 'release'; readonly handle: number }
  | { readonly kind: 'resize'; readonly sessions: number }
  | { readonly kind: 'death' | 'failure' | 'closeAll' }

const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('acquire' as const), id: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('run' as const), handle: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('release' as const), handle: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('resize' as const), sessions: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('death' as const, 'failure' as const, 'closeAll' as const) }) },
)

describe('random sequences', () => {
  test('one after another: the sessions that are open are those that a list of the rules says', async () => {
    const steps = fc.array(
      fc.oneof(stepArbitrary).filter(({ kind }) => kind !== 'death' && kind !== 'failure'),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const mostIdle = 1
        const { store, runtime } = storeFor(2, { mostIdle })
        let budget = 2
        /** Open models, the one used longest ago first; and the models that handles are on. */
        let open: number[] = []
        let handles: { session: Session; id: number; closed: boolean }[] = []
        const use = (id: number) => {
          open = [...open.filter((other) => other !== id), id]
        }
        const held = (id: number) => handles.some((handle) => handle.id === id && !handle.closed)
        const evict = () => {
          const idle = open.filter((id) => !held(id))
          open = open.filter((id) => !idle.slice(0, Math.max(0, idle.length - mostIdle)).includes(id))
          while (open.length > budget) {
            const keep = held(open.at(-1)!) ? 1 : 0
            if (open.length === keep) break
            open.shift()
          }
        }
        for (const step of sequence) {
          if (step.kind === 'acquire') {
            handles.push({ session: await store.acquire(model(step.id)), id: step.id, closed: false })
            use(step.id)
          } else if (step.kind === 'closeAll') {
            await store.closeAll()
            open = []
            handles = []
          } else if (step.kind === 'resize') {
            budget = step.sessions
            await store.resize(step.sessions * one)
          } else if (step.kind === 'run' || step.kind === 'release') {
            const handle = handles[step.handle % Math.max(1, handles.length)]
            if (handle === undefined || handle.closed) continue
            if (step.kind === 'run') {
              expect(await run(handle.session, 7)).toBe(100 * handle.id + 7)
              use(handle.id)
            } else {
              await handle.session.close()
              handle.closed = true
            }
          }
          evict()
          await settled()
          expect(runtime.models).toEqual(open.toSorted())
          expect(store.stats()).toMatchObject({ sessions: open.length, handles: handles.filter(({ closed }) => !closed).length })
        }
        expect(runtime.broken).toEqual([])
      }),
      { numRuns: 150, seed: 1 },
    )
  })

  test('all at once: no model is open twice, none is closed in mid-run, answers are right, and nothing is left over', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(stepArbitrary, fc.nat(12)), { maxLength: 60 }), async (sequence) => {
        const { store, runtime } = storeFor(2, { concurrentOpens: 2 })
        const loads: Promise<void>[] = []
        const handles: { session: Session; id: number }[] = []
        const runs: Promise<unknown>[] = []
        for (const [step, pause] of sequence) {
          if (step.kind === 'acquire')
            loads.push(
              store.acquire(model(step.id)).then(
                (session) => void handles.push({ session, id: step.id }),
                (error: unknown) => expect(['RUNTIME_LOAD_FAILED', 'RUNTIME_CLOSED']).toContain((error as FoveaError).code),
              ),
            )
          else if (step.kind === 'closeAll') loads.push(store.closeAll())
          else if (step.kind === 'resize') loads.push(store.resize(step.sessions * one))
          else if (step.kind === 'death') runtime.deaths = 1
          else if (step.kind === 'failure') runtime.failures = 1
          else if (step.kind === 'run' || step.kind === 'release') {
            const handle = handles[step.handle % Math.max(1, handles.length)]
            if (handle === undefined) continue
            if (step.kind === 'release') loads.push(handle.session.close())
            else
              runs.push(
                run(handle.session, 7).then(
                  (value) => expect(value).toBe(100 * handle.id + 7),
                  (error: unknown) =>
                    expect(['RUNTIME_CLOSED', 'RUNTIME_LOAD_FAILED', 'RUNTIME_WORKER_DIED']).toContain((error as FoveaError).code),
                ),
              )
          }
          await ticks(pause)
          if (pause > 9) await settled()
        }
        await Promise.all([...loads, ...runs])
        await settled()
        // Rule 1 and 6 are held by the fake itself; deaths take a session from it that the store learns of at the next run.
        expect(runtime.broken).toEqual([])
        expect(runtime.mostOpening).toBeLessThanOrEqual(2)
        const { bytes, budget, sessions } = store.stats()
        expect(bytes <= budget || sessions === 1).toBe(true)
        await Promise.all(handles.map(({ session }) => session.close()))
        await store.closeAll()
        expect(runtime.models).toEqual([])
        expect(store.stats()).toMatchObject({ sessions: 0, handles: 0, bytes: 0 })
      }),
      { numRuns: 300, seed: 2 },
    )
  })
})
