import { describe, expect, it } from 'vitest'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Model } from '../graph/model.ts'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { verifyModel } from '../graph/verifier.ts'
import { meanSquaredError } from '../nn/losses.ts'
import { adamW, clipByGlobalNorm, sgd } from '../nn/optimizers.ts'
import { evaluateModel, ndarrayOf } from '../ops/evaluate.ts'
import { type NDArray, ndarray } from '../ops/ndarray.ts'
import { openSession } from '../runtime/session.ts'
import { Random } from '../util/random.ts'
import { buildTrainingStep, type TrainingStep, type TrainingStepOptions } from './training-step.ts'

/** y = x w + b, of two inputs and one output. */
function linear(batch: number): Model {
  return readModel(`
    graph main(x: float32[${batch},2]) -> (y: float32[${batch},1])
      w: float32[2,1] = {0.5, -1.0}
      b: float32[1] = {0.25}
      p = MatMul(x, w)
      y = Add(p, b)`)
}

const squaredError = (batch: number) => (b: GraphBuilder) => {
  const targets = b.input('targets', 'float32', [batch, 1])
  return { loss: meanSquaredError(b, 'y', targets) }
}

function stepOf(batch: number, options: Partial<TrainingStepOptions> = {}): TrainingStep {
  const step = buildTrainingStep(linear(batch), {
    parameters: [{ name: 'w' }, { name: 'b', decay: false }],
    loss: squaredError(batch),
    optimizer: sgd({ momentum: 0 }),
    ...options,
  })
  verifyModel(step.model)
  return step
}

interface Batch {
  readonly x: readonly number[]
  readonly targets: readonly number[]
  readonly apply?: boolean
}

function randomBatches(count: number, size: number): Batch[] {
  const random = new Random(5, 'batches')
  const numbers = (n: number) => Array.from({ length: n }, () => Math.fround(random.uniform(-2, 2)))
  return Array.from({ length: count }, () => ({ x: numbers(2 * size), targets: numbers(size) }))
}

function feedsOf({ x, targets, apply = true }: Batch, { model }: TrainingStep, learningRate: number, update: number): Map<string, NDArray> {
  const n = targets.length
  const feeds = new Map([
    ['x', ndarray('float32', [n, 2], Float64Array.from(x))],
    ['targets', ndarray('float32', [n, 1], Float64Array.from(targets))],
    ['learning_rate', ndarray('float32', [], Float64Array.of(learningRate))],
    ['step', ndarray('float32', [], Float64Array.of(update))],
  ])
  if (model.graph.inputs.some(({ name }) => name === 'apply')) feeds.set('apply', ndarray('bool', [], Float64Array.of(apply ? 1 : 0)))
  return feeds
}

/** Runs the batches on the reference, and returns the last state and what each run reported. */
function train(step: TrainingStep, batches: readonly Batch[], learningRate = 0.1, before = 0) {
  let state = new Map(Object.entries(step.initialState).map(([name, tensor]) => [name, ndarrayOf(tensor)]))
  let updates = before
  const reports = batches.map((batch) => {
    const results = evaluateModel(step.model, new Map([...state, ...feedsOf(batch, step, learningRate, updates + 1)]))
    if (batch.apply !== false) updates++
    state = new Map(Object.entries(step.carry).map(([name, next]) => [name, results.get(next)!]))
    return Object.fromEntries(step.outputs.map((name) => [name, results.get(name)!.data[0]!]))
  })
  return { reports, state: Object.fromEntries([...state].map(([name, { data }]) => [name, [...data]])) }
}

function expectNear(found: readonly number[] | undefined, wanted: readonly number[], digits = 6): void {
  expect(found).toHaveLength(wanted.length)
  wanted.forEach((value, i) => {
    expect(found![i]).toBeCloseTo(value, digits)
  })
}

/** The same training written by hand. */
class ByHand {
  w = [0.5, -1]
  b = 0.25

  /** Loss and gradients of the mean squared error. */
  gradients({ x, targets }: Batch) {
    const n = targets.length
    const errors = targets.map((target, i) => x[2 * i]! * this.w[0]! + x[2 * i + 1]! * this.w[1]! + this.b - target)
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
    return {
      loss: sum(errors.map((error) => error ** 2)) / n,
      w: [0, 1].map((k) => (2 * sum(errors.map((error, i) => error * x[2 * i + k]!))) / n),
      b: (2 * sum(errors)) / n,
    }
  }

  update(rate: number, gradient: { w: readonly number[]; b: number }, decay = 0): void {
    this.w = this.w.map((value, k) => value - rate * (gradient.w[k]! + decay * value))
    this.b -= rate * gradient.b
  }
}

describe('buildTrainingStep', () => {
  it('descends as a plain computation does, with decay where it applies', () => {
    const batches = randomBatches(6, 3)
    const { state, reports } = train(stepOf(3, { optimizer: sgd({ momentum: 0, weightDecay: 0.1 }) }), batches)
    const byHand = new ByHand()
    for (const [i, batch] of batches.entries()) {
      const gradient = byHand.gradients(batch)
      expect(reports[i]!.loss).toBeCloseTo(gradient.loss, 6)
      byHand.update(0.1, gradient, 0.1)
    }
    expectNear(state.w, byHand.w)
    expectNear(state.b, [byHand.b])
  })

  it('carries the slots of the optimizer and counts updates', () => {
    const batches = randomBatches(5, 3)
    const { state } = train(stepOf(3, { optimizer: adamW({ weightDecay: 0 }) }), batches, 0.01)
    const byHand = new ByHand()
    const moments = [0, 1, 2].map(() => ({ mean: 0, square: 0 }))
    for (const [i, batch] of batches.entries()) {
      const { w, b } = byHand.gradients(batch)
      const moves = [...w, b].map((gradient, k) => {
        const moment = moments[k]!
        moment.mean = 0.9 * moment.mean + 0.1 * gradient
        moment.square = 0.999 * moment.square + 0.001 * gradient ** 2
        return moment.mean / (1 - 0.9 ** (i + 1)) / (Math.sqrt(moment.square / (1 - 0.999 ** (i + 1))) + 1e-8)
      })
      byHand.update(0.01, { w: moves.slice(0, 2), b: moves[2]! })
    }
    expectNear(state.w, byHand.w, 5)
    expectNear(state.b, [byHand.b], 5)
    expect(Object.keys(state).sort()).toEqual(['b', 'b/squareSum', 'b/sum', 'w', 'w/squareSum', 'w/sum'])
  })

  it('trains only what it is told to; the rest stays in the graph as a constant', () => {
    const batches = randomBatches(2, 3)
    const step = stepOf(3, { parameters: [{ name: 'b' }] })
    expect(step.model.graph.initializers.has('w')).toBe(true)
    const { state } = train(step, batches)
    const byHand = new ByHand()
    for (const batch of batches) byHand.update(0.1, { w: [0, 0], b: byHand.gradients(batch).b })
    expect(Object.keys(state)).toEqual(['b'])
    expectNear(state.b, [byHand.b])
  })

  it('gives a parameter a learning rate of its own', () => {
    const [batch] = randomBatches(1, 3)
    const { state } = train(stepOf(3, { parameters: [{ name: 'w', learningRateScale: 0.1 }, { name: 'b' }] }), [batch!])
    const { w, b } = new ByHand().gradients(batch!)
    expectNear(state.w, [0.5 - 0.01 * w[0]!, -1 - 0.01 * w[1]!])
    expectNear(state.b, [0.25 - 0.1 * b])
  })

  it('clips by the norm over all gradients, and reports it', () => {
    const [batch] = randomBatches(1, 3)
    const clip = (b: GraphBuilder, gradients: readonly string[]) => clipByGlobalNorm(b, gradients, 0.5)
    const { state, reports } = train(stepOf(3, { clip }), [batch!])
    const { w, b } = new ByHand().gradients(batch!)
    const norm = Math.hypot(...w, b)
    expect(norm).toBeGreaterThan(0.5)
    expect(reports[0]!.gradient_norm).toBeCloseTo(norm, 5)
    const factor = 0.5 / norm
    expectNear(state.w, [0.5 - 0.1 * factor * w[0]!, -1 - 0.1 * factor * w[1]!], 5)
    expectNear(state.b, [0.25 - 0.1 * factor * b], 5)
  })

  it('keeps a moving average of the weights, which forgets the first ones soon', () => {
    const batches = randomBatches(7, 3)
    const { state } = train(stepOf(3, { averageDecay: 0.4 }), batches)
    const byHand = new ByHand()
    let average = [...byHand.w]
    for (const [i, batch] of batches.entries()) {
      byHand.update(0.1, byHand.gradients(batch))
      const decay = Math.min(0.4, (2 + i) / (11 + i))
      average = average.map((value, k) => decay * value + (1 - decay) * byHand.w[k]!)
    }
    expectNear(state.w, byHand.w)
    expectNear(state['w/average'], average)
  })

  describe('gathering gradients', () => {
    const options: Partial<TrainingStepOptions> = {
      optimizer: sgd({ momentum: 0.9 }),
      clip: (b, gradients) => clipByGlobalNorm(b, gradients, 1),
      averageDecay: 0.9,
    }
    const grouped = (batches: readonly Batch[], size: number) =>
      batches.map((batch, i) => ({ ...batch, apply: (i + 1) % size === 0 || i === batches.length - 1 }))

    it('over k batches is one batch k times as large', () => {
      const small = randomBatches(6, 2)
      const large = [0, 3].map((at) => {
        const group = small.slice(at, at + 3)
        return { x: group.flatMap(({ x }) => x), targets: group.flatMap(({ targets }) => targets) }
      })
      const gathered = train(stepOf(2, { ...options, accumulate: 3 }), grouped(small, 3)).state
      const whole = train(stepOf(6, options), large).state
      for (const [name, values] of Object.entries(whole)) expectNear(gathered[name], values, 6)
      expectNear(gathered['w/gradient'], [0, 0])
    })

    it('averages a last group that is smaller by its own size', () => {
      const [a, b, c] = randomBatches(3, 2)
      const gathered = train(stepOf(2, { ...options, accumulate: 2 }), grouped([a!, b!, c!], 2)).state
      const step = stepOf(4, options)
      const first = train(step, [{ x: [...a!.x, ...b!.x], targets: [...a!.targets, ...b!.targets] }])
      const second = stepOf(2, options)
      const next = Object.fromEntries(
        Object.entries(first.state).map(([name, values]) => [name, tensorOfNumbers('float32', second.initialState[name]!.dims, values)]),
      )
      const wanted = train({ ...second, initialState: next }, [c!], 0.1, 1).state
      for (const [name, values] of Object.entries(wanted)) expectNear(gathered[name], values, 5)
    })

    it('changes nothing but the sums before the last batch of a group', () => {
      const [batch] = randomBatches(1, 2)
      const step = stepOf(2, { ...options, accumulate: 2 })
      const { state } = train(step, [{ ...batch!, apply: false }])
      const { w } = new ByHand().gradients(batch!)
      expectNear(state['w/gradient'], w)
      for (const name of ['w', 'b', 'w/momentum', 'w/average']) expect(state[name]).toEqual([...numbersOf(step.initialState[name]!)])
    })
  })

  it('gives on ONNX Runtime what it gives on the reference', async () => {
    const batches = randomBatches(6, 2).map((batch, i) => ({ ...batch, apply: i % 2 === 1 }))
    const step = stepOf(2, {
      optimizer: adamW(),
      averageDecay: 0.9,
      accumulate: 2,
      clip: (b, gradients) => clipByGlobalNorm(b, gradients, 1),
    })
    const wanted = train(step, batches)
    const session = await openSession(step.model, { worker: false, threads: 1, carry: step.carry, initialState: step.initialState })
    try {
      for (const [i, batch] of batches.entries()) {
        const feeds = feedsOf(batch, step, 0.1, Math.floor(i / 2) + 1)
        const results = await session.run(
          Object.fromEntries([...feeds].map(([name, { dtype, dims, data }]) => [name, tensorOfNumbers(dtype, dims, data)])),
        )
        expect(numbersOf(results.loss!)[0]).toBeCloseTo(wanted.reports[i]!.loss!, 4)
      }
      const state = await session.readState()
      for (const [name, values] of Object.entries(wanted.state)) expectNear([...numbersOf(state[name]!)], values, 4)
    } finally {
      await session.close()
    }
  })

  it('reads as one graph from state and batch to state and loss', () => {
    const step = stepOf(3, { parameters: [{ name: 'b' }] })
    expect(printModel(step.model)).toMatchInlineSnapshot(`
      "model ir=10 opset=21
      graph main(x: float32[3,2], targets: float32[3,1], learning_rate: float32[], step: float32[], b: float32[1]) -> (Sub_1: float32[1], loss)
        w: float32[2,1] = {0.5, -1}
        one: float32[] = {1}
        ints: int64[2] = {1, 1}
        scalar: float32[] = {0.33333334}
        ints_1: int64[2] = {3, 1}
        ints_2: int64[1] = {0}
        shape: int64[1] = {1}
        p = MatMul(x, w)
        y = Add(p, b)
        Sub = Sub(y, targets)
        Mul = Mul(Sub, Sub)
        ReduceMean = ReduceMean(Mul) {keepdims=0}
        grad/Reshape = Reshape(one, ints)
        grad/Mul = Mul(grad/Reshape, scalar)
        grad/Expand = Expand(grad/Mul, ints_1)
        grad/Mul_1 = Mul(grad/Expand, Sub)
        grad/Add = Add(grad/Mul_1, grad/Mul_1)
        grad/ReduceSum = ReduceSum(grad/Add, ints_2) {keepdims=1}
        grad/Reshape_1 = Reshape(grad/ReduceSum, shape)
        Mul_1 = Mul(grad/Reshape_1, learning_rate)
        Sub_1 = Sub(b, Mul_1)
        loss = Identity(ReduceMean)"
    `)
    expect(step.carry).toMatchInlineSnapshot(`
      {
        "b": "Sub_1",
      }
    `)
  })

  it('names a parameter that the model does not have', () => {
    expect(() => stepOf(3, { parameters: [{ name: 'v' }] })).toThrow(
      /expected an initializer of the model to train.*"v".*GRAPH_DANGLING_NAME/,
    )
  })
})
