// Elementwise arithmetic of two and more values under numpy's broadcasting, on floats and integers.

import { isInteger } from '../graph/data-type.ts'
import { addDims, type Dim, floorDivideDims, isStatic, multiplyDims, subtractDims } from '../graph/dims.ts'
import { sizeOf } from '../graph/tensor.ts'
import { castTo, masked } from './emit.ts'
import { wrapTo } from './integers.ts'
import { broadcastShape, broadcastStrides, forEachOffset, mapArray, type NDArray, zipArrays } from './ndarray.ts'
import type {
  EvaluateContext,
  GradientContext,
  GradientRule,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { zeroGradient } from './operator.ts'
import { flopsPerOutput, inferBroadcast, sameAsFirstInput } from './rules.ts'

/** Combines two inputs elementwise; the shapes are checked with a coded error. */
export function combine(ctx: EvaluateContext, f: (x: number, y: number) => number, dtype = ctx.input(0).dtype): NDArray {
  return combineArrays(ctx, ctx.input(0), ctx.input(1), f, dtype)
}

function combineArrays(ctx: EvaluateContext, a: NDArray, b: NDArray, f: (x: number, y: number) => number, dtype = a.dtype): NDArray {
  if (broadcastShape(a.dims, b.dims) === undefined) ctx.fail('shapes that broadcast', `[${a.dims}] and [${b.dims}]`)
  return zipArrays(a, b, f, dtype)
}

/** Known elements of a result, from those of two inputs: how sizes are followed through the arithmetic of shapes. */
export function combineContents(ctx: InferContext, f: (a: Dim, b: Dim) => Dim): readonly Dim[] | undefined {
  const [a, b, from, other] = [ctx.contents(0), ctx.contents(1), ctx.dims(0), ctx.dims(1)]
  if (a === undefined || b === undefined || !isStatic(from) || !isStatic(other)) return undefined
  const dims = broadcastShape(from, other)
  if (dims === undefined) return undefined
  const contents: Dim[] = new Array(sizeOf(dims))
  forEachOffset(dims, [broadcastStrides(from, dims), broadcastStrides(other, dims)], (i, at) => {
    contents[i] = f(a[at[0]!]!, b[at[1]!]!)
  })
  return contents
}

function sameTypes(ctx: InferContext): void {
  for (let i = 1; i < ctx.inputCount; i++)
    if (ctx.dtype(i) !== ctx.dtype(0)) ctx.fail('inputs of one element type', `${ctx.dtype(0)} and ${ctx.dtype(i)}`)
}

interface Binary {
  readonly f: (x: number, y: number) => number
  /** Meaning on integers, where it differs. */
  readonly onIntegers?: (x: number, y: number) => number
  /** What becomes of known sizes. */
  readonly contents?: (a: Dim, b: Dim) => Dim
  readonly gradient: OperatorDefinition['gradient']
}

function binary({ f, onIntegers = f, contents, gradient }: Binary): OperatorDefinition {
  return {
    infer: (ctx) => {
      sameTypes(ctx)
      const [value] = inferBroadcast(ctx) as [InferredValue]
      const known = contents === undefined ? undefined : combineContents(ctx, contents)
      return [known === undefined ? value : { ...value, contents: known }]
    },
    gradient,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => {
      const { dtype } = ctx.input(0)
      if (!isInteger(dtype)) return [combine(ctx, f)]
      const wrap = wrapTo(dtype)
      return [combine(ctx, (x, y) => wrap(onIntegers(x, y)))]
    },
  }
}

/** The gradient of an input that was broadcast to the shape of output 0. */
function back(ctx: GradientContext, gradient: string, input: number): string {
  return ctx.unbroadcast(gradient, ctx.shape(ctx.output(0)), ctx.input(input))
}

/** One gradient per input, each only where it is wanted. */
function perInput(ctx: GradientContext, rule: (input: number) => string): (string | undefined)[] {
  return Array.from({ length: ctx.inputCount }, (_, i) => (ctx.hasInput(i) && ctx.needs(i) ? rule(i) : undefined))
}

const product: GradientRule = (ctx) => perInput(ctx, (i) => back(ctx, ctx.b.op('Mul', [ctx.gradient(0), ctx.input(1 - i)]), i))

/** a / b: da = dy / b, db = -dy * y / b. The sign is turned after the sum, where the array is small. */
const ratio: GradientRule = (ctx) => {
  const { b } = ctx
  const da = b.op('Div', [ctx.gradient(0), ctx.input(1)])
  return perInput(ctx, (i) => (i === 0 ? back(ctx, da, 0) : b.op('Neg', [back(ctx, b.op('Mul', [da, ctx.output(0)]), 1)])))
}

/** x^p: dx = dy * p * x^(p-1), dp = dy * y * log(x), which is taken as 0 where x is not positive. */
const power: GradientRule = (ctx) => {
  const { b } = ctx
  const [x, p, dy] = [ctx.input(0), ctx.input(1), ctx.gradient(0)!]
  const dtype = ctx.dtype(x)
  return perInput(ctx, (i) => {
    if (i === 0) return back(ctx, b.op('Mul', [dy, powerSlope(ctx, x, p)]), 0)
    const positive = b.op('Greater', [x, ctx.scalar(0, dtype)])
    const log = b.op('Log', [b.op('Where', [positive, x, ctx.scalar(1, dtype)])])
    const dp = b.op('Mul', [dy, b.op('Mul', [ctx.output(0), log])])
    return back(ctx, ctx.dtype(p) === dtype ? dp : castTo(ctx, dp, ctx.dtype(p)), 1)
  })
}

/** p * x^(p-1), without a power where the exponent is 1, 2 or 3. */
function powerSlope(ctx: GradientContext, x: string, p: string): string {
  const { b } = ctx
  const dtype = ctx.dtype(x)
  const known = ctx.constant(p)
  const exponent = known?.data.length === 1 ? known.data[0]! : undefined
  if (exponent === 1) return ctx.scalar(1, dtype)
  if (exponent === 2) return b.op('Mul', [x, ctx.scalar(2, dtype)])
  if (exponent === 3) return b.op('Mul', [b.op('Mul', [x, x]), ctx.scalar(3, dtype)])
  if (exponent !== undefined) return b.op('Mul', [b.op('Pow', [x, ctx.scalar(exponent - 1, dtype)]), ctx.scalar(exponent, dtype)])
  const own = ctx.dtype(p) === dtype ? p : castTo(ctx, p, dtype)
  return b.op('Mul', [b.op('Pow', [x, b.op('Sub', [own, ctx.scalar(1, dtype)])]), own])
}

const pow: OperatorDefinition = {
  infer: (ctx) => inferBroadcast(ctx),
  gradient: power,
  flops: flopsPerOutput(10),
  evaluate: (ctx) => {
    const { dtype } = ctx.input(0)
    const wrap = wrapTo(dtype)
    return [combine(ctx, (x, y) => wrap(x ** y), dtype)]
  },
}

const mod: OperatorDefinition = {
  infer: (ctx) => {
    sameTypes(ctx)
    const [value] = inferBroadcast(ctx) as [InferredValue]
    const known = combineContents(ctx, (a, b) =>
      typeof a === 'number' && typeof b === 'number' && b !== 0 ? remainder(a, b, ctx.int('fmod', 0)) : null,
    )
    return [known === undefined ? value : { ...value, contents: known }]
  },
  /** a - b * trunc(a / b) with fmod, a - b * floor(a / b) without: the quotient is constant between its steps. */
  gradient: (ctx) => {
    const { b } = ctx
    const dy = ctx.gradient(0)!
    return perInput(ctx, (i) => {
      if (i === 0) return back(ctx, dy, 0)
      const quotient = b.op('Div', [ctx.input(0), ctx.input(1)])
      const whole = b.op('Mul', [b.op('Sign', [quotient]), b.op('Floor', [b.op('Abs', [quotient])])])
      const steps = ctx.int('fmod', 0) === 0 ? b.op('Floor', [quotient]) : whole
      return b.op('Neg', [back(ctx, b.op('Mul', [dy, steps]), 1)])
    })
  },
  flops: flopsPerOutput(1),
  evaluate: (ctx) => [combine(ctx, (x, y) => remainder(x, y, ctx.int('fmod', 0)))],
}

/** The remainder with the sign of the dividend (fmod) or of the divisor. */
function remainder(x: number, y: number, fmod: number): number {
  const rest = x % y
  return fmod !== 0 || rest === 0 || rest < 0 === y < 0 ? rest + 0 : rest + y
}

interface Variadic {
  readonly f: (x: number, y: number) => number
  /** Applied to the result of all inputs. */
  readonly finish?: (sum: number, count: number) => number
  readonly contents?: (a: Dim, b: Dim) => Dim
  readonly gradient: OperatorDefinition['gradient']
}

function variadic({ f, finish, contents, gradient }: Variadic): OperatorDefinition {
  return {
    infer: (ctx) => {
      sameTypes(ctx)
      const [value] = inferBroadcast(ctx) as [InferredValue]
      const known = contents !== undefined && ctx.inputCount === 2 ? combineContents(ctx, contents) : undefined
      return [known === undefined ? value : { ...value, contents: known }]
    },
    gradient,
    flops: (ctx) => flopsPerOutput(Math.max(0, ctx.node.inputs.length - 1))(ctx),
    evaluate: (ctx) => {
      const wrap = wrapTo(ctx.input(0).dtype)
      const arrays = ctx.inputs.map((_, i) => ctx.input(i))
      const all = arrays.reduce((a, b) => combineArrays(ctx, a, b, (x, y) => wrap(f(x, y))))
      return [finish === undefined ? all : mapArray(all, (x) => finish(x, arrays.length))]
    },
  }
}

/** The gradient goes to the first input that equals the result, so that equal inputs do not count twice. */
const extremum: GradientRule = (ctx) => {
  const { b } = ctx
  const [y, dy] = [ctx.output(0), ctx.gradient(0)!]
  let taken: string | undefined
  return Array.from({ length: ctx.inputCount }, (_, i) => {
    const equal = b.op('Equal', [ctx.input(i), y])
    const chosen = taken === undefined ? equal : b.op('And', [equal, b.op('Not', [taken])])
    taken = taken === undefined ? equal : b.op('Or', [taken, equal])
    return ctx.needs(i) ? back(ctx, masked(ctx, dy, chosen, ctx.dtype(y)), i) : undefined
  })
}

const sum: GradientRule = (ctx) => perInput(ctx, (i) => back(ctx, ctx.gradient(0)!, i))

const mean: GradientRule = (ctx) => {
  const share = ctx.scalar(1 / ctx.inputCount, ctx.dtype(ctx.output(0)))
  const part = ctx.b.op('Mul', [ctx.gradient(0), share])
  return perInput(ctx, (i) => back(ctx, part, i))
}

const wholeNumbers = zeroGradient('the operator acts on bits of whole numbers')

/** An operator on the bits of whole numbers. BigInt, because numbers have 64 bits here and JavaScript's operators 32. */
function bitwise(f: (x: bigint, y: bigint, ctx: EvaluateContext) => bigint): OperatorDefinition {
  return {
    infer: (ctx) => {
      sameTypes(ctx)
      return inferBroadcast(ctx)
    },
    gradient: wholeNumbers,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => {
      const wrap = wrapTo(ctx.input(0).dtype)
      return [combine(ctx, (x, y) => wrap(Number(f(BigInt(x), BigInt(y), ctx))))]
    },
  }
}

const bitwiseNot: OperatorDefinition = {
  infer: sameAsFirstInput,
  gradient: wholeNumbers,
  flops: flopsPerOutput(1),
  evaluate: (ctx) => {
    const x = ctx.input(0)
    const wrap = wrapTo(x.dtype)
    return [mapArray(x, (value) => wrap(-1 - value))]
  },
}

const pick = (choose: (a: number, b: number) => number) => (a: Dim, b: Dim) => {
  if (typeof a === 'number' && typeof b === 'number') return choose(a, b)
  return a === b ? a : null
}

export const arithmetic: OperatorFamily = {
  Add: binary({ f: (x, y) => x + y, contents: addDims, gradient: sum }),
  Sub: binary({
    f: (x, y) => x - y,
    contents: subtractDims,
    gradient: (ctx) => perInput(ctx, (i) => (i === 0 ? back(ctx, ctx.gradient(0)!, 0) : ctx.b.op('Neg', [back(ctx, ctx.gradient(0)!, 1)]))),
  }),
  Mul: binary({ f: (x, y) => x * y, contents: multiplyDims, gradient: product }),
  Div: binary({
    f: (x, y) => x / y,
    onIntegers: (x, y) => Math.trunc(x / y),
    contents: (a, b) => (typeof a === 'number' && typeof b === 'number' ? (b === 0 ? null : Math.trunc(a / b)) : floorDivideDims(a, b)),
    gradient: ratio,
  }),
  Pow: pow,
  Mod: mod,

  Min: variadic({ f: Math.min, contents: pick(Math.min), gradient: extremum }),
  Max: variadic({ f: Math.max, contents: pick(Math.max), gradient: extremum }),
  Sum: variadic({ f: (x, y) => x + y, gradient: sum }),
  Mean: variadic({ f: (x, y) => x + y, finish: (total, count) => total / count, gradient: mean }),

  BitShift: bitwise((x, by, ctx) => (ctx.string('direction') === 'LEFT' ? x << by : x >> by)),
  BitwiseAnd: bitwise((x, y) => x & y),
  BitwiseOr: bitwise((x, y) => x | y),
  BitwiseXor: bitwise((x, y) => x ^ y),
  BitwiseNot: bitwiseNot,
}
