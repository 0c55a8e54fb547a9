// A share in a session that others may hold too.

import type { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import type { Feeds, RunOptions, Session } from './session.ts'

/** Runs until it is closed; what closing means for the session is up to whoever gave it. Keeps no state. */
export class SessionHandle implements Session {
  readonly inputs: Session['inputs']
  readonly outputs: Session['outputs']
  /** Gone once it is closed: it may hold the model. */
  #run: Session['run'] | undefined
  #release: (() => void) | undefined

  constructor(inputs: Session['inputs'], outputs: Session['outputs'], run: Session['run'], release: () => void) {
    this.inputs = inputs
    this.outputs = outputs
    this.#run = run
    this.#release = release
  }

  async run(feeds: Feeds, options?: RunOptions): Promise<Record<string, Tensor>> {
    if (this.#run === undefined) throw new FoveaError('RUNTIME_CLOSED')
    return this.#run(feeds, options)
  }

  async readState(): Promise<Record<string, Tensor>> {
    return {}
  }

  async writeState(state: Feeds): Promise<void> {
    const [field] = Object.keys(state)
    if (field !== undefined)
      throw new FoveaError('RUNTIME_FEED', { field, expected: 'no state: the session is shared', found: `"${field}"` })
  }

  async close(): Promise<void> {
    this.#release?.()
    this.#release = undefined
    this.#run = undefined
  }
}
