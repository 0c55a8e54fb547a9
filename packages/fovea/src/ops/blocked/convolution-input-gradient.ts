// The input gradient of a blocked convolution.

import { convolutionInputGradient } from '../convolution-input-gradient.ts'
import { reshapedTo } from '../emit.ts'
import type { GradientContext } from '../operator.ts'
import type { BlockedConvolution } from './convolution-gradient.ts'
import { takeRows } from './emit.ts'
import { blockedOp } from './layout.ts'
import { emitUnpacked } from './repack.ts'

/** One axis of one phase: which taps meet positions `phase` + stride * m, in the order of a flipped kernel, and how they are laid. */
export interface PhaseAxis {
  readonly taps: readonly number[]
  readonly begin: number
  readonly end: number
  /** Positions of this phase. */
  readonly count: number
}

/**
 * Emits the input gradient.
 *
 * Lowerings (decision `BlockedConv.input`; shapes large, weight, small):
 * - `phases`: for each residue of the position by the stride a convolution with those taps of the transposed kernel that reach it (the
 *   sub-pixel form: Shi 2016, arXiv:1609.05158), interleaved by one Gather. With stride 1 that is the flipped kernel and no Gather.
 * - `plain`: by way of the plain layout.
 */
export function emitInputGradient(ctx: GradientContext, convolution: BlockedConvolution, dy: string): string {
  const { large, weight, small, kind } = convolution
  const phases = kind === 'first' ? undefined : phasesOf(convolution)
  const chosen = ctx.choose({
    decision: 'BlockedConv.input',
    shapes: [large, weight, small],
    candidates: phases === undefined ? ['plain'] : ['phases', 'plain'],
    preferred: phases === undefined ? 'plain' : 'phases',
  })
  return chosen === 'phases' ? emitPhases(ctx, convolution, dy, phases!) : emitByPlainLayout(ctx, convolution, dy)
}

/** The phases of both axes, or undefined where one would have to cut its operand. */
export function phasesOf({ windows }: Pick<BlockedConvolution, 'windows'>): (readonly PhaseAxis[])[] | undefined {
  const { strides, dilations } = windows
  const strided = strides.some((stride) => stride > 1)
  if (strided && dilations.some((dilation) => dilation > 1)) return undefined
  const axes = strides.map((stride, axis) => Array.from({ length: stride }, (_, phase) => phaseOf(windows, axis, phase)))
  return axes.every((list) => list.every(({ begin, end, taps }) => taps.length === 0 || (begin >= 0 && end >= 0))) ? axes : undefined
}

/** dx[stride * m + phase] = sum over taps t of dy[m + (phase + pad - t * dilation) / stride] * w[t], where that is whole. */
function phaseOf(windows: BlockedConvolution['windows'], axis: number, phase: number): PhaseAxis {
  const [stride, dilation, pad] = [windows.strides[axis]!, windows.dilations[axis]!, windows.begin[axis]!]
  const count = Math.max(0, Math.ceil((windows.input[axis]! - phase) / stride))
  const taps: number[] = []
  for (let tap = windows.kernel[axis]! - 1; tap >= 0 && count > 0; tap--) if ((phase + pad - tap * dilation) % stride === 0) taps.push(tap)
  const begin = taps.length === 0 ? 0 : (taps[0]! * dilation - phase - pad) / stride
  const step = stride === 1 ? dilation : 1
  const end = count - windows.output[axis]! - begin + (taps.length - 1) * step
  return { taps, begin, end, count }
}

function emitPhases(
  ctx: GradientContext,
  convolution: BlockedConvolution,
  dy: string,
  [rows, columns]: readonly (readonly PhaseAxis[])[],
): string {
  const { windows, large } = convolution
  const kernel = transposedKernel(ctx, convolution)
  const parts = rows!.map((row) =>
    columns!.map((column) =>
      row.taps.length === 0 || column.taps.length === 0
        ? undefined
        : blockedOp(ctx.b, convolution.block, 'Conv', [dy, kernel(row.taps, column.taps)], {
            kernel_shape: [row.taps.length, column.taps.length],
            pads: [row.begin, column.begin, row.end, column.end],
            dilations: windows.strides.every((stride) => stride === 1) ? windows.dilations : undefined,
            group: convolution.kind === 'depthwise' ? large[1]! : 1,
          }),
    ),
  )
  return interleaved(ctx, large, convolution.block, parts, rows!, columns!)
}

/** Returns a function that takes taps of the kernel with input and output channels exchanged. */
function transposedKernel(ctx: GradientContext, { kind, weight, block, windows }: BlockedConvolution) {
  const { b } = ctx
  const [O, each] = weight as [number, number]
  const [, columns] = windows.kernel as [number, number]
  const taps = windows.kernel[0]! * columns
  const outer = O / block
  const inner = kind === 'dense' ? each / block : 1
  const width = kind === 'dense' ? block * block : block
  // [O/B, I/B, taps, Bi, Bo] in rows of one tap; a reorder of pictures B x 1 with B channels transposes each row.
  const given = ctx.input(1)
  const turned =
    kind === 'dense' ? blockedOp(b, block, 'ReorderInput', [reshapedTo(ctx, given, [outer * inner * taps, block, block, 1])]) : given
  const table = reshapedTo(ctx, turned, [outer * inner * taps, width])
  return (rowTaps: readonly number[], columnTaps: readonly number[]): string => {
    const order = rowTaps.flatMap((row) => columnTaps.map((column) => row * columns + column))
    const whole = order.every((tap, i) => tap === i) && order.length === taps && (inner === 1 || outer === 1)
    const picked = whole
      ? table
      : takeRows(b, table, `kernel ${outer} ${inner} ${taps} ${order}`, () =>
          Int32Array.from({ length: outer * inner * order.length }, (_, i) => {
            const at = Math.floor(i / order.length)
            const [to, from] = [Math.floor(at / outer), at % outer]
            return (from * inner + to) * taps + order[i % order.length]!
          }),
        )
    const dims = kind === 'dense' ? [each, O] : [O, 1]
    return reshapedTo(ctx, picked, [...dims, rowTaps.length, columnTaps.length])
  }
}

/** Puts the parts of all phases in their places: a Gather of whole blocks, which the runtime does on all threads. */
export function interleaved(
  ctx: GradientContext,
  dims: readonly number[],
  block: number,
  parts: readonly (readonly (string | undefined)[])[],
  rows: readonly PhaseAxis[],
  columns: readonly PhaseAxis[],
): string {
  const { b } = ctx
  const [N, C, H, W] = dims as [number, number, number, number]
  const [down, across] = [rows.length, columns.length]
  if (down === 1 && across === 1) return parts[0]![0]!
  const planes = (N * C) / block
  let total = 0
  const firsts = parts.map((line, i) =>
    line.map((part, j) => {
      if (part === undefined) return -1
      const first = total
      total += planes * rows[i]!.count * columns[j]!.count
      return first
    }),
  )
  const tables = parts.flatMap((line, i) =>
    line.flatMap((part, j) => (part === undefined ? [] : [reshapedTo(ctx, part, [planes * rows[i]!.count * columns[j]!.count, block])])),
  )
  const empty = firsts.some((line) => line.includes(-1))
  const zero = ctx.scalar(0, ctx.dtype(ctx.input(0)))
  if (empty) tables.push(b.op('Expand', [zero, b.ints([1, block])]))
  const table = tables.length === 1 ? tables[0]! : b.op('Concat', tables, { axis: 0 })
  const index = () =>
    Int32Array.from({ length: planes * H * W }, (_, i) => {
      const [plane, y, x] = [Math.floor(i / (H * W)), Math.floor(i / W) % H, i % W]
      const first = firsts[y % down]![x % across]!
      if (first < 0) return total
      const [height, width] = [rows[y % down]!.count, columns[x % across]!.count]
      return first + (plane * height + Math.floor(y / down)) * width + Math.floor(x / across)
    })
  const key = `phases ${planes} ${H} ${W} ${down} ${across} ${firsts.map((line) => line.map((first) => (first < 0 ? '-' : '+')).join('')).join('/')}`
  return reshapedTo(ctx, takeRows(b, table, key, index), dims)
}

function emitByPlainLayout(ctx: GradientContext, convolution: BlockedConvolution, dy: string): string {
  const { block, kind, small } = convolution
  const plain = blockedOp(ctx.b, block, 'ReorderOutput', [dy], { channels: small[1]! })
  const dx = convolutionInputGradient(ctx, convolution, plain, emitUnpacked(ctx, convolution, ctx.input(1)))
  return kind === 'first' ? dx : blockedOp(ctx.b, block, 'ReorderInput', [dx])
}
