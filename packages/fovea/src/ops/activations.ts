// Activation functions: the rectifiers, the sigmoids and the smooth gates.

import { masked } from './emit.ts'
import { broadcastShape, mapArray, zipArrays } from './ndarray.ts'
import type { Attributes, GradientContext, OperatorDefinition, OperatorFamily } from './operator.ts'
import { chain, flopsPerOutput, sameAsFirstInput } from './rules.ts'
import { erf, sigmoid, softplus } from './special.ts'

interface Activation {
  /** The function of one element, given the node's attributes. */
  readonly form: (attributes: Attributes) => (x: number) => number
  /** Emits dy/dx from the names of x and y. */
  readonly slope: (ctx: GradientContext, x: string, y: string) => string
  /** FLOPs an element, as a rough figure. @default 1 */
  readonly cost?: number
}

function activation({ form, slope, cost = 1 }: Activation): OperatorDefinition {
  return {
    infer: sameAsFirstInput,
    gradient: chain(slope),
    flops: flopsPerOutput(cost),
    evaluate: (ctx) => [mapArray(ctx.input(0), form(ctx))],
  }
}

/** An activation whose slope is 1 or 0: dx = dy where `passes` holds. */
function gate(form: Activation['form'], passes: (ctx: GradientContext, x: string, y: string) => string): OperatorDefinition {
  const gradient = (ctx: GradientContext) => {
    const x = ctx.input(0)
    return [masked(ctx, ctx.gradient(0)!, passes(ctx, x, ctx.output(0)), ctx.dtype(x))]
  }
  return { ...activation({ form, slope: (_, x) => x }), gradient }
}

/**
 * dx = dy where y > 0. A HardSigmoid this steep is the step from 0 to 1, at a tenth of the time that a comparison and a selection
 * take on ONNX Runtime's CPU provider; float16 cannot hold the slope.
 */
function reluGradient(ctx: GradientContext): (string | undefined)[] {
  const [y, dy] = [ctx.output(0), ctx.gradient(0)!]
  const dtype = ctx.dtype(y)
  if (dtype !== 'float32' && dtype !== 'float64') return [masked(ctx, dy, calculator(ctx).greater(y, 0), dtype)]
  return [ctx.b.op('Mul', [dy, ctx.b.op('HardSigmoid', [y], { alpha: 1e30, beta: 0 })])]
}

/** Elementwise arithmetic on names and numbers, in the element type of input 0: what slopes are written with. */
function calculator(ctx: GradientContext) {
  const name = (v: string | number) => (typeof v === 'number' ? ctx.scalar(v, ctx.dtype(ctx.input(0))) : v)
  const binary = (op: string) => (a: string | number, b: string | number) => ctx.b.op(op, [name(a), name(b)])
  const unary = (op: string) => (a: string) => ctx.b.op(op, [a])
  return {
    add: binary('Add'),
    sub: binary('Sub'),
    mul: binary('Mul'),
    div: binary('Div'),
    min: binary('Min'),
    max: binary('Max'),
    greater: binary('Greater'),
    less: binary('Less'),
    where: (condition: string, a: string | number, b: string | number) => ctx.b.op('Where', [condition, name(a), name(b)]),
    exp: unary('Exp'),
    abs: unary('Abs'),
    tanh: unary('Tanh'),
    erf: unary('Erf'),
    sigmoid: unary('Sigmoid'),
    softplus: unary('Softplus'),
    and: binary('And'),
  }
}

/** Slope of x * sigmoid(alpha * x): s + alpha * y * (1 - s). */
function swishSlope(ctx: GradientContext, x: string, y: string, alpha: number): string {
  const { add, sub, mul, sigmoid } = calculator(ctx)
  const s = sigmoid(alpha === 1 ? x : mul(x, alpha))
  return add(s, mul(alpha === 1 ? y : mul(y, alpha), sub(1, s)))
}

const rootTwoOverPi = Math.sqrt(2 / Math.PI)
const geluCubic = 0.044715

/** Gelu (Hendrycks & Gimpel 2016), exact or by tanh. */
const gelu = (x: number) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))
const tanhGelu = (x: number) => 0.5 * x * (1 + Math.tanh(rootTwoOverPi * (x + geluCubic * x ** 3)))

function geluSlope(ctx: GradientContext, x: string): string {
  const { add, mul, exp, erf } = calculator(ctx)
  const cumulative = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)
  const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return add(cumulative, mul(x, density))
}

function tanhGeluSlope(ctx: GradientContext, x: string): string {
  const { add, sub, mul, tanh } = calculator(ctx)
  const square = mul(x, x)
  const t = tanh(mul(mul(x, rootTwoOverPi), add(mul(square, geluCubic), 1)))
  const inner = mul(add(mul(square, 3 * geluCubic), 1), rootTwoOverPi)
  const bend = mul(mul(x, sub(1, mul(t, t))), inner)
  return mul(add(add(t, 1), bend), 0.5)
}

const seluAlpha = (a: Attributes) => a.float('alpha', 1.6732631921768188)
const seluGamma = (a: Attributes) => a.float('gamma', 1.0507010221481323)

const prelu: OperatorDefinition = {
  infer: sameAsFirstInput,
  gradient: (ctx) => {
    const { mul, min, less, where } = calculator(ctx)
    const [x, slope, dy] = [ctx.input(0), ctx.input(1), ctx.gradient(0)!]
    return [
      ctx.needs(0) ? mul(dy, where(less(x, 0), slope, 1)) : undefined,
      ctx.needs(1) ? ctx.unbroadcast(mul(dy, min(x, 0)), ctx.shape(x), slope) : undefined,
    ]
  },
  flops: flopsPerOutput(1),
  evaluate: (ctx) => {
    const [x, slope] = [ctx.input(0), ctx.input(1)]
    if (broadcastShape(x.dims, slope.dims)?.join() !== x.dims.join()) ctx.fail(`a slope that broadcasts to [${x.dims}]`, `[${slope.dims}]`)
    return [zipArrays(x, slope, (value, factor) => (value < 0 ? value * factor : value))]
  },
}

/** Gelu of x + bias, by either form; the bias is optional. */
function biasedGelu(form: (x: number) => number, slope: typeof geluSlope): OperatorDefinition {
  return {
    infer: sameAsFirstInput,
    gradient: (ctx) => {
      const { add, mul } = calculator(ctx)
      const x = ctx.input(0)
      const sum = ctx.hasInput(1) ? add(x, ctx.input(1)) : x
      const dx = mul(ctx.gradient(0)!, slope(ctx, sum))
      return [dx, ctx.hasInput(1) && ctx.needs(1) ? ctx.unbroadcast(dx, ctx.shape(x), ctx.input(1)) : undefined]
    },
    flops: flopsPerOutput(12),
    evaluate: (ctx) => {
      const bias = ctx.inputs[1]
      return [mapArray(bias === undefined ? ctx.input(0) : zipArrays(ctx.input(0), bias, (x, b) => x + b), form)]
    },
  }
}

/** Limits of a Clip: attributes before opset 11, optional inputs since. */
const clip: OperatorDefinition = {
  infer: sameAsFirstInput,
  gradient: (ctx) => {
    const { b } = ctx
    const [x, dy] = [ctx.input(0), ctx.gradient(0)!]
    const dtype = ctx.dtype(x)
    const limit = (index: number, attribute: string) => {
      if (ctx.hasInput(index)) return ctx.input(index)
      return ctx.has(attribute) ? ctx.scalar(ctx.float(attribute), dtype) : undefined
    }
    const [low, high] = [limit(1, 'min'), limit(2, 'max')]
    const below = low === undefined ? undefined : b.op('Less', [x, low])
    const above = high === undefined ? undefined : b.op('Greater', [x, high])
    const outside = below !== undefined && above !== undefined ? b.op('Or', [below, above]) : (below ?? above)
    const toLimit = (index: number, cut: string | undefined) =>
      cut !== undefined && ctx.needs(index) ? ctx.unbroadcast(masked(ctx, dy, cut, dtype), ctx.shape(x), ctx.input(index)) : undefined
    const dx = outside === undefined ? dy : masked(ctx, dy, b.op('Not', [outside]), dtype)
    return [ctx.needs(0) ? dx : undefined, toLimit(1, below), toLimit(2, above)]
  },
  flops: flopsPerOutput(2),
  evaluate: (ctx) => {
    const low = ctx.inputs[1]?.data[0] ?? ctx.float('min', Number.NEGATIVE_INFINITY)
    const high = ctx.inputs[2]?.data[0] ?? ctx.float('max', Number.POSITIVE_INFINITY)
    return [mapArray(ctx.input(0), (x) => Math.min(high, Math.max(low, x)))]
  },
}

export const activations: OperatorFamily = {
  Relu: {
    ...gate(
      () => (x) => Math.max(0, x),
      (ctx, _, y) => calculator(ctx).greater(y, 0),
    ),
    gradient: reluGradient,
  },
  LeakyRelu: activation({
    form: (a) => {
      const alpha = a.float('alpha', 0.01)
      return (x) => (x < 0 ? alpha * x : x)
    },
    slope: (ctx, x) => {
      const { less, where } = calculator(ctx)
      return where(less(x, 0), ctx.float('alpha', 0.01), 1)
    },
  }),
  PRelu: prelu,
  ThresholdedRelu: gate(
    (a) => {
      const alpha = a.float('alpha', 1)
      return (x) => (x > alpha ? x : 0)
    },
    (ctx, x) => calculator(ctx).greater(x, ctx.float('alpha', 1)),
  ),
  Shrink: gate(
    (a) => {
      const lambda = a.float('lambd', 0.5)
      const bias = a.float('bias', 0)
      return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0)
    },
    (ctx, x) => {
      const { abs, greater } = calculator(ctx)
      return greater(abs(x), ctx.float('lambd', 0.5))
    },
  ),
  Clip: clip,

  Elu: activation({
    form: (a) => {
      const alpha = a.float('alpha', 1)
      return (x) => (x < 0 ? alpha * Math.expm1(x) : x)
    },
    slope: (ctx, x, y) => {
      const { add, less, where } = calculator(ctx)
      return where(less(x, 0), add(y, ctx.float('alpha', 1)), 1)
    },
    cost: 3,
  }),
  Selu: activation({
    form: (a) => {
      const [alpha, gamma] = [seluAlpha(a), seluGamma(a)]
      return (x) => gamma * (x <= 0 ? alpha * Math.expm1(x) : x)
    },
    slope: (ctx, x, y) => {
      const { add, greater, where } = calculator(ctx)
      return where(greater(x, 0), seluGamma(ctx), add(y, seluAlpha(ctx) * seluGamma(ctx)))
    },
    cost: 4,
  }),
  Celu: activation({
    form: (a) => {
      const alpha = a.float('alpha', 1)
      return (x) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha))
    },
    slope: (ctx, x) => {
      const { exp, min, div } = calculator(ctx)
      return exp(div(min(x, 0), ctx.float('alpha', 1)))
    },
    cost: 5,
  }),

  Sigmoid: activation({
    form: () => sigmoid,
    slope: (ctx, _, y) => {
      const { sub, mul } = calculator(ctx)
      return mul(y, sub(1, y))
    },
    cost: 4,
  }),
  HardSigmoid: activation({
    form: (a) => {
      const [alpha, beta] = [a.float('alpha', 0.2), a.float('beta', 0.5)]
      return (x) => Math.max(0, Math.min(1, alpha * x + beta))
    },
    slope: (ctx, _, y) => {
      const { and, greater, less, where } = calculator(ctx)
      return where(and(greater(y, 0), less(y, 1)), ctx.float('alpha', 0.2), 0)
    },
    cost: 4,
  }),
  Tanh: activation({
    form: () => Math.tanh,
    slope: (ctx, _, y) => {
      const { sub, mul } = calculator(ctx)
      return sub(1, mul(y, y))
    },
    cost: 6,
  }),
  Softplus: activation({ form: () => softplus, slope: (ctx, x) => calculator(ctx).sigmoid(x), cost: 4 }),
  Softsign: activation({
    form: () => (x) => x / (1 + Math.abs(x)),
    slope: (ctx, _, y) => {
      const { sub, mul, abs } = calculator(ctx)
      const rest = sub(1, abs(y))
      return mul(rest, rest)
    },
    cost: 3,
  }),

  Swish: activation({
    form: (a) => {
      const alpha = a.float('alpha', 1)
      return (x) => x * sigmoid(alpha * x)
    },
    slope: (ctx, x, y) => swishSlope(ctx, x, y, ctx.float('alpha', 1)),
    cost: 5,
  }),
  HardSwish: activation({
    form: () => (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)),
    slope: (ctx, x) => {
      const { add, mul, abs, min, max, less, where } = calculator(ctx)
      // Outside of [-3, 3] the slope is 0 or 1, which is what clipping x to [0, 1] gives there.
      return where(less(abs(x), 3), add(mul(x, 1 / 3), 0.5), min(max(x, 0), 1))
    },
    cost: 5,
  }),
  Mish: activation({
    form: () => (x) => x * Math.tanh(softplus(x)),
    slope: (ctx, x) => {
      const { add, sub, mul, tanh, softplus, sigmoid } = calculator(ctx)
      const t = tanh(softplus(x))
      return add(t, mul(mul(x, sub(1, mul(t, t))), sigmoid(x)))
    },
    cost: 12,
  }),
  Gelu: activation({
    form: (a) => (a.string('approximate', 'none') === 'tanh' ? tanhGelu : gelu),
    slope: (ctx, x) => (ctx.string('approximate', 'none') === 'tanh' ? tanhGeluSlope(ctx, x) : geluSlope(ctx, x)),
    cost: 12,
  }),

  'com.microsoft::Gelu': activation({ form: () => gelu, slope: geluSlope, cost: 12 }),
  'com.microsoft::BiasGelu': biasedGelu(gelu, geluSlope),
  'com.microsoft::FastGelu': biasedGelu(tanhGelu, tanhGeluSlope),
  'com.microsoft::QuickGelu': activation({
    form: (a) => {
      const alpha = a.float('alpha', 1.702)
      return (x) => x * sigmoid(alpha * x)
    },
    slope: (ctx, x, y) => swishSlope(ctx, x, y, ctx.float('alpha', 1.702)),
    cost: 6,
  }),
}
