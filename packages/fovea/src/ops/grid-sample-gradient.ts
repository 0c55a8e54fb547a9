// Gradients of GridSample for its input and its grid, and of AffineGrid.

import { sizeOf } from '../graph/tensor.ts'
import { expanded, numbers, reduced, reshapedTo, transposed } from './emit.ts'
import { zeros } from './gradients.ts'
import { type AxisTaps, axisTaps, type Emission, emissionOf, type Tap } from './grid-taps.ts'
import { homogeneousPoints } from './homogeneous-points.ts'
import { stridesOf } from './ndarray.ts'
import type { GradientContext } from './operator.ts'

/** One of the elements that a point mixes: a tap of each axis. */
type Corner = readonly Tap[]

interface Parts {
  readonly emission: Emission
  readonly corners: readonly Corner[]
  readonly spatial: readonly number[]
  /** [N, C, positions] */
  readonly dims: readonly [N: number, C: number, positions: number]
  readonly dy: string
}

export function gridSampleGradient(ctx: GradientContext): (string | undefined)[] {
  const [N, C, ...spatial] = ctx.shape(ctx.input(0)) as [number, number, ...number[]]
  const positions = sizeOf(ctx.shape(ctx.output(0)).slice(2))
  const emission = emissionOf(ctx)
  const grid = reshapedTo(ctx, ctx.input(1), [N, positions, spatial.length])
  // The grid names coordinates from the last axis to the first.
  const axes = spatial.map((size, axis) => {
    const component = ctx.b.op('Gather', [grid, ctx.b.scalar(spatial.length - 1 - axis, 'int64')], { axis: 2 })
    return axisTaps(emission, component, size)
  })
  const corners = axes.reduce<Corner[]>((partial, { taps }) => partial.flatMap((corner) => taps.map((tap) => [...corner, tap])), [[]])
  const dy = reshapedTo(ctx, ctx.gradient(0)!, [N, C, positions])
  const parts: Parts = { emission, corners, spatial, dims: [N, C, positions], dy }
  return [ctx.needs(0) ? inputGradient(ctx, parts) : undefined, ctx.needs(1) ? gridGradient(ctx, parts, axes) : undefined]
}

/** Flattened positions of a corner's elements, [N, C, positions]. */
function elements(ctx: GradientContext, { spatial, dims }: Parts, corner: Corner): string {
  const strides = stridesOf(spatial)
  const terms = corner.map(({ element }, axis) =>
    strides[axis] === 1 ? element : ctx.b.op('Mul', [element, ctx.b.scalar(strides[axis]!, 'int64')]),
  )
  const sum = terms.reduce((total, term) => ctx.b.op('Add', [total, term]))
  return expanded(ctx, reshapedTo(ctx, sum, [dims[0], 1, dims[2]]), dims)
}

function product({ op }: Emission, factors: readonly (string | undefined)[]): string | undefined {
  const present = factors.filter((factor) => factor !== undefined)
  return present.length === 0 ? undefined : present.reduce((total, factor) => op('Mul', total, factor))
}

/** Every weighted gradient is added where its element lies. */
function inputGradient(ctx: GradientContext, parts: Parts): string {
  const { emission, corners, dims, spatial, dy } = parts
  const [N, C, positions] = dims
  const flows = corners.map((corner) => {
    const weight = product(
      emission,
      corner.map((tap) => tap.weight),
    )
    return weight === undefined ? dy : emission.op('Mul', dy, reshapedTo(ctx, weight, [N, 1, positions]))
  })
  const places = corners.map((corner) => elements(ctx, parts, corner))
  const joined = (list: readonly string[]) => (list.length === 1 ? list[0]! : ctx.b.op('Concat', list, { axis: 2 }))
  const empty = zeros(ctx, [N, C, sizeOf(spatial)], ctx.dtype(ctx.input(0)))
  const sum = ctx.b.op('ScatterElements', [empty, joined(places), joined(flows)], { axis: 2, reduction: 'add' })
  return reshapedTo(ctx, sum, [N, C, ...spatial])
}

/** Along each axis the weights' slopes, times what the gradient meets at the elements. */
function gridGradient(ctx: GradientContext, parts: Parts, axes: readonly AxisTaps[]): string {
  const { emission, corners, dims, spatial, dy } = parts
  const [N, C, positions] = dims
  const flat = reshapedTo(ctx, ctx.input(0), [N, C, sizeOf(spatial)])
  const met = corners.map((corner) => {
    const values = ctx.b.op('GatherElements', [flat, elements(ctx, parts, corner)], { axis: 2 })
    return reduced(ctx, 'ReduceSum', emission.op('Mul', dy, values), [1], false)
  })
  const components = axes.map(({ scale, folding }, axis) => {
    const terms = corners.flatMap((corner, i) => {
      const { slope } = corner[axis]!
      if (slope === undefined) return []
      const others = corner.map((tap, k) => (k === axis ? slope : tap.weight))
      return [product(emission, [met[i], ...others])!]
    })
    if (terms.length === 0) return reshapedTo(ctx, zeros(ctx, [N, positions], ctx.dtype(ctx.input(1))), [N, positions, 1])
    const sum = terms.reduce((total, term) => emission.op('Add', total, term))
    const scaled = emission.op('Mul', sum, scale)
    return reshapedTo(ctx, folding === undefined ? scaled : emission.op('Mul', scaled, folding), [N, positions, 1])
  })
  return reshapedTo(ctx, ctx.b.op('Concat', components.toReversed(), { axis: 2 }), ctx.shape(ctx.input(1)))
}

/** The grid is linear in theta: its gradient is a product with the points. */
export function affineGridGradient(ctx: GradientContext): (string | undefined)[] {
  const [N, ...rest] = ctx.shape(ctx.output(0)) as [number, ...number[]]
  const spatial = rest.slice(0, -1)
  const [axes, positions] = [spatial.length, sizeOf(spatial)]
  const points = homogeneousPoints(spatial, ctx.int('align_corners', 0) !== 0)
  const dy = transposed(ctx, reshapedTo(ctx, ctx.gradient(0)!, [N, positions, axes]), 3)
  return [ctx.b.op('MatMul', [dy, numbers(ctx, ctx.dtype(ctx.input(0)), [positions, axes + 1], [...points])])]
}
