// Networks of inverted residual blocks, in the order and under the names of timm: what MobileNetV2 and EfficientNet share.

import { uniformByFan, zeros } from '../initialisers.ts'
import { type Activation, activation, add, batchNorm2d, conv2d, squeezeExcite } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import {
  type ArchitectureOptions,
  type ArchitectureResult,
  type Backbone,
  type Block,
  checkStages,
  recorded,
  withClassifier,
} from './network.ts'

/** A stage as the papers' tables have it. */
export interface InvertedStage {
  /** Channels within a block for each that enters it; 1 leaves out the first convolution. */
  readonly expansion: number
  readonly depth: number
  /** Of the first block. */
  readonly stride: 1 | 2
  readonly kernel: 3 | 5
}

export interface InvertedResidualsOptions extends Omit<ArchitectureOptions, 'classes'> {
  readonly stages: readonly InvertedStage[]
  readonly activation: Activation
  /** Channels of the squeezed layer for each that enters the block; left out where blocks have no squeeze-and-excitation. */
  readonly squeeze?: number
  /** Channels of the stem, of each stage, and of the top. */
  readonly widths: readonly number[]
}

/** The network with its classifier. @param x pixels [N, C, H, W] @throws FoveaError NN_OPTION_INVALID */
export function invertedResiduals(
  m: ModuleBuilder,
  x: Feature,
  options: InvertedResidualsOptions & ArchitectureOptions,
): ArchitectureResult {
  const layer = { layer: 'classifier', initialise: uniformByFan(options.classes), initialiseBias: zeros }
  return withClassifier(m, invertedResidualsBackbone(m, x, options), options, layer)
}

/**
 * The maps: `stem`, `conv2` … `conv5`, each the last of its stride (2, 4, 8, 16, 32), and `top`, the widened map that a classifier pools.
 *
 * @param x pixels [N, C, H, W]
 * @throws FoveaError NN_OPTION_INVALID where there is not one width for the stem, each stage and the top
 */
export function invertedResidualsBackbone(m: ModuleBuilder, x: Feature, options: InvertedResidualsOptions): Backbone {
  const { stages, widths } = options
  checkStages('widths', widths, stages.length + 2)
  const features: Record<string, Feature> = {}
  const blocks: Block[] = []
  const s = m.stage('stem')
  let y = activation(
    s,
    'act1',
    batchNorm2d(s, 'bn1', conv2d(s, 'conv_stem', x, { out: widths[0]!, kernel: 3, stride: 2, bias: false })),
    options.activation,
  )
  stages.forEach((stage, i) => {
    const name = stageAt(y.stride * stage.stride)
    const ends = stages[i + 1]?.stride !== 1
    for (let at = 0; at < stage.depth; at++) {
      const inner = m.module(`blocks.${i}.${at}`).stage(name)
      const input = y
      const { result, parameters } = recorded(m, () =>
        block(inner, input, widths[i + 1]!, { ...stage, stride: at === 0 ? stage.stride : 1 }, options),
      )
      y = ends && at === stage.depth - 1 ? m.named(name, result.map) : result.map
      if (result.residual) blocks.push({ name: inner.name, output: y.value, parameters })
    }
    features[name] = y
  })
  const t = m.stage('top')
  const wide = batchNorm2d(t, 'bn2', conv2d(t, 'conv_head', y, { out: widths.at(-1)!, kernel: 1, bias: false }))
  features.top = m.named('top', activation(t, 'act2', wide, options.activation))
  return { features, last: features.top, blocks }
}

function stageAt(stride: number): string {
  return stride === 2 ? 'stem' : `conv${Math.log2(stride)}`
}

/** 1x1 to a wider map, depthwise, a gate for each channel, 1x1 back without an activation (Sandler 2018); a residual where the shape stays. */
function block(
  m: ModuleBuilder,
  x: Feature,
  out: number,
  { expansion, stride, kernel }: InvertedStage,
  options: InvertedResidualsOptions,
): { map: Feature; residual: boolean } {
  const kind = options.activation
  const wide = x.channels * expansion
  // timm numbers the normalisations through, and calls the last convolution otherwise where it is the second.
  const [depthwise, last] = expansion === 1 ? ['bn1', 'bn2'] : ['bn2', 'bn3']
  let y = x
  if (expansion > 1) y = activation(m, 'act1', batchNorm2d(m, 'bn1', conv2d(m, 'conv_pw', y, { out: wide, kernel: 1, bias: false })), kind)
  y = batchNorm2d(m, depthwise, conv2d(m, 'conv_dw', y, { out: wide, kernel, stride, groups: wide, bias: false }))
  y = activation(m, 'act2', y, kind)
  if (options.squeeze !== undefined) {
    const squeezed = Math.max(1, Math.round(x.channels * options.squeeze))
    y = squeezeExcite(m, 'se', y, { squeezed, activation: kind, layers: ['conv_reduce', 'conv_expand'], initialiseBias: zeros })
  }
  y = batchNorm2d(m, last, conv2d(m, expansion === 1 ? 'conv_pw' : 'conv_pwl', y, { out, kernel: 1, bias: false }))
  const residual = stride === 1 && out === x.channels
  return { map: residual ? add(m, 'add', y, x) : y, residual }
}
