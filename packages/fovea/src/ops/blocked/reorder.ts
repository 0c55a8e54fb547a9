// ReorderInput and ReorderOutput: from the plain layout to the blocked one and back.

import { type Dim, formatDims } from '../../graph/dims.ts'
import { tensorType } from '../../graph/model.ts'
import { type NDArray, ndarray } from '../ndarray.ts'
import type { EvaluateContext, InferContext, InferredValue, OperatorFamily } from '../operator.ts'
import { noFlops } from '../rules.ts'
import { blockedOp, blockOf, toBlocked, toPlain } from './layout.ts'

/** Channels are filled up with zeros to whole blocks; the kernel wants a multiple of four. */
function filledChannels(ctx: InferContext | EvaluateContext, channels: number): number {
  const block = blockOf(ctx)
  if (channels % Math.min(4, block) !== 0) ctx.fail('channels that are a multiple of 4', `${channels}`)
  return Math.ceil(channels / block) * block
}

function checkLayout(ctx: InferContext | EvaluateContext): void {
  if (ctx.int('channels_last', 0) !== 0) ctx.fail('channels_last of 0, the order that is supported here', '1')
}

function inferChannels(ctx: InferContext, channelsOf: (channels: Dim) => Dim): InferredValue[] {
  checkLayout(ctx)
  const x = ctx.dims(0)
  if (x !== undefined && x.length !== 4) ctx.fail('an input [N, C, H, W]', formatDims(x))
  return [
    {
      type: tensorType(
        ctx.dtype(0),
        x?.map((dim, axis) => (axis === 1 ? channelsOf(dim) : dim)),
      ),
    },
  ]
}

function withChannels(x: NDArray, channels: number): NDArray {
  const [N, C, ...spatial] = x.dims as [number, number, ...number[]]
  if (C === channels) return x
  const plane = spatial.reduce((product, size) => product * size, 1)
  const y = ndarray(x.dtype, [N, channels, ...spatial])
  for (let n = 0; n < N; n++) {
    const kept = x.data.subarray(n * C * plane, (n * C + Math.min(C, channels)) * plane)
    y.data.set(kept, n * channels * plane)
  }
  return y
}

export const blockedReorders: OperatorFamily = {
  'com.microsoft.nchwc::ReorderInput': {
    infer: (ctx) => inferChannels(ctx, (dim) => (typeof dim === 'number' ? filledChannels(ctx, dim) : dim)),
    gradient: (ctx) => [blockedOp(ctx.b, blockOf(ctx), 'ReorderOutput', [ctx.gradient(0)], { channels: ctx.shape(ctx.input(0))[1]! })],
    flops: noFlops,
    evaluate: (ctx) => {
      checkLayout(ctx)
      const x = ctx.input(0)
      return [toBlocked(withChannels(x, filledChannels(ctx, x.dims[1]!)), blockOf(ctx))]
    },
  },
  'com.microsoft.nchwc::ReorderOutput': {
    infer: (ctx) => inferChannels(ctx, () => ctx.int('channels')),
    gradient: (ctx) => [blockedOp(ctx.b, blockOf(ctx), 'ReorderInput', [ctx.gradient(0)])],
    flops: noFlops,
    evaluate: (ctx) => {
      checkLayout(ctx)
      return [withChannels(toPlain(ctx.input(0), blockOf(ctx)), ctx.int('channels'))]
    },
  },
}
