// Runs the training step: feeds a batch and the learning rate, reads the loss; all state stays in the session.

import { Tensor } from '../graph/tensor.ts'
import { packTensor, unpackTensor } from '../ops/blocked/layout.ts'
import type { DropoutMask } from '../passes/training-mode.ts'
import { stepInputs, type TrainingStep } from '../passes/training-step.ts'
import { openSession, type Session, type SessionOptions } from '../runtime/session.ts'
import { Random } from '../util/random.ts'

export interface StepResult {
  readonly loss: number
  /** Pictures whose largest score was that of their class. */
  readonly correct: number
}

export interface StepFeeds {
  /** The batch as the step's first input wants it: bytes of pictures, or features behind a frozen prefix. */
  readonly input: Tensor
  readonly targets: Int32Array
  readonly learningRate: number
  /** Number of this update, from 1. */
  readonly update: number
  /** Number of this batch since the training began: it seeds the dropout masks. */
  readonly batch: number
  /** False while gradients are only gathered. */
  readonly apply: boolean
}

/** An open training step. */
export class StepRunner {
  readonly #session: Session
  readonly #input: string
  readonly #masks: readonly DropoutMask[]
  readonly #seed: number
  readonly #accumulates: boolean
  readonly #packing: TrainingStep['packing']

  private constructor(session: Session, input: string, step: TrainingStep, seed: number) {
    this.#session = session
    this.#input = input
    this.#masks = step.masks
    this.#packing = step.packing
    this.#seed = seed
    this.#accumulates = session.inputs.some((port) => port.name === stepInputs.apply)
  }

  /** Compiles the step. `input` names the batch's input. */
  static async open(step: TrainingStep, input: string, seed: number, options: SessionOptions): Promise<StepRunner> {
    const session = await openSession(step.model, {
      memoryPattern: false,
      ...options,
      carry: step.carry,
      initialState: step.initialState,
    })
    return new StepRunner(session, input, step, seed)
  }

  async run(feeds: StepFeeds): Promise<StepResult> {
    const targets = BigInt64Array.from(feeds.targets, BigInt)
    const inputs: Record<string, Tensor> = {
      [this.#input]: feeds.input,
      targets: Tensor.of('int64', [targets.length], targets),
      [stepInputs.learningRate]: Tensor.scalar(feeds.learningRate),
      [stepInputs.step]: Tensor.scalar(feeds.update),
    }
    if (this.#accumulates) inputs[stepInputs.apply] = Tensor.of('bool', [], Uint8Array.of(feeds.apply ? 1 : 0))
    this.#masks.forEach((mask, i) => {
      inputs[mask.input] = drawMask(mask, new Random(this.#seed, 'dropout', feeds.batch, i))
    })
    const { loss, correct } = await this.#session.run(inputs)
    return { loss: Number(loss!.data[0]), correct: Number(correct!.data[0]) }
  }

  /** A copy of all state: parameters, optimizer slots, running statistics, in the order that the model has them. */
  async readState(): Promise<Map<string, Tensor>> {
    return this.#reordered(Object.entries(await this.#session.readState()), unpackTensor)
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
