// Transformer layers on tokens: self-attention and the block around it (Vaswani 2017, arXiv:1706.03762; Dosovitskiy 2021, arXiv:2010.11929).

import { truncatedNormal, zeros } from '../initialisers.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { type Activation, activation } from './activation.ts'
import { add } from './blocks.ts'
import { linear } from './linear.ts'
import { layerNorm } from './normalisation.ts'

export interface AttentionOptions {
  readonly heads: number
  /** Number of axes of the tokens: [N, L, C] has 3, with more axes before the last two it has more. @default 3 */
  readonly rank?: number
}

/**
 * Multi-head self-attention. Parameters as timm has them: `qkv` [3 C, C] and `proj` [C, C], each with a bias.
 *
 * @param x tokens [..., L, C]
 */
export function selfAttention(m: ModuleBuilder, name: string, x: Feature, { heads, rank = 3 }: AttentionOptions): Feature {
  const a = m.module(name)
  const { channels } = x
  const size = channels / heads
  const dense = (layer: string, input: Feature, out: number) =>
    linear(a, layer, input, { out, rank, initialise: truncatedNormal(0.02), initialiseBias: zeros })
  const parts = a.b.ops('Split', [dense('qkv', x, 3 * channels).value], 3, { axis: -1, num_outputs: 3 })
  const leading = Array.from({ length: rank - 1 }, (_, axis) => axis)
  // Heads go before the tokens, [..., heads, L, size]; keys are turned, so that a product with the queries gives [L, L].
  const outer = leading.slice(0, -1)
  const [token, head, channel] = [rank - 2, rank - 1, rank]
  const split = (part: string, hint: string, perm: readonly number[]) => {
    const shaped = a.op(`${hint}_heads`, 'Reshape', [part, a.b.ints([...leading.map(() => 0), heads, size])])
    return a.op(hint, 'Transpose', [shaped], { perm })
  }
  const q = split(parts[0]!, 'q', [...outer, head, token, channel])
  const k = split(parts[1]!, 'k', [...outer, head, channel, token])
  const v = split(parts[2]!, 'v', [...outer, head, token, channel])
  const scaled = a.op('scaled', 'Mul', [q, a.scalar(1 / Math.sqrt(size))])
  const weights = a.op('weights', 'Softmax', [a.op('scores', 'MatMul', [scaled, k])], { axis: -1 })
  const mixed = a.op('mixed', 'MatMul', [weights, v])
  const joined = a.op('joined', 'Transpose', [mixed], { perm: [...outer, head, token, channel] })
  const tokens = a.op('tokens', 'Reshape', [joined, a.b.ints([...leading.map(() => 0), channels])])
  return dense('proj', { ...x, value: tokens }, channels)
}

export interface TransformerBlockOptions extends AttentionOptions {
  /** Channels within the perceptron for each outside it. @default 4 */
  readonly expansion?: number
  /** @default 'gelu' */
  readonly activation?: Activation
  /** Of the normalisations. @default 1e-6 */
  readonly epsilon?: number
}

export interface TransformerBlock {
  readonly tokens: Feature
  /** Values of the two residual sums: behind the attention, behind the perceptron. */
  readonly sums: readonly [attention: string, perceptron: string]
}

/** Pre-norm block: x + attention(norm(x)), then x + perceptron(norm(x)). Layers: `norm1`, `attn`, `norm2`, `mlp.fc1`, `mlp.fc2`. */
export function transformerBlock(m: ModuleBuilder, x: Feature, options: TransformerBlockOptions): TransformerBlock {
  const { expansion = 4, activation: kind = 'gelu', epsilon = 1e-6, rank = 3 } = options
  const attended = add(m, 'add1', x, selfAttention(m, 'attn', layerNorm(m, 'norm1', x, { epsilon }), options))
  const mlp = m.module('mlp')
  const dense = (name: string, input: Feature, out: number) =>
    linear(mlp, name, input, { out, rank, initialise: truncatedNormal(0.02), initialiseBias: zeros })
  const hidden = activation(mlp, 'act', dense('fc1', layerNorm(m, 'norm2', attended, { epsilon }), expansion * x.channels), kind)
  const tokens = add(m, 'add2', attended, dense('fc2', hidden, x.channels))
  return { tokens, sums: [attended.value, tokens.value] }
}
