// ConvNeXt: a ConvNet for the 2020s (Liu 2022, arXiv:2201.03545). Parameter names are timm's.

import { constant, truncatedNormal, zeros } from '../initialisers.ts'
import { activation, add, type ConvOptions, conv2d, flatten, globalAveragePool, layerNorm } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { type ArchitectureOptions, type ArchitectureResult, type Backbone, type Block, checkStages, classify, recorded } from './network.ts'

const epsilon = 1e-6
/** First value of the scale of each residual branch (Touvron 2021, arXiv:2103.17239). */
const layerScale = 1e-6
const initial = { initialise: truncatedNormal(0.02), initialiseBias: zeros }

/** A network with its classifier. @param x pixels [N, C, H, W] @throws FoveaError NN_OPTION_INVALID */
export function convNext(m: ModuleBuilder, x: Feature, options: ArchitectureOptions): ArchitectureResult {
  const { features, last, blocks } = convNextBackbone(m, x, options)
  const pooled = flatten(m, 'flatten', globalAveragePool(m, 'pool', last))
  const embedding = m.named('embedding', layerNorm(m.module('head').stage('embedding'), 'norm', pooled, { epsilon }))
  const logits = classify(m, embedding, options, { layer: 'head.fc', ...initial })
  return { features: { ...features, embedding, logits }, logits, blocks }
}

/**
 * The maps of a ConvNeXt: `stem` (stride 4), `conv2` … `conv5` (strides 4, 8, 16, 32).
 *
 * @param x pixels [N, C, H, W]
 * @throws FoveaError NN_OPTION_INVALID where there is not one width and one depth for each of the four stages
 */
export function convNextBackbone(m: ModuleBuilder, x: Feature, options: Omit<ArchitectureOptions, 'classes'>): Backbone {
  const { widths = [96, 192, 384, 768], depths = [3, 3, 9, 3] } = options
  checkStages('widths', widths, 4)
  checkStages('depths', depths, 4)
  const features: Record<string, Feature> = {}
  const blocks: Block[] = []
  const s = m.stage('stem').module('stem')
  let y = m.named('stem', channelNorm(s, '1', patches(s, '0', x, widths[0]!, 4)))
  features.stem = y
  depths.forEach((depth, i) => {
    const stage = `conv${i + 2}`
    const inner = m.module(`stages.${i}`).stage(stage)
    if (i > 0) y = patches(inner, 'downsample.1', channelNorm(inner, 'downsample.0', y), widths[i]!, 2)
    for (let at = 0; at < depth; at++) {
      const unit = inner.module(`blocks.${at}`)
      const input = y
      const { result, parameters } = recorded(m, () => block(unit, input))
      y = at === depth - 1 ? m.named(stage, result) : result
      blocks.push({ name: unit.name, output: y.value, parameters })
    }
    features[stage] = y
  })
  return { features, last: y, blocks }
}

/** x + gamma * perceptron(norm(depthwise 7x7(x))); the perceptron works on each position. */
function block(m: ModuleBuilder, x: Feature): Feature {
  const gamma = m.parameter('gamma', 'norm', [x.channels], constant(layerScale))
  const normed = channelNorm(m, 'norm', convolution(m, 'conv_dw', x, { out: x.channels, kernel: 7, groups: x.channels }))
  const mlp = m.module('mlp')
  const mixed = dense(mlp, 'fc2', activation(mlp, 'act', dense(mlp, 'fc1', normed, 4 * x.channels), 'gelu'), x.channels)
  const scale = m.op('gamma_map', 'Reshape', [gamma, m.b.ints([-1, 1, 1])])
  return add(m, 'add', { ...mixed, value: m.op('scaled', 'Mul', [mixed.value, scale]) }, x)
}

/**
 * A linear layer at each position, with the parameters of one, as a 1x1 convolution: at 224 pixels the network is a tenth faster so than with
 * products of matrices on channels that come last.
 */
function dense(m: ModuleBuilder, name: string, x: Feature, out: number): Feature {
  const layer = m.module(name)
  const weight = layer.parameter('weight', 'weight', [out, x.channels], initial.initialise)
  const bias = layer.parameter('bias', 'bias', [out], initial.initialiseBias)
  const kernel = layer.op('kernel', 'Reshape', [weight, m.b.ints([0, 0, 1, 1])])
  return { ...x, channels: out, value: m.op(name, 'Conv', [x.value, kernel, bias], { kernel_shape: [1, 1] }) }
}

/** A convolution of patches that do not overlap. */
function patches(m: ModuleBuilder, name: string, x: Feature, out: number, size: number): Feature {
  return convolution(m, name, x, { out, kernel: size, stride: size, padding: 0 })
}

function convolution(m: ModuleBuilder, name: string, x: Feature, options: ConvOptions): Feature {
  return conv2d(m, name, x, { ...options, ...initial })
}

/** Layer normalisation over the channels of each position of a map. */
function channelNorm(m: ModuleBuilder, name: string, x: Feature): Feature {
  return channelsFirst(m, `${name}.first`, layerNorm(m, name, channelsLast(m, `${name}.last`, x), { epsilon }))
}

function channelsLast(m: ModuleBuilder, name: string, x: Feature): Feature {
  return { ...x, value: m.op(name, 'Transpose', [x.value], { perm: [0, 2, 3, 1] }) }
}

function channelsFirst(m: ModuleBuilder, name: string, x: Feature): Feature {
  return { ...x, value: m.op(name, 'Transpose', [x.value], { perm: [0, 3, 1, 2] }) }
}
