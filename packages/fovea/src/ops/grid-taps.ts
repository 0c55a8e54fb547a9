// What a point of GridSample reads along one axis, as nodes.

import { castTo, masked } from './emit.ts'
import { type Sampling, samplingOf } from './grid-sampling.ts'
import type { GradientContext } from './operator.ts'

/** One tap along an axis, each value of shape [N, positions]. */
export interface Tap {
  /** Position of the element it reads, int64. */
  readonly element: string
  /** How much it counts; undefined for 1. */
  readonly weight: string | undefined
  /** How the weight changes with the position; undefined where it does not. */
  readonly slope: string | undefined
}

export interface AxisTaps {
  readonly taps: readonly Tap[]
  /** Slope of the position in the grid's value, */
  readonly scale: number
  /** times this, where padding folds or clamps the position. */
  readonly folding: string | undefined
}

/** Shorthand for elementwise nodes: numbers become constants of the input's element type. */
export interface Emission {
  readonly ctx: GradientContext
  readonly sampling: Sampling
  op(op: string, ...inputs: (string | number)[]): string
}

export function emissionOf(ctx: GradientContext): Emission {
  const dtype = ctx.dtype(ctx.input(0))
  const named = (input: string | number) => (typeof input === 'number' ? ctx.scalar(input, dtype) : input)
  return { ctx, sampling: samplingOf(ctx), op: (op, ...inputs) => ctx.b.op(op, inputs.map(named)) }
}

/** The taps along an axis of `size` elements for a component of the grid. */
export function axisTaps(emission: Emission, component: string, size: number): AxisTaps {
  const { op, sampling } = emission
  const scale = sampling.alignCorners ? (size - 1) / 2 : size / 2
  const exact = op('Add', op('Mul', component, scale), (size - 1) / 2)
  if (sampling.mode === 'nearest') {
    const { position } = broughtBack(emission, op('Round', exact), size)
    return { taps: [tapAt(emission, op('Round', position), size)], scale, folding: undefined }
  }
  const { position, folding } = broughtBack(emission, exact, size)
  const floor = op('Floor', position)
  const t = op('Sub', position, floor)
  const [first, weights] =
    sampling.mode === 'linear' ? ([0, linearWeights(emission, t)] as const) : ([-1, cubicWeights(emission, t)] as const)
  const taps = weights.map((weight, i) => tapAt(emission, i + first === 0 ? floor : op('Add', floor, i + first), size, weight))
  return { taps, scale, folding }
}

interface Weight {
  readonly value: string
  readonly slope: string
}

function linearWeights({ op }: Emission, t: string): Weight[] {
  const one = op('Sub', t, t)
  const slope = op('Add', one, 1)
  return [
    { value: op('Sub', 1, t), slope: op('Neg', slope) },
    { value: t, slope },
  ]
}

/** Keys' kernel (1981) with a = -0.75, and its slope, for the taps floor - 1 to floor + 2. */
function cubicWeights({ op }: Emission, t: string): Weight[] {
  const a = -0.75
  // Horner's rule, the highest power first.
  const polynomial = (x: string, coefficients: readonly number[]) =>
    coefficients
      .slice(2)
      .reduce((sum, coefficient) => op('Add', op('Mul', sum, x), coefficient), op('Add', op('Mul', x, coefficients[0]!), coefficients[1]!))
  const near = [a + 2, -(a + 3), 0, 1]
  const far = [a, -5 * a, 8 * a, -4 * a]
  const slopeOf = ([cube, square, linear]: readonly number[]) => [3 * cube!, 2 * square!, linear!]
  const at = (x: string, kernel: readonly number[], rising: boolean): Weight => {
    const slope = polynomial(x, slopeOf(kernel))
    return { value: polynomial(x, kernel), slope: rising ? slope : op('Neg', slope) }
  }
  return [at(op('Add', t, 1), far, true), at(t, near, true), at(op('Sub', 1, t), near, false), at(op('Sub', 2, t), far, false)]
}

/** The position that padding makes of one outside the input, and the slope of that. */
function broughtBack(emission: Emission, position: string, size: number): { position: string; folding: string | undefined } {
  const { op, ctx, sampling } = emission
  // The cubic kernel brings back every element that it reads instead.
  if (sampling.padding === 'zeros' || sampling.mode === 'cubic') return { position, folding: undefined }
  if (sampling.padding === 'reflection') return reflected(emission, position, size)
  const clamped = op('Min', op('Max', position, 0), size - 1)
  return { position: clamped, folding: castTo(ctx, op('Equal', clamped, position), ctx.dtype(ctx.input(0))) }
}

/** A triangular wave between the outermost centres (or edges) of the axis. */
function reflected({ op, ctx, sampling }: Emission, position: string, size: number): { position: string; folding: string } {
  const [low, range] = sampling.alignCorners ? [0, size - 1] : [-0.5, size]
  const from = op('Sub', position, low)
  if (range === 0) {
    const nothing = op('Mul', position, 0)
    return { position: nothing, folding: nothing }
  }
  const distance = op('Abs', from)
  const period = ctx.scalar(2 * range, ctx.dtype(ctx.input(0)))
  const back = op('Sub', range, ctx.b.op('Mod', [distance, period], { fmod: 1 }))
  return { position: op('Add', op('Sub', range, op('Abs', back)), low), folding: op('Mul', op('Sign', from), op('Sign', back)) }
}

/** A tap at an element's position, given as a float: outside the input it counts nothing or reads what padding puts there. */
function tapAt(emission: Emission, index: string, size: number, weight?: Weight): Tap {
  const { op, ctx, sampling } = emission
  const inside = sampling.padding === 'reflection' && sampling.mode === 'cubic' ? reflected(emission, index, size).position : index
  const clamped = op('Min', op('Max', inside, 0), size - 1)
  const element = castTo(ctx, clamped, 'int64')
  if (sampling.padding !== 'zeros') return { element, weight: weight?.value, slope: weight?.slope }
  const dtype = ctx.dtype(ctx.input(0))
  const valid = op('Equal', clamped, index)
  if (weight === undefined) return { element, weight: castTo(ctx, valid, dtype), slope: undefined }
  return { element, weight: masked(ctx, weight.value, valid, dtype), slope: masked(ctx, weight.slope, valid, dtype) }
}
