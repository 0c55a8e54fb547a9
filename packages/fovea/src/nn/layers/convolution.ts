// Convolution.

import { FoveaError } from '../../util/errors.ts'
import { type Initialiser, kaimingNormal, uniformByFan } from '../initialisers.ts'
import type { Feature, ModuleBuilder } from '../module.ts'

/** One number for both directions, or [height, width]. */
export type Size2d = number | readonly [height: number, width: number]

export interface ConvOptions {
  /** Number of output channels. */
  readonly out: number
  readonly kernel: Size2d
  /** @default 1 */
  readonly stride?: number
  /** Zeros added on each side. @default half the kernel, which keeps the size at stride 1 */
  readonly padding?: Size2d
  /** @default 1 */
  readonly dilation?: number
  /** Groups of channels that do not mix; as many as channels make it depthwise. @default 1 */
  readonly groups?: number
  /** @default true; leave it out before a BatchNorm, which has its own */
  readonly bias?: boolean
  /** @default normal, keeping the variance of gradients behind a ReLU (He 2015) */
  readonly initialise?: Initialiser
  /** First values of the bias. @default uniform by fan in, as torch has it */
  readonly initialiseBias?: Initialiser
}

/**
 * 2-D convolution, [N, C, H, W] to [N, out, H', W']. Parameters: `weight` [out, C / groups, kh, kw] and `bias` [out].
 *
 * @throws FoveaError NN_OPTION_INVALID where channels do not divide into the groups
 */
export function conv2d(m: ModuleBuilder, name: string, x: Feature, options: ConvOptions): Feature {
  return sharedConv2d(m, name, [x], options)[0]!
}

/**
 * The same convolution, weights and all, over several maps of equally many channels, as heads have it over the levels of a pyramid.
 *
 * @throws FoveaError NN_OPTION_INVALID as `conv2d`
 */
export function sharedConv2d(m: ModuleBuilder, name: string, maps: readonly Feature[], options: ConvOptions): Feature[] {
  const { out, stride = 1, dilation = 1, groups = 1, bias = true } = options
  const { initialise = kaimingNormal({ mode: 'fanOut', groups }), initialiseBias } = options
  const [height, width] = pair(options.kernel)
  const [top, left] = pair(options.padding ?? [sameMargin(height, dilation), sameMargin(width, dilation)])
  const { channels } = maps[0]!
  const unlike = maps.find((map) => map.channels !== channels)
  if (channels % groups !== 0 || out % groups !== 0 || unlike !== undefined)
    throw new FoveaError('NN_OPTION_INVALID', {
      field: m.path(name),
      expected: unlike === undefined ? `channels that divide into ${groups} groups` : `maps of ${channels} channels`,
      found: unlike === undefined ? `${channels} in, ${out} out` : `one of ${unlike.channels}`,
    })
  const dims = [out, channels / groups, height, width]
  const layer = m.module(name)
  const parameters = [layer.parameter('weight', 'weight', dims, initialise)]
  const fanIn = (channels / groups) * height * width
  if (bias) parameters.push(layer.parameter('bias', 'bias', [out], initialiseBias ?? uniformByFan(fanIn)))
  return maps.map((map) => {
    const value = m.op(name, 'Conv', [map.value, ...parameters], {
      kernel_shape: [height, width],
      strides: [stride, stride],
      pads: [top, left, top, left],
      dilations: [dilation, dilation],
      group: groups,
    })
    return { value, channels: out, stride: map.stride * stride }
  })
}

/** Padding that keeps the size of a map at stride 1, for odd kernels. */
export function sameMargin(kernel: number, dilation = 1): number {
  return Math.floor((dilation * (kernel - 1)) / 2)
}

export function pair(size: Size2d): readonly [height: number, width: number] {
  return typeof size === 'number' ? [size, size] : size
}
