// Classification losses: negative log-likelihood, and cross-entropy of softmax.

import { type Dim, dimsConflict, formatDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { castTo, iota, masked, numbers, reduced, reshapedTo } from './emit.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type {
  Attributes,
  EvaluateContext,
  GradientContext,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { logSoftmaxArray } from './softmax.ts'

const reductions = ['none', 'sum', 'mean']

function reductionOf(ctx: Attributes): string {
  const reduction = ctx.string('reduction', 'mean')
  return reductions.includes(reduction) ? reduction : ctx.fail(`a reduction of ${reductions.join(', ')}`, reduction)
}

/** Scores [N, C, d1, …] and targets [N, d1, …] give one loss, or one for each target. */
function inferLoss(ctx: InferContext): InferredValue {
  const [scores, target] = [ctx.dims(0), ctx.dims(1)]
  const dtype = ctx.dtype(0)
  if (scores !== undefined && scores.length < 2) ctx.fail('scores [N, C, …]', formatDims(scores))
  const samples = scores === undefined ? target : sampleDims(scores)
  if (samples !== undefined && target !== undefined)
    if (samples.length !== target.length || samples.some((dim, i) => dimsConflict(dim, target[i]!)))
      ctx.fail(`targets ${formatDims(samples)}`, formatDims(target))
  return { type: tensorType(dtype, reductionOf(ctx) === 'none' ? samples : []) }
}

/** The shape without the class axis. */
function sampleDims<T extends Dim>(scores: readonly T[]): T[] {
  return [scores[0]!, ...scores.slice(2)]
}

/** Loss from log-probabilities. An ignored target counts neither in the sum nor in the mean's divisor. */
function evaluateLoss(ctx: EvaluateContext, logits: NDArray): NDArray {
  const { dims, data, dtype } = logits
  const [target, weight] = [ctx.input(1).data, ctx.inputs[2]?.data]
  const ignored = ctx.int('ignore_index', undefined)
  const classes = dims[1]!
  const inner = sizeOf(dims.slice(2))
  const losses = new Float64Array(target.length)
  let total = 0
  target.forEach((label, i) => {
    if (label === ignored) return
    if (label < 0 || label >= classes) ctx.fail(`targets from 0 to ${classes - 1}`, `${label}`)
    const factor = weight === undefined ? 1 : weight[label]!
    losses[i] = -factor * data[(Math.floor(i / inner) * classes + label) * inner + (i % inner)]!
    total += factor
  })
  const reduction = reductionOf(ctx)
  if (reduction === 'none') return ndarray(dtype, sampleDims(dims), losses)
  const sum = losses.reduce((a, b) => a + b, 0)
  return ndarray(dtype, [], [reduction === 'sum' ? sum : sum / total])
}

/** What the gradient rules of both losses share. Arrays of one number per target keep the class axis as 1. */
interface TargetTerms {
  /** True at [n, c] where c is the target of n. */
  readonly chosen: string
  /** dLoss/d(-log p[target]): class weight, divisor and incoming gradient; 0 where the target is ignored. */
  readonly scale: string
  /** The gradient of the class weights, given the log-probabilities. */
  weightGradient(logProbabilities: string): string
}

function targetTerms(ctx: GradientContext): TargetTerms {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const dtype = ctx.dtype(ctx.input(0))
  const targetType = ctx.dtype(ctx.input(1))
  const one = [dims[0]!, 1, ...dims.slice(2)]
  const target = reshapedTo(ctx, ctx.input(1), one)
  const chosen = b.op('Equal', [target, iota(ctx, targetType, dims[1]!, 1, dims.length)])
  const counts = countedTargets(ctx, target, chosen)
  const reduction = reductionOf(ctx)
  const dy = reduction === 'none' ? reshapedTo(ctx, ctx.gradient(0)!, one) : ctx.gradient(0)!
  const size = sizeOf(one)
  const everyAxis = one.map((_, i) => i)
  const divisor = () => (counts === undefined ? ctx.scalar(size, dtype) : reduced(ctx, 'ReduceSum', counts, everyAxis, false))
  const share = reduction === 'mean' ? b.op('Div', [dy, divisor()]) : dy
  const scale = counts === undefined ? share : b.op('Mul', [counts, share])
  const weightGradient = (logProbabilities: string) => {
    // Each target adds -log p to its class; in the mean it also moves the divisor, which takes the loss off.
    const away = reduction === 'mean' ? b.op('Add', [logProbabilities, ctx.output(0)]) : logProbabilities
    const inClass = masked(ctx, b.op('Mul', [away, share]), notIgnored(ctx, target, chosen), dtype)
    const axes = everyAxis.filter((axis) => axis !== 1)
    return b.op('Neg', [reduced(ctx, 'ReduceSum', inClass, axes, false)])
  }
  return { chosen, scale, weightGradient }
}

/** The class weight of every target, 0 where it is ignored; undefined where each target counts as 1. */
function countedTargets(ctx: GradientContext, target: string, chosen: string): string | undefined {
  const dtype = ctx.dtype(ctx.input(0))
  const weighted = ctx.hasInput(2)
  if (!weighted && ctx.int('ignore_index', undefined) === undefined) return undefined
  const dims = ctx.shape(ctx.input(0))
  const column = dims.map((dim, i) => (i === 1 ? dim : 1))
  const weights = weighted ? reshapedTo(ctx, ctx.input(2), column) : numbers(ctx, dtype, column, new Array(dims[1]!).fill(1))
  return reduced(ctx, 'ReduceSum', masked(ctx, weights, notIgnored(ctx, target, chosen), dtype), [1])
}

/** Takes the ignored targets out. One that is no class has chosen nothing anyway, but need not be outside of the classes. */
function notIgnored(ctx: GradientContext, target: string, chosen: string): string {
  const ignored = ctx.int('ignore_index', undefined)
  if (ignored === undefined || ignored < 0 || ignored >= ctx.shape(ctx.input(0))[1]!) return chosen
  const differs = ctx.b.op('Not', [ctx.b.op('Equal', [target, ctx.scalar(ignored, ctx.dtype(ctx.input(1)))])])
  return ctx.b.op('And', [chosen, differs])
}

/** Loss of log-probabilities; ONNX NegativeLogLikelihoodLoss. */
const negativeLogLikelihood: OperatorDefinition = {
  infer: (ctx) => [inferLoss(ctx)],
  gradient: (ctx) => {
    const { chosen, scale, weightGradient } = targetTerms(ctx)
    const { b } = ctx
    const dx = () => masked(ctx, b.op('Neg', [scale]), chosen, ctx.dtype(ctx.input(0)))
    return [ctx.needs(0) ? dx() : undefined, undefined, ctx.hasInput(2) && ctx.needs(2) ? weightGradient(ctx.input(0)) : undefined]
  },
  flops: (ctx) => 3 * sizeOf(ctx.inputDims(1)),
  evaluate: (ctx) => [evaluateLoss(ctx, ctx.input(0))],
}

/** The log-probabilities of the scores, from the second output where the node has it. */
function logProbabilities(ctx: GradientContext): string {
  if (ctx.node.outputs[1]) return ctx.output(1)
  const { b } = ctx
  const x = ctx.input(0)
  // Before opset 13 LogSoftmax flattened all axes from the class axis on.
  if (b.opset >= 13 || ctx.shape(x).length === 2) return b.op('LogSoftmax', [x], { axis: 1 })
  return b.op('Sub', [x, reduced(ctx, 'ReduceLogSumExp', x, [1])])
}

/** Cross-entropy of softmax(scores): dScores = (softmax - onehot) * scale; ONNX SoftmaxCrossEntropyLoss. */
const softmaxCrossEntropy: OperatorDefinition = {
  infer: (ctx) => [inferLoss(ctx), { type: ctx.type(0) }],
  gradient: (ctx) => {
    const { b } = ctx
    const dtype = ctx.dtype(ctx.input(0))
    const log = logProbabilities(ctx)
    const probabilities = b.op('Exp', [log])
    const terms = ctx.gradient(0) === undefined ? undefined : targetTerms(ctx)
    const throughLoss = () => {
      const { chosen, scale } = terms!
      return b.op('Mul', [b.op('Sub', [probabilities, castTo(ctx, chosen, dtype)]), scale])
    }
    const throughLog = (gradient: string) => b.op('Sub', [gradient, b.op('Mul', [probabilities, reduced(ctx, 'ReduceSum', gradient, [1])])])
    const parts = [terms && throughLoss(), ctx.gradient(1) && throughLog(ctx.gradient(1)!)].filter((part) => part !== undefined)
    return [
      ctx.needs(0) ? parts.reduce((a, part) => b.op('Add', [a, part])) : undefined,
      undefined,
      terms !== undefined && ctx.hasInput(2) && ctx.needs(2) ? terms.weightGradient(log) : undefined,
    ]
  },
  flops: (ctx) => 5 * sizeOf(ctx.inputDims(0)),
  evaluate: (ctx) => {
    const log = logSoftmaxArray(ctx.input(0), [1])
    return [evaluateLoss(ctx, log), log]
  },
}

export const losses: OperatorFamily = {
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropy,
}
