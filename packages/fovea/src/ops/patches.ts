// Col2Im: patches of an image added up where they lie.

import { type Dim, floorDivideDims, formatDims, isStatic, productOfDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { reshapedTo } from './emit.ts'
import { ndarray } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { emitPatches, withExactEnd } from './window-gradient.ts'
import { tapPositions, type Windows, windowsOver } from './windows.ts'

function infer(ctx: InferContext): InferredValue[] {
  const [x, image, block] = [ctx.dims(0), ctx.contents(1), ctx.contents(2)]
  if (x !== undefined && x.length !== 3) ctx.fail('an input [N, C * block, positions]', formatDims(x))
  const channels: Dim = x === undefined || !isStatic(block) ? null : floorDivideDims(x[1]!, productOfDims(block))
  const spatial = image ?? imageAxes(ctx)
  return [{ type: tensorType(ctx.dtype(0), spatial && [x?.[0] ?? null, channels, ...spatial]) }]
}

function imageAxes(ctx: InferContext): Dim[] | undefined {
  const count = ctx.dims(1)?.[0]
  return typeof count === 'number' ? new Array<Dim>(count).fill(null) : undefined
}

function blocksOver(ctx: Attributes, x: readonly number[], image: readonly number[], block: readonly number[]): Windows {
  const windows = windowsOver(ctx, image, block)
  const positions = sizeOf(windows.output)
  if (x.length !== 3 || x[1]! % sizeOf(block) !== 0 || x[2] !== positions)
    ctx.fail(`an input [N, C * ${sizeOf(block)}, ${positions}]`, `[${x}]`)
  return windows
}

function evaluate(ctx: EvaluateContext) {
  const x = ctx.input(0)
  const image = [...ctx.input(1).data]
  const windows = blocksOver(ctx, x.dims, image, [...ctx.input(2).data])
  const taps = tapPositions(windows)
  const [N, columns, positions] = x.dims as [number, number, number]
  const C = columns / taps.length
  const y = ndarray(x.dtype, [N, C, ...image])
  const plane = sizeOf(image)
  for (let p = 0; p < N * C; p++)
    taps.forEach((position, tap) => {
      const from = (p * taps.length + tap) * positions
      for (let i = 0; i < positions; i++) {
        const at = position[i]!
        if (at < plane) y.data[p * plane + at]! += x.data[from + i]!
      }
    })
  return [y]
}

/** The patches of the gradient. */
function gradient(ctx: GradientContext): (string | undefined)[] {
  if (!ctx.needs(0)) return []
  const dims = ctx.shape(ctx.output(0))
  const x = ctx.shape(ctx.input(0))
  const block = ctx.constant(ctx.input(2)) ?? ctx.fail('a constant block shape')
  const windows = withExactEnd(blocksOver(ctx, x, dims.slice(2), [...block.data]))
  return [reshapedTo(ctx, emitPatches(ctx, windows, ctx.gradient(0)!, dims[0]! * dims[1]!), x)]
}

export const patches: OperatorFamily = {
  Col2Im: { infer, gradient, flops: (ctx) => sizeOf(ctx.inputDims(0)), evaluate },
}
