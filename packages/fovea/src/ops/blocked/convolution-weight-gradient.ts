// The weight gradient of a blocked convolution: dW[o,c,k] = sum over n, p of dy[n,o,p] * x[n,c, p * stride + k].

import { sizeOf } from '../../graph/tensor.ts'
import { convolutionWeightGradient } from '../convolution-weight-gradient.ts'
import { numbers, reshapedTo } from '../emit.ts'
import type { GradientContext } from '../operator.ts'
import { extentOf } from '../windows.ts'
import type { BlockedConvolution } from './convolution-gradient.ts'
import { sumRows, takeRows } from './emit.ts'
import { blockedOp } from './layout.ts'
import { emitPacked } from './repack.ts'

/**
 * Emits the weight gradient in packed order.
 *
 * Lowerings (decision `BlockedConv.weight`; shapes large, weight, small):
 * - `images`: one convolution in which the pictures of the batch are the input channels, the channels of the input are pictures, and dy
 *   is the filter, as large as its planes: stride and dilation change places, and the whole sum runs inside the fastest kernel of
 *   the runtime. A picture may be cut into groups of rows that are channels of their own: small batches fill whole blocks by that,
 *   and the filter stays in the cache.
 * - `planes`: for depthwise kernels; every plane of the input is convolved with a plane of dy.
 * - `plain`: by way of the plain layout.
 */
export function emitWeightGradient(ctx: GradientContext, convolution: BlockedConvolution, dy: string): string {
  const { large, weight, small, kind, windows, block } = convolution
  const inBlock = kind === 'depthwise' ? 'planes' : 'images'
  const right = kind !== 'dense' || windows.dilations[1] === 1
  const groups = kind === 'dense' ? rowGroups(large[0]!, windows.output, block) : 1
  const worth = kind === 'depthwise' || wasteOf(large[0]! * groups, block) <= (kind === 'dense' ? 2 : 4)
  const chosen = ctx.choose({
    decision: 'BlockedConv.weight',
    shapes: [large, weight, small],
    candidates: right ? [inBlock, 'plain'] : ['plain'],
    preferred: right && worth ? inBlock : 'plain',
  })
  if (chosen === 'plain') return emitByPlainLayout(ctx, convolution, dy)
  if (kind === 'depthwise') return emitPlanes(ctx, convolution, dy)
  return kind === 'first' ? emitFirst(ctx, convolution, dy) : emitImages(ctx, convolution, dy, groups)
}

/** How many times the work is done where channels are filled up to whole blocks. */
function wasteOf(channels: number, block: number): number {
  return (Math.ceil(channels / block) * block) / channels
}

/** Pixels of dy in one channel of its filter from which on a filter leaves the second-level cache: 5 % of time at 64x64, none at 32x32. */
const cachedPixels = 256

/** Into how many groups of rows the output planes are cut, so that pictures times groups make whole blocks where that can be. */
export function rowGroups(samples: number, [rows, columns]: readonly number[], block: number): number {
  const divisors = Array.from({ length: rows! }, (_, i) => i + 1).filter((groups) => rows! % groups === 0)
  const least = Math.min(...divisors.map((groups) => wasteOf(samples * groups, block)))
  const good = divisors.filter((groups) => wasteOf(samples * groups, block) === least)
  return good.find((groups) => (rows! / groups) * columns! <= cachedPixels) ?? good[0]!
}

function emitPlanes(ctx: GradientContext, { large, small, weight, windows, block }: BlockedConvolution, dy: string): string {
  const [N, C, H, W] = large as [number, number, number, number]
  const [, , OH, OW] = small as [number, number, number, number]
  const { strides, dilations, begin, end } = windows
  const planes = [reshapedTo(ctx, ctx.input(0), [1, N * C, H, W]), reshapedTo(ctx, dy, [N * C, 1, OH, OW])]
  const pads = [...begin, ...end.map((pad) => Math.max(0, pad))]
  const sums = blockedOp(ctx.b, block, 'Conv', planes, {
    kernel_shape: [OH, OW],
    group: N * C,
    strides: dilations,
    dilations: strides,
    pads,
  })
  const cut = firstTaps(ctx, { windows, lead: (N * C) / block, width: block }, sums)
  const rows = reshapedTo(ctx, cut, [N, C * sizeOf(windows.kernel)])
  return reshapedTo(ctx, sumRows(ctx.b, rows), weight)
}

function emitImages(ctx: GradientContext, convolution: BlockedConvolution, dy: string, groups: number): string {
  const { b } = ctx
  const { large, weight, block } = convolution
  const [N, C] = large as [number, number]
  const [inner, outer] = [C / block, weight[0]! / block]
  const { value, windows } = subsampled(ctx, convolution)
  const { kernel, strides, dilations, begin, end, output, input } = windows
  const [top, left] = begin as [number, number]
  const [bottom, right] = end.map((pad) => Math.max(0, pad)) as [number, number]
  // Columns hold pixels and channels, so the padding between pixels is laid before, by a convolution that changes nothing.
  const width = (input[1]! + left + right) * block
  const pads = groups === 1 ? [0, left, 0, right] : [top, left, bottom, right]
  const ones = () => numbers(ctx, ctx.dtype(ctx.input(0)), [C, 1, 1, 1], new Array<number>(C).fill(1))
  const padded = pads.every((pad) => pad === 0)
    ? value
    : blockedOp(b, block, 'Conv', [value, ones()], { kernel_shape: [1, 1], group: C, pads })
  const each = output[0]! / groups
  const rows = groups === 1 ? input[0]! : (each - 1) * strides[0]! + extentOf(windows, 0)
  const channels =
    groups === 1
      ? channelsOutside(ctx, reshapedTo(ctx, padded, [N, inner, rows * width]), N, inner)
      : groupsOfRows(ctx, padded, { N, inner, groups, rows, step: each * strides[0]!, height: input[0]! + top + bottom, width })
  const images = asChannels(ctx, channels, [inner, N * groups, rows, width], block)
  const products = blockedOp(b, block, 'Conv', [images, gradientAsFilter(ctx, convolution, dy, groups)], {
    kernel_shape: [each, output[1]!],
    strides: [dilations[0]!, 1],
    dilations: [strides[0]!, strides[1]! * block],
    pads: groups === 1 ? [top, 0, bottom, 0] : undefined,
  })
  // Groups end where their last window does.
  const found = groups === 1 ? windows : { ...windows, end: [0, end[1]!] }
  const cut = firstTaps(ctx, { windows: found, lead: inner * outer, width: block * block }, products)
  return reshapedTo(ctx, exchanged(ctx, cut, inner, outer, sizeOf(kernel) * block * block), weight)
}

interface RowGroups {
  readonly N: number
  readonly inner: number
  readonly groups: number
  /** Rows that one group sees. */
  readonly rows: number
  /** Rows from one group to the next. */
  readonly step: number
  readonly height: number
  readonly width: number
}

/** [N, inner, height, width] as [inner, groups, N, rows, width]; rows at the borders of groups are taken twice. */
function groupsOfRows(ctx: GradientContext, value: string, { N, inner, groups, rows, step, height, width }: RowGroups): string {
  const key = `groups ${N} ${inner} ${groups} ${rows} ${step} ${height}`
  return takeRows(ctx.b, reshapedTo(ctx, value, [N * inner * height, width]), key, () =>
    Int32Array.from({ length: inner * groups * N * rows }, (_, i) => {
      const row = i % rows
      const n = Math.floor(i / rows) % N
      const group = Math.floor(i / (rows * N)) % groups
      const c = Math.floor(i / (rows * N * groups))
      return (n * inner + c) * height + group * step + row
    }),
  )
}

/** A kernel of one tap with a stride sees only some of the input: it alone goes on, or the convolution would compute taps to throw away. */
function subsampled(
  ctx: GradientContext,
  { windows, block }: BlockedConvolution,
): { value: string; windows: BlockedConvolution['windows'] } {
  const { kernel, strides, begin, end, output } = windows
  const skips = sizeOf(kernel) === 1 && strides.some((stride) => stride > 1) && [...begin, ...end].every((pad) => pad <= 0)
  if (!skips) return { value: ctx.input(0), windows }
  const value = blockedOp(ctx.b, block, 'MaxPool', [ctx.input(0)], { kernel_shape: [1, 1], strides })
  return { value, windows: { ...windows, input: output, strides: [1, 1], end: [0, 0] } }
}

/** For a plain input of few channels: the same without blocks of channels. */
function emitFirst(ctx: GradientContext, convolution: BlockedConvolution, dy: string): string {
  const { b } = ctx
  const { large, weight, block, windows } = convolution
  const [N, C, H, W] = large as [number, number, number, number]
  const [O] = weight as [number]
  const { kernel, strides, dilations, begin, end, output } = windows
  const [left, right] = [begin[1]!, Math.max(0, end[1]!)]
  const turned = b.op('Transpose', [ctx.input(0)], { perm: [1, 0, 2, 3] })
  const padded = left + right === 0 ? turned : b.op('Pad', [turned, b.ints([0, 0, 0, left, 0, 0, 0, right])])
  const images = asChannels(ctx, padded, [C, N, H, W + left + right], block)
  const products = blockedOp(b, block, 'Conv', [images, gradientAsFilter(ctx, convolution, dy, 1)], {
    kernel_shape: output,
    strides: dilations,
    dilations: strides,
    pads: [begin[0]!, 0, Math.max(0, end[0]!), 0],
  })
  const cut = firstTaps(ctx, { windows, lead: (C * O) / block, width: block }, products)
  return reshapedTo(ctx, exchanged(ctx, cut, C, O / block, sizeOf(kernel) * block), weight)
}

/** [samples, channels, rest] with channels outside. */
function channelsOutside(ctx: GradientContext, value: string, samples: number, channels: number): string {
  return samples === 1 || channels === 1 ? value : ctx.b.op('Transpose', [value], { perm: [1, 0, 2] })
}

/** [groups, N, H, W] in memory as a blocked value whose channels are the N, filled up with zeros. */
function asChannels(ctx: GradientContext, value: string, [groups, N, H, W]: readonly number[], block: number): string {
  const { b } = ctx
  const shaped = reshapedTo(ctx, value, [groups!, N!, H!, W!])
  const missing = (4 - (N! % 4)) % 4
  const even = missing === 0 ? shaped : b.op('Pad', [shaped, b.ints([0, 0, 0, 0, 0, missing, 0, 0])])
  const blocked = blockedOp(b, block, 'ReorderInput', [even])
  // The runtime's own shape inference does not see the channels that it adds.
  return N! % block === 0 ? blocked : reshapedTo(ctx, blocked, [groups!, Math.ceil(N! / block) * block, H!, W!])
}

/**
 * dy [N, O, OH, OW] as a packed weight [O, groups * N, OH / groups, OW]. Channels that are missing in the last block repeat others: they
 * meet zeros.
 */
function gradientAsFilter(ctx: GradientContext, { small, block }: BlockedConvolution, dy: string, groups: number): string {
  const [N, O, OH, OW] = small as [number, number, number, number]
  const outer = O / block
  const filled = Math.ceil((N * groups) / block) * block
  const each = OH / groups
  const table = reshapedTo(ctx, dy, [N * outer * OH * OW, block])
  const rows = takeRows(ctx.b, table, `filter ${N} ${outer} ${OH} ${OW} ${groups} ${block}`, () =>
    Int32Array.from({ length: outer * filled * each * OW }, (_, i) => {
      const pixel = Math.floor(i / block) % (each * OW)
      const blockOfChannels = Math.floor(i / (block * each * OW)) % (filled / block)
      const o = Math.floor(i / (each * OW * filled))
      const channel = (blockOfChannels * block + (i % block)) % (N * groups)
      return ((channel % N) * outer + o) * OH * OW + Math.floor(channel / N) * each * OW + pixel
    }),
  )
  return reshapedTo(ctx, rows, [O, filled, each, OW])
}

/** Drops taps that the kernel does not have: elements after the last window give them. Memory is [lead, rows, columns, width]. */
function firstTaps(
  ctx: GradientContext,
  { windows, lead, width }: { windows: BlockedConvolution['windows']; lead: number; width: number },
  value: string,
): string {
  const { kernel, dilations, end } = windows
  const found = kernel.map((size, axis) => size + Math.floor(Math.max(0, -end[axis]!) / dilations[axis]!))
  if (found.every((count, axis) => count === kernel[axis])) return value
  const { b } = ctx
  const view = reshapedTo(ctx, value, [lead, ...found, width])
  return b.op('Slice', [view, b.ints([0, 0]), b.ints(kernel), b.ints([1, 2])])
}

/** [inner, outer, width] as [outer, inner, width]. */
function exchanged(ctx: GradientContext, value: string, inner: number, outer: number, width: number): string {
  if (inner === 1 || outer === 1) return value
  return takeRows(ctx.b, reshapedTo(ctx, value, [inner * outer, width]), `exchange ${inner} ${outer}`, () =>
    Int32Array.from({ length: inner * outer }, (_, i) => (i % inner) * outer + Math.floor(i / inner)),
  )
}

function emitByPlainLayout(ctx: GradientContext, convolution: BlockedConvolution, dy: string): string {
  const { block, kind, large, small } = convolution
  const plain = (value: string, channels: number) => blockedOp(ctx.b, block, 'ReorderOutput', [value], { channels })
  const x = kind === 'first' ? ctx.input(0) : plain(ctx.input(0), large[1]!)
  return emitPacked(ctx, convolution, convolutionWeightGradient(ctx, convolution, x, plain(dy, small[1]!)))
}
