// Compositions that many networks share.

import { FoveaError } from '../../util/errors.ts'
import type { Initialiser } from '../initialisers.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { type Activation, activation } from './activation.ts'
import { conv2d } from './convolution.ts'
import { globalAveragePool } from './pooling.ts'

/** Sum of two branches. @throws FoveaError NN_OPTION_INVALID where their channels or strides differ */
export function add(m: ModuleBuilder, name: string, a: Feature, b: Feature): Feature {
  if (a.channels !== b.channels || a.stride !== b.stride)
    throw new FoveaError('NN_OPTION_INVALID', {
      field: m.path(name),
      expected: `two branches of ${a.channels} channels at stride ${a.stride}`,
      found: `${b.channels} channels at stride ${b.stride}`,
    })
  return { ...a, value: m.op(name, 'Add', [a.value, b.value]) }
}

export interface SqueezeExciteOptions {
  /** Channels between the two layers. @default a sixteenth of the input's */
  readonly squeezed?: number
  /** @default 'relu' */
  readonly activation?: Activation
  /** @default 'sigmoid' */
  readonly gate?: Activation
  /** Names of the two layers. @default 'fc1', 'fc2' */
  readonly layers?: readonly [reduce: string, expand: string]
  /** First values of the biases. @default uniform by fan in, as torch has it */
  readonly initialiseBias?: Initialiser
}

/** Squeeze-and-excitation (Hu 2018): scales each channel by a gate that sees the whole map. Layers: two 1x1 convolutions. */
export function squeezeExcite(m: ModuleBuilder, name: string, x: Feature, options: SqueezeExciteOptions = {}): Feature {
  const { squeezed = Math.max(1, Math.round(x.channels / 16)), activation: inner = 'relu', gate = 'sigmoid' } = options
  const [reduce, expand] = options.layers ?? ['fc1', 'fc2']
  const biases = options.initialiseBias === undefined ? {} : { initialiseBias: options.initialiseBias }
  const se = m.module(name)
  const pooled = globalAveragePool(se, 'pool', x)
  const hidden = activation(se, 'act', conv2d(se, reduce, pooled, { out: squeezed, kernel: 1, ...biases }), inner)
  const scale = activation(se, 'gate', conv2d(se, expand, hidden, { out: x.channels, kernel: 1, ...biases }), gate)
  return { ...x, value: m.op(name, 'Mul', [x.value, scale.value]) }
}
