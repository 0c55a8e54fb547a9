// The sessions that compute parts of a model: opened once for each set of values, the least recently used closed first.

import type { Tensor } from '../graph/tensor.ts'
import type { Feeds, Session } from '../runtime/session.ts'
import { FoveaError } from '../util/errors.ts'

interface Kept {
  readonly session: Promise<Session>
  /** Runs that are under way. */
  users: number
}

export class LayerSessions {
  readonly #limit: number
  readonly #open: (values: readonly string[]) => Promise<Session>
  /** In order of use, the latest last. */
  readonly #kept = new Map<string, Kept>()
  #closed = false

  /**
   * @param open compiles what gives these values and nothing else
   * @param limit sessions that stay open while none of them works
   */
  constructor(open: (values: readonly string[]) => Promise<Session>, limit = 4) {
    this.#open = open
    this.#limit = limit
  }

  /**
   * Computes the values of a batch.
   *
   * @param others what a part takes beside the pictures
   * @throws FoveaError RUNTIME_*, RUNTIME_CLOSED once it is closed
   */
  async run(values: readonly string[], batch: Tensor, others: Feeds = {}): Promise<Record<string, Tensor>> {
    if (this.#closed) throw new FoveaError('RUNTIME_CLOSED')
    const key = JSON.stringify(values)
    const entry = this.#kept.get(key) ?? { session: this.#open(values), users: 0 }
    this.#kept.delete(key)
    this.#kept.set(key, entry)
    entry.users++
    try {
      const session = await entry.session
      const [input] = session.inputs
      // A layer that hangs on no picture has no input.
      return await session.run(input === undefined ? others : { [input.name]: batch, ...others })
    } catch (error) {
      // What did not open, or died, is tried anew the next time.
      if (this.#kept.get(key) === entry) this.#kept.delete(key)
      await closeQuietly(entry)
      throw error
    } finally {
      entry.users--
      await this.#closeIdle()
    }
  }

  /** Safe to call twice. Runs under way end first. */
  async close(): Promise<void> {
    this.#closed = true
    const entries = [...this.#kept.values()]
    this.#kept.clear()
    await Promise.all(entries.map(closeQuietly))
  }

  async #closeIdle(): Promise<void> {
    const idle = [...this.#kept].filter(([, { users }]) => users === 0).slice(0, Math.max(0, this.#kept.size - this.#limit))
    // All leave before the first is waited for: until then a run could still take one that is about to be closed.
    for (const [key] of idle) this.#kept.delete(key)
    await Promise.all(idle.map(([, entry]) => closeQuietly(entry)))
  }
}

/** One that did not open has nothing to close. */
async function closeQuietly({ session }: Kept): Promise<void> {
  await (await session.catch(() => undefined))?.close()
}
