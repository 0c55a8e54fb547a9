// Compiles a model into its training step: one graph from parameters, state and batch to new parameters, new state and loss.

import { GraphBuilder } from '../graph/builder.ts'
import { emptyGraph, type Graph, type Model, tensorType } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Packing } from '../ops/blocked/layout.ts'
import { FoveaError } from '../util/errors.ts'
import { alignScalars } from './align-scalars.ts'
import { type AutodiffOptions, autodiff } from './autodiff.ts'
import { toBlockedLayout } from './blocked-layout.ts'
import { eliminateCommonSubexpressions } from './eliminate-common-subexpressions.ts'
import { eliminateDeadNodes } from './eliminate-dead-nodes.ts'
import { fuseBlocked } from './fuse-blocked.ts'
import { lowerBatchNormalization } from './lower-batch-normalization.ts'
import { lowerBlocked, withoutBlockSizes } from './lower-blocked.ts'
import { type DropoutMask, toTrainingMode } from './training-mode.ts'

/** How an optimizer writes its update; the rules of `nn/optimizers` have this form. */
export interface UpdateRule {
  readonly name: string
  /** Names of the tensors that it keeps for each parameter, of the parameter's shape, zero at first. */
  readonly slots: readonly string[]
  update(b: GraphBuilder, args: UpdateArguments): { parameter: string; slots: Readonly<Record<string, string>> }
}

export interface UpdateArguments {
  readonly parameter: string
  readonly gradient: string
  readonly slots: Readonly<Record<string, string>>
  /** A float scalar. */
  readonly learningRate: string
  /** Number of this update, from 1, as a float scalar. */
  readonly step: string
  /** True where weight decay applies: not on biases and normalisation. */
  readonly decay: boolean
}

export interface TrainedParameter {
  /** Name of an initializer. */
  readonly name: string
  /** @default true */
  readonly decay?: boolean
  /** Factor on the learning rate. @default 1 */
  readonly learningRateScale?: number
}

export interface EmittedLoss {
  readonly loss: string
  /** Further values to return, one number each, by name. */
  readonly outputs?: Readonly<Record<string, string>>
  /** Values that no gradient passes, such as targets that were made from predictions. */
  readonly constants?: readonly string[]
}

export interface TrainingStepOptions {
  readonly parameters: readonly TrainedParameter[]
  /** Emits the loss (one float) and further values to return, such as the number of right answers. */
  readonly loss: (b: GraphBuilder) => EmittedLoss
  readonly optimizer: UpdateRule
  /** Emits gradients scaled so that their global norm is at most this; see `nn/optimizers`. */
  readonly clip?: (b: GraphBuilder, gradients: readonly string[]) => { gradients: readonly string[]; norm: string }
  /**
   * Keeps an exponential moving average of the parameters with this decay, and with (1 + step) / (10 + step) as long as that is less: the first
   * weights, which know nothing, are forgotten at once (as TensorFlow's ExponentialMovingAverage does with `num_updates`).
   */
  readonly averageDecay?: number
  /** Number of batches whose gradients are averaged before one update; a group may also end earlier. @default 1 */
  readonly accumulate?: number
  readonly lowering?: AutodiffOptions['lowering']
  /**
   * Computes on the blocked layout of ONNX Runtime's CPU kernels, with this many channels in a block: several times as fast, where the
   * installed runtime has those kernels. @default the standard operators, which run everywhere
   */
  readonly blockedLayout?: { readonly block: number }
}

/** Inputs that every step takes beside its batch. `apply` only where gradients are accumulated: true on the last batch of a group. */
export const stepInputs = { learningRate: 'learning_rate', step: 'step', apply: 'apply' } as const

/** State of a step that accumulates: the number of batches whose gradients have been summed since the last update. */
const gathered = 'gathered_batches'
const gradientNorm = 'gradient_norm'

/** Names of a step's ports: no value of the model that is trained may have one of them. */
export const stepNames: readonly string[] = [...Object.values(stepInputs), gathered, gradientNorm]

export interface TrainingStep {
  readonly model: Model
  /** From each state input to the output that replaces it: parameters, optimizer slots, running statistics, averages. */
  readonly carry: Readonly<Record<string, string>>
  readonly initialState: Readonly<Record<string, Tensor>>
  /** The state that the step holds in another order of its elements than the model; `unpackTensor` gives the model's. */
  readonly packing: Readonly<Record<string, Packing>>
  /** Dropout masks to feed. */
  readonly masks: readonly DropoutMask[]
  /** Outputs to read: `loss`, those that the loss named, and `gradient_norm` where gradients are clipped. */
  readonly outputs: readonly string[]
}

/** State of a parameter under a name of its own: `layer1.0.conv1.weight/momentum`. */
export function slotName(parameter: string, slot: string): string {
  return `${parameter}/${slot}`
}

/**
 * Builds the training step of a model whose shapes are static (bind the batch size first).
 *
 * @throws FoveaError AUTODIFF_TARGET, OP_NOT_DIFFERENTIABLE, SHAPE_UNKNOWN, GRAPH_DANGLING_NAME for an unknown parameter
 */
export function buildTrainingStep(source: Model, options: TrainingStepOptions): TrainingStep {
  const names = options.parameters.map((parameter) => parameter.name)
  for (const name of names)
    if (!source.graph.initializers.has(name))
      throw new FoveaError('GRAPH_DANGLING_NAME', { field: name, expected: 'an initializer of the model to train' })
  const training = toTrainingMode(source, new Set(names))
  const { graph } = training.model
  graph.outputs = []
  const lossBuilder = new GraphBuilder({ graph, opset: source.opsets.get('') ?? 1 })
  const { loss, outputs = {}, constants = [] } = options.loss(lossBuilder)
  const keep = [loss, ...Object.values(outputs), ...constants]
  const { model: forward, packing } =
    options.blockedLayout === undefined
      ? { model: training.model, packing: new Map<string, Packing>() }
      : toBlockedLayout(training.model, { ...options.blockedLayout, keep })
  const derived = autodiff(forward, { loss, parameters: names, constants, ...(options.lowering ? { lowering: options.lowering } : {}) })

  const step = new StepBuilder(derived.model, options)
  step.makeState(names)
  for (const [name, next] of training.running) step.carryRunning(name, next)
  const gradients = step.clip(names.map((name) => derived.gradients.get(name)!))
  step.update(gradients)
  step.report({ loss, ...outputs })

  let { model } = derived
  for (const pass of passes) model = pass(model).model
  return {
    model,
    carry: step.carry,
    initialState: step.initialState,
    packing: step.packingOf(packing),
    masks: training.masks,
    outputs: step.reported,
  }
}

/** What follows differentiation, in order. */
const passes = [
  lowerBatchNormalization,
  lowerBlocked,
  eliminateCommonSubexpressions,
  eliminateDeadNodes,
  fuseBlocked,
  alignScalars,
  withoutBlockSizes,
]

/** Adds to a differentiated graph what turns it into a step. */
class StepBuilder {
  readonly carry: Record<string, string> = {}
  readonly initialState: Record<string, Tensor> = {}
  readonly reported: string[] = []
  readonly #model: Model
  readonly #b: GraphBuilder
  readonly #options: TrainingStepOptions
  readonly #accumulates: boolean
  /** Rates of averages, by the number of batches that share one. */
  readonly #rates = new Map<number, string>()

  constructor(model: Model, options: TrainingStepOptions) {
    this.#model = model
    this.#options = options
    this.#b = new GraphBuilder({ graph: model.graph, opset: model.opsets.get('') ?? 1 })
    this.#accumulates = (options.accumulate ?? 1) > 1
    this.#b.input(stepInputs.learningRate, 'float32', [])
    this.#b.input(stepInputs.step, 'float32', [])
    if (options.averageDecay !== undefined) this.#averageRate()
    if (!this.#accumulates) return
    this.#b.input(stepInputs.apply, 'bool', [])
    this.#b.input(gathered, 'float32', [])
    this.initialState[gathered] = Tensor.scalar(0)
  }

  get #slots(): readonly string[] {
    const { optimizer, averageDecay } = this.#options
    return [...optimizer.slots, ...(averageDecay === undefined ? [] : ['average']), ...(this.#accumulates ? ['gradient'] : [])]
  }

  /** The order of each parameter's elements is that of its slots. */
  packingOf(parameters: ReadonlyMap<string, Packing>): Record<string, Packing> {
    const trained = [...parameters].filter(([name]) => name in this.initialState)
    return Object.fromEntries(
      trained.flatMap(([name, packing]) => [name, ...this.#slots.map((slot) => slotName(name, slot))].map((key) => [key, packing])),
    )
  }

  /** Turns parameters from initializers into inputs, and adds the optimizer's slots. */
  makeState(names: readonly string[]): void {
    for (const name of names) {
      const tensor = this.#toInput(name)
      for (const slot of this.#slots) {
        const zero = slot === 'average' ? tensor : new Tensor(tensor.dtype, tensor.dims, new Uint8Array(tensor.bytes.length))
        this.#b.input(slotName(name, slot), tensor.dtype, tensor.dims)
        this.initialState[slotName(name, slot)] = zero
      }
    }
  }

  carryRunning(name: string, next: string): void {
    const { averageDecay, accumulate = 1 } = this.#options
    const tensor = this.#toInput(name)
    this.#carry(name, next)
    if (averageDecay === undefined) return
    // Averaged weights need the statistics of their own activations. These move with every batch, weights with every update.
    const average = slotName(name, 'average')
    this.#b.input(average, tensor.dtype, tensor.dims)
    this.initialState[average] = tensor
    this.#carry(average, emitAverage(this.#b, average, next, this.#averageRate(accumulate)))
  }

  clip(gradients: readonly string[]): readonly string[] {
    if (this.#options.clip === undefined) return gradients
    // Clipping looks at the gradient that the update will use: with accumulation, at the sum.
    if (this.#accumulates) return gradients
    const clipped = this.#options.clip(this.#b, gradients)
    this.#report(gradientNorm, clipped.norm)
    return clipped.gradients
  }

  update(gradients: readonly string[]): void {
    if (this.#accumulates) this.#updateWhenAsked(gradients)
    else this.#emitUpdates(gradients, (name, value) => this.#carry(name, value))
  }

  report(outputs: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(outputs)) this.#report(name, value)
  }

  /** What the average takes over of a new value; `batches` share one update's. Emitted once, and outside of the branches that use it. */
  #averageRate(batches = 1): string {
    const b = this.#b
    const known = this.#rates.get(batches)
    if (known !== undefined) return known
    const least = b.scalar(1 - this.#options.averageDecay!)
    const whole = b.op('Max', [least, b.op('Div', [b.scalar(9), b.op('Add', [stepInputs.step, b.scalar(10)])])])
    const rest = () => b.op('Pow', [b.op('Sub', [b.scalar(1), whole]), b.scalar(1 / batches)])
    const rate = batches === 1 ? whole : b.op('Sub', [b.scalar(1), rest()])
    this.#rates.set(batches, rate)
    return rate
  }

  #emitUpdates(gradients: readonly string[], carry: (name: string, next: string) => void): void {
    const { parameters, optimizer, averageDecay } = this.#options
    const b = this.#b
    const rates = new Map<number, string>([[1, stepInputs.learningRate]])
    parameters.forEach(({ name, decay = true, learningRateScale = 1 }, i) => {
      const learningRate = rates.get(learningRateScale) ?? b.op('Mul', [stepInputs.learningRate, b.scalar(learningRateScale)])
      rates.set(learningRateScale, learningRate)
      const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, slotName(name, slot)]))
      const updated = optimizer.update(b, { parameter: name, gradient: gradients[i]!, slots, learningRate, step: stepInputs.step, decay })
      carry(name, updated.parameter)
      for (const slot of optimizer.slots) carry(slotName(name, slot), updated.slots[slot]!)
      if (averageDecay === undefined) return
      const average = slotName(name, 'average')
      carry(average, emitAverage(b, average, updated.parameter, this.#averageRate()))
    })
  }

  /** Sums gradients; an `If` runs the optimizer on the last batch of a group only. */
  #updateWhenAsked(gradients: readonly string[]): void {
    const { parameters, clip } = this.#options
    const b = this.#b
    const sums = new Map(
      parameters.map(({ name }, i) => [slotName(name, 'gradient'), b.op('Add', [slotName(name, 'gradient'), gradients[i]!])]),
    )
    const count = b.op('Add', [gathered, b.scalar(1)])
    sums.set(gathered, count)
    const carried: string[] = []
    const update = this.#branch('update', () => {
      const share = b.op('Reciprocal', [count])
      const means = parameters.map(({ name }) => b.op('Mul', [sums.get(slotName(name, 'gradient'))!, share]))
      const clipped = clip === undefined ? means : clip(b, means).gradients
      this.#emitUpdates(clipped, (name, next) => {
        carried.push(name)
        b.output(next, this.#typeOf(name))
      })
      for (const [name, sum] of sums) {
        carried.push(name)
        b.output(b.op('Sub', [sum, sum]), this.#typeOf(name))
      }
    })
    const wait = this.#branch('wait', () => {
      for (const name of carried) b.output(b.op('Identity', [sums.get(name) ?? name]), this.#typeOf(name))
    })
    const next = b.ops('If', [stepInputs.apply], carried.length, { then_branch: update, else_branch: wait })
    carried.forEach((name, i) => {
      this.#carry(name, next[i]!)
    })
  }

  /** What `emit` adds, as a subgraph. Names come from the one builder, since those around a subgraph must not be given again. */
  #branch(name: string, emit: () => void): Graph {
    const { graph } = this.#b
    const { nodes, outputs } = graph
    const branch = emptyGraph(name)
    graph.nodes = branch.nodes
    graph.outputs = branch.outputs
    this.#b.scope(name, emit)
    graph.nodes = nodes
    graph.outputs = outputs
    return branch
  }

  #typeOf(name: string): ReturnType<typeof tensorType> {
    const { dtype, dims } = this.initialState[name]!
    return tensorType(dtype, dims)
  }

  #toInput(name: string): Tensor {
    const { graph } = this.#model
    const tensor = graph.initializers.get(name)!
    graph.initializers.delete(name)
    graph.inputs = graph.inputs.filter((input) => input.name !== name)
    this.#b.input(name, tensor.dtype, tensor.dims)
    this.initialState[name] = tensor
    return tensor
  }

  #carry(name: string, next: string): void {
    this.carry[name] = this.#b.output(next, this.#typeOf(name))
  }

  #report(name: string, value: string): void {
    this.reported.push(this.#b.output(value, undefined, name))
  }
}

/** Emits average + rate * (value - average). */
function emitAverage(b: GraphBuilder, average: string, value: string, rate: string): string {
  return b.op('Add', [average, b.op('Mul', [b.op('Sub', [value, average]), rate])])
}
