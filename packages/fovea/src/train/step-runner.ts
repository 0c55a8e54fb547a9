// Runs the training step: feeds a batch and the learning rate, reads the loss; all state stays in the session.

import { Tensor } from '../graph/tensor.ts'
import { packTensor, unpackTensor } from '../ops/blocked/layout.ts'
import type { DropoutMask } from '../passes/training-mode.ts'
import { stepInputs, type TrainingStep } from '../passes/training-step.ts'
import { openSession, type Session, type SessionOptions } from '../runtime/session.ts'
import { Random } from '../util/random.ts'

export interface StepFeeds {
  /** The batch by the names of the step's inputs: pictures or features, and targets. */
  readonly batch: Readonly<Record<string, Tensor>>
  readonly learningRate: number
  /** Number of this update, from 1. */
  readonly update: number
  /** Number of this batch since the training began: it seeds the dropout masks. */
  readonly position: number
  /** False while gradients are only gathered. @default true */
  readonly apply?: boolean
}

/** Class numbers as the losses take them: int64 [N]. */
export function classTargets(labels: Int32Array): Tensor {
  return Tensor.of('int64', [labels.length], BigInt64Array.from(labels, BigInt))
}

/** Shares of the classes: float [N, C]. */
export function softTargets(shares: Float32Array, count: number): Tensor {
  return Tensor.float32([count, shares.length / count], shares)
}

/** An open training step. */
export class StepRunner {
  readonly #session: Session
  readonly #masks: readonly DropoutMask[]
  readonly #seed: number
  readonly #accumulates: boolean
  readonly #packing: TrainingStep['packing']

  private constructor(session: Session, step: TrainingStep, seed: number) {
    this.#session = session
    this.#masks = step.masks
    this.#packing = step.packing
    this.#seed = seed
    this.#accumulates = session.inputs.some((port) => port.name === stepInputs.apply)
  }

  static async open(step: TrainingStep, seed: number, options: SessionOptions): Promise<StepRunner> {
    const session = await openSession(step.model, {
      memoryPattern: false,
      ...options,
      carry: step.carry,
      initialState: step.initialState,
    })
    return new StepRunner(session, step, seed)
  }

  /** One step. Returns what the step reports, such as `loss`: one number each. */
  async run({ batch, learningRate, update, position, apply = true }: StepFeeds): Promise<Record<string, number>> {
    const inputs: Record<string, Tensor> = {
      ...batch,
      [stepInputs.learningRate]: Tensor.scalar(learningRate),
      [stepInputs.step]: Tensor.scalar(update),
    }
    if (this.#accumulates) inputs[stepInputs.apply] = Tensor.of('bool', [], Uint8Array.of(apply ? 1 : 0))
    this.#masks.forEach((mask, i) => {
      inputs[mask.input] = drawMask(mask, new Random(this.#seed, 'dropout', position, i))
    })
    const results = await this.#session.run(inputs)
    return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, Number(data[0])]))
  }

  /**
   * A copy of the state, with every tensor in the order that the model has: parameters, optimizer slots, running statistics; or only of
   * what is named, where there is such state.
   */
  async readState(names?: readonly string[]): Promise<Map<string, Tensor>> {
    return this.#reordered(Object.entries(await this.#session.readState(names)), unpackTensor)
  }

  async writeState(state: ReadonlyMap<string, Tensor>): Promise<void> {
    await this.#session.writeState(Object.fromEntries(this.#reordered(state, packTensor)))
  }

  #reordered(state: Iterable<readonly [string, Tensor]>, reorder: typeof packTensor): Map<string, Tensor> {
    return new Map([...state].map(([name, tensor]) => [name, name in this.#packing ? reorder(tensor, this.#packing[name]!) : tensor]))
  }

  async close(): Promise<void> {
    await this.#session.close()
  }
}

function drawMask({ dims, ratio }: DropoutMask, random: Random): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1)
  const kept = 1 / (1 - ratio)
  return Tensor.float32(
    dims,
    Float32Array.from({ length: size }, () => (random.chance(ratio) ? 0 : kept)),
  )
}
