// The sessions that compute a model's layers: opened once for each set of layers, the least recently used closed first.

import type { Tensor } from '../graph/tensor.ts'
import type { Session } from '../runtime/session.ts'

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

  /**
   * @param open compiles what gives these values and nothing else
   * @param limit sessions that stay open while none of them works
   */
  constructor(open: (values: readonly string[]) => Promise<Session>, limit = 4) {
    this.#open = open
    this.#limit = limit
  }

  /** Computes the values of a batch. @throws FoveaError RUNTIME_* */
  async run(values: readonly string[], batch: Tensor): Promise<Record<string, Tensor>> {
    const key = JSON.stringify(values)
    const entry = this.#kept.get(key) ?? { session: this.#open(values), users: 0 }
    this.#kept.delete(key)
    this.#kept.set(key, entry)
    entry.users++
    try {
      const session = await entry.session
      const [input] = session.inputs
      // A layer that hangs on no picture has no input.
      return await session.run(input === undefined ? {} : { [input.name]: batch })
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

  async close(): Promise<void> {
    const entries = [...this.#kept.values()]
    this.#kept.clear()
    await Promise.all(entries.map(closeQuietly))
  }

  async #closeIdle(): Promise<void> {
    const idle = [...this.#kept].filter(([, { users }]) => users === 0)
    for (const [key, entry] of idle.slice(0, Math.max(0, this.#kept.size - this.#limit))) {
      this.#kept.delete(key)
      await closeQuietly(entry)
    }
  }
}

/** One that did not open has nothing to close. */
async function closeQuietly({ session }: Kept): Promise<void> {
  await (await session.catch(() => undefined))?.close()
}
