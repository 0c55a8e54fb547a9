// The sessions of a process, shared by all who load the same model, within a memory budget.

import { availableParallelism } from 'node:os'
import type { Model } from '../graph/model.ts'
import { sizeOf, type Tensor } from '../graph/tensor.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { checkSessionOptions } from './check-options.ts'
import { parseDevice } from './device.ts'
import { openLocalSource } from './local-session.ts'
import { defaultBudget, sessionBytes } from './memory-budget.ts'
import type { Feeds, RunOptions, Session, SessionOptions } from './session.ts'
import { SessionHandle } from './session-handle.ts'
import { digestOf, lengthOf, type Source, sourceOf } from './source.ts'
import { openWorkerSource } from './worker-session.ts'

/** What sessions that are shared may be opened with: nothing that carries state or writes files. */
export type SharedSessionOptions = Omit<SessionOptions, 'carry' | 'initialState' | 'profilePrefix'>

export interface SessionStoreOptions {
  /** Bytes that open sessions may take together, as they are estimated. @default FOVEA_MEMORY_BUDGET, else a quarter of the memory */
  readonly budget?: number
  /** Sessions that stay open though nobody holds them. @default 4 */
  readonly mostIdle?: number
  /** Models that are compiled at once; more wait their turn. @default the number of cores, at most 4 */
  readonly concurrentOpens?: number
  /** Compiles a model. @default in a worker thread, or on this one where the options say so */
  readonly open?: (source: Source, options: SharedSessionOptions) => Promise<Session>
}

export interface SessionStoreStats {
  /** Sessions that are open now, those nobody holds included. */
  readonly sessions: number
  /** Handles that are not closed. */
  readonly handles: number
  /** What the open sessions are thought to take, and may take. */
  readonly bytes: number
  readonly budget: number
  /** Handles that were given a session which was there already, or on its way. */
  readonly hits: number
  /** Sessions that were compiled, reopened ones included. */
  readonly opened: number
  readonly evictions: number
  /** Sessions whose worker had died and that were opened anew. */
  readonly recoveries: number
}

interface Entry {
  readonly key: string
  readonly digest: string
  readonly modelBytes: number
  readonly options: SharedSessionOptions
  handles: number
  /** Runs that were asked for and have not ended. */
  runs: number
  mostElements: number
  session: Session | undefined
  opening: Promise<Session> | undefined
  /** It was open before: what is compiled next must still be the same model. */
  compiled: boolean
  closed: boolean
}

/**
 * Opens sessions and shares them. The rules, which the tests refer to by number:
 *
 * 1. Models of equal bytes with equal device, threads and options are one session, also when they are asked for at the same time.
 * 2. Every acquisition gives a handle of its own. A closed handle refuses to run; the others go on.
 * 3. At most `concurrentOpens` models are compiled at once.
 * 4. A failure to open is told to all who waited for it, and is not remembered: the next acquisition tries again.
 * 5. A session that nobody holds any more stays open for the next who asks. Of such sessions, those used last stay, `mostIdle` at most.
 * 6. Where the estimates of all sessions exceed the budget, those used longest ago are closed. Never one with a run under way, and
 *    never the one that was used last while somebody holds it: a model larger than the budget works, alone.
 * 7. A session that was evicted while handles are held is opened again by the next run, from the model that its handle was asked for
 *    with; one that was changed since is refused.
 * 8. A run whose worker died is repeated once in a session opened anew.
 * 9. After `closeAll` all handles are closed; runs under way end first, and what was being opened is closed again. The store can be used on.
 */
export class SessionStore {
  readonly #open: NonNullable<SessionStoreOptions['open']>
  readonly #concurrentOpens: number
  readonly #mostIdle: number
  #budget: number
  /** The one used longest ago first. */
  readonly #entries = new Map<string, Entry>()
  #opens = 0
  readonly #waiting: (() => void)[] = []
  readonly #counts = { hits: 0, opened: 0, evictions: 0, recoveries: 0 }

  /** @throws FoveaError RUNTIME_BUDGET */
  constructor(options: SessionStoreOptions = {}) {
    this.#open = options.open ?? openSource
    this.#budget = checkBudget(options.budget ?? defaultBudget())
    this.#mostIdle = options.mostIdle ?? 4
    this.#concurrentOpens = Math.max(1, options.concurrentOpens ?? Math.min(4, availableParallelism()))
  }

  /**
   * A handle on the session of a model, compiled if it is not there yet. A handle keeps no state: `readState` gives nothing.
   *
   * @throws FoveaError RUNTIME_OPTION, RUNTIME_UNKNOWN_DEVICE, RUNTIME_DEVICE_UNAVAILABLE, RUNTIME_LOAD_FAILED
   */
  async acquire(model: Model | Uint8Array, options: SharedSessionOptions = {}): Promise<Session> {
    checkSessionOptions(options)
    const source = sourceOf(model)
    const parts = partsOf(source)
    const digest = await digestOf(parts)
    const key = keyOf(digest, options)
    const known = this.#entries.get(key)
    const entry = known ?? newEntry(key, digest, lengthOf(parts), options)
    if (known === undefined) this.#entries.set(key, entry)
    else this.#counts.hits++
    entry.handles++
    this.#touch(entry)
    try {
      const { inputs, outputs } = await this.#ready(entry, source)
      this.#trim()
      return new SessionHandle(
        inputs,
        outputs,
        (feeds, runOptions) => this.#run(entry, source, feeds, runOptions),
        () => this.#release(entry),
      )
    } catch (error) {
      this.#release(entry)
      throw error
    }
  }

  /** Changes the budget, and closes what exceeds it. @throws FoveaError RUNTIME_BUDGET */
  async resize(budget: number): Promise<void> {
    this.#budget = checkBudget(budget)
    await this.#makeRoom()
  }

  stats(): SessionStoreStats {
    const entries = [...this.#entries.values()]
    return {
      sessions: entries.filter(({ session }) => session !== undefined).length,
      handles: entries.reduce((sum, { handles }) => sum + handles, 0),
      bytes: this.#bytes(),
      budget: this.#budget,
      ...this.#counts,
    }
  }

  /** Closes every session, whoever holds it. */
  async closeAll(): Promise<void> {
    const entries = [...this.#entries.values()]
    this.#entries.clear()
    await Promise.all(
      entries.map(async (entry) => {
        entry.closed = true
        // One that fails to open, or finds itself closed, has nothing to close.
        await entry.opening?.catch(() => undefined)
        await entry.session?.close()
        entry.session = undefined
      }),
    )
  }

  async #run(entry: Entry, source: Source, feeds: Feeds, options: RunOptions | undefined): Promise<Record<string, Tensor>> {
    entry.runs++
    entry.mostElements = Math.max(entry.mostElements, elementsOf(feeds))
    this.#touch(entry)
    try {
      const session = await this.#ready(entry, source)
      return await session.run(feeds, options).catch(async (error: unknown) => {
        if (!isFoveaError(error, 'RUNTIME_WORKER_DIED')) throw error
        // Of several runs that were waiting, one clears the session away; they share the new one.
        if (entry.session === session) entry.session = undefined
        await session.close()
        if (entry.session === undefined && entry.opening === undefined) this.#counts.recoveries++
        return (await this.#ready(entry, source)).run(feeds, options)
      })
    } finally {
      entry.runs--
      this.#settle(entry)
    }
  }

  #release(entry: Entry): void {
    entry.handles--
    this.#settle(entry)
  }

  #settle(entry: Entry): void {
    this.#forget(entry)
    this.#trim()
  }

  /** Drops an entry that has neither a session nor anyone who could want one. */
  #forget(entry: Entry): void {
    const unused = entry.session === undefined && entry.opening === undefined && isIdle(entry)
    if (unused && this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
  }

  #touch(entry: Entry): void {
    if (this.#entries.get(entry.key) !== entry) return
    this.#entries.delete(entry.key)
    this.#entries.set(entry.key, entry)
  }

  async #ready(entry: Entry, source: Source): Promise<Session> {
    if (entry.closed) throw new FoveaError('RUNTIME_CLOSED')
    if (entry.session !== undefined) return entry.session
    entry.opening ??= this.#openEntry(entry, source).finally(() => {
      entry.opening = undefined
      this.#forget(entry)
    })
    return entry.opening
  }

  async #openEntry(entry: Entry, source: Source): Promise<Session> {
    await this.#takeTurn()
    try {
      await this.#makeRoom()
      if (entry.compiled && (await digestOf(partsOf(source))) !== entry.digest)
        throw new FoveaError('RUNTIME_MODEL_CHANGED', { file: entry.options.file })
      if (entry.closed) throw new FoveaError('RUNTIME_CLOSED')
      const session = await this.#open(source, entry.options)
      if (entry.closed) {
        await session.close()
        throw new FoveaError('RUNTIME_CLOSED')
      }
      this.#counts.opened++
      entry.compiled = true
      entry.session = session
      return session
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#opens--
      else next()
    }
  }

  async #takeTurn(): Promise<void> {
    if (this.#opens < this.#concurrentOpens) this.#opens++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #trim(): void {
    void this.#makeRoom()
  }

  /** Closes idle sessions beyond `mostIdle`, and others until the budget holds or only those are left that may not be closed. */
  async #makeRoom(): Promise<void> {
    const closing: Promise<void>[] = []
    const last = [...this.#entries.values()].findLast(({ session, opening }) => session !== undefined || opening !== undefined)
    let idle = [...this.#entries.values()].filter((entry) => entry.session !== undefined && isIdle(entry)).length
    for (const entry of this.#entries.values()) {
      const { session } = entry
      const oneTooMany = isIdle(entry) && idle > this.#mostIdle
      if (this.#bytes() <= this.#budget && !oneTooMany) continue
      if (session === undefined || entry.runs > 0 || (entry === last && entry.handles > 0)) continue
      entry.session = undefined
      if (isIdle(entry)) idle--
      this.#counts.evictions++
      this.#forget(entry)
      // Nobody is there to be told of a session that does not close.
      closing.push(session.close().catch(() => undefined))
    }
    await Promise.all(closing)
  }

  #bytes(): number {
    let bytes = 0
    for (const { session, opening, modelBytes, mostElements, options } of this.#entries.values())
      if (session !== undefined || opening !== undefined) bytes += sessionBytes(modelBytes, mostElements, options.worker !== false)
    return bytes
  }
}

let shared: SessionStore | undefined

/** The store of this process, made at first use. @throws FoveaError RUNTIME_BUDGET where FOVEA_MEMORY_BUDGET is not well formed */
export function sessionStore(): SessionStore {
  shared ??= new SessionStore()
  return shared
}

function openSource(source: Source, options: SharedSessionOptions): Promise<Session> {
  return options.worker === false ? openLocalSource(source, options) : openWorkerSource(source, options)
}

function newEntry(key: string, digest: string, modelBytes: number, options: SharedSessionOptions): Entry {
  const idle = {
    session: undefined,
    opening: undefined,
    handles: 0,
    runs: 0,
    mostElements: 0,
    compiled: false,
    closed: false,
  }
  return { key, digest, modelBytes, options, ...idle }
}

function isIdle({ handles, runs }: Entry): boolean {
  return handles + runs === 0
}

function partsOf({ model }: Source): readonly Uint8Array[] {
  return typeof model === 'string' ? [] : model
}

/** Defaults are filled in, so that leaving an option out and naming its default are the same. */
function keyOf(digest: string, options: SharedSessionOptions): string {
  const {
    device = 'cpu',
    threads = availableParallelism(),
    worker = true,
    optimization = 'all',
    memoryPattern = true,
    config = {},
  } = options
  const entries = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([digest, parseDevice(device).name, threads, worker, optimization, memoryPattern, entries])
}

function elementsOf(feeds: Feeds): number {
  return Object.values(feeds).reduce((sum, { dims }) => sum + sizeOf(dims), 0)
}

function checkBudget(budget: number): number {
  if (budget >= 0) return budget
  throw new FoveaError('RUNTIME_BUDGET', { field: 'budget', expected: 'a number of bytes', found: `${budget}` })
}
