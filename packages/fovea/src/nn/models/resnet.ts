// ResNet: deep residual learning for image recognition (He 2016, arXiv:1512.03385). Parameter names are torchvision's and timm's.

import { add, batchNorm2d, conv2d, maxPool, relu } from '../layers/index.ts'
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

export interface ResNetOptions extends ArchitectureOptions {
  /** Blocks of each stage. */
  readonly depths: readonly number[]
  /** Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times the channels at its end. */
  readonly block: 'basic' | 'bottleneck'
}

/**
 * What comes before the first stage. `imagenet`: 7x7 at stride 2 and a max pool, as published. `small`: 3x3 at stride 2 and a
 * max pool, for pictures of 64 to 128 pixels: a fifth of the work and better on them. `cifar`: 3x3 at stride 1, for 32 pixels.
 */
const stems = {
  imagenet: { kernel: 7, stride: 2, pool: true },
  small: { kernel: 3, stride: 2, pool: true },
  cifar: { kernel: 3, stride: 1, pool: false },
} as const

export function stemNames(): (keyof typeof stems)[] {
  return Object.keys(stems) as (keyof typeof stems)[]
}

/** Channels that a bottleneck block makes for each channel inside it. */
const expansion = 4

/** A residual network with its classifier. @param x pixels [N, C, H, W] @throws FoveaError NN_OPTION_INVALID */
export function resNet(m: ModuleBuilder, x: Feature, options: ResNetOptions): ArchitectureResult {
  return withClassifier(m, resNetBackbone(m, x, options), options)
}

/**
 * The maps of a residual network. Bottleneck blocks have their stride in the 3x3 convolution, as torchvision has it.
 *
 * @param x pixels [N, C, H, W]
 * @throws FoveaError NN_OPTION_INVALID where there is not one width for each stage
 */
export function resNetBackbone(m: ModuleBuilder, x: Feature, options: Omit<ResNetOptions, 'classes'>): Backbone {
  const { stem = 'imagenet', widths = [64, 128, 256, 512], depths, block, zeroInit = false } = options
  checkStages('widths', widths, depths.length)
  const { pool, ...first } = stems[stem]
  const s = m.stage('stem')
  const features: Record<string, Feature> = {}
  features.stem = m.named('stem', relu(s, 'act1', batchNorm2d(s, 'bn1', conv2d(s, 'conv1', x, { out: widths[0]!, ...first, bias: false }))))
  let y = pool ? maxPool(s, 'maxpool', features.stem, { kernel: 3, stride: 2, padding: 1 }) : features.stem

  const blocks: Block[] = []
  const build = block === 'basic' ? basicBlock : bottleneckBlock
  depths.forEach((depth, i) => {
    const stage = `conv${i + 2}`
    for (let at = 0; at < depth; at++) {
      const inner = m.module(`layer${i + 1}.${at}`).stage(stage)
      const { result, parameters } = recorded(m, () => build(inner, y, widths[i]!, i > 0 && at === 0 ? 2 : 1, zeroInit))
      y = at === depth - 1 ? m.named(stage, result) : result
      blocks.push({ name: inner.name, output: y.value, parameters })
    }
    features[stage] = y
  })
  return { features, last: y, blocks }
}

/** conv 3x3, conv 3x3, plus the shortcut. */
function basicBlock(m: ModuleBuilder, x: Feature, width: number, stride: number, zeroInit: boolean): Feature {
  const a = relu(m, 'act1', batchNorm2d(m, 'bn1', conv2d(m, 'conv1', x, { out: width, kernel: 3, stride, bias: false })))
  const b = batchNorm2d(m, 'bn2', conv2d(m, 'conv2', a, { out: width, kernel: 3, bias: false }), { scale: zeroInit ? 0 : 1 })
  return relu(m, 'act2', add(m, 'add', b, shortcut(m, x, b)))
}

/** conv 1x1, conv 3x3, conv 1x1 to four times the width, plus the shortcut. */
function bottleneckBlock(m: ModuleBuilder, x: Feature, width: number, stride: number, zeroInit: boolean): Feature {
  const a = relu(m, 'act1', batchNorm2d(m, 'bn1', conv2d(m, 'conv1', x, { out: width, kernel: 1, bias: false })))
  const b = relu(m, 'act2', batchNorm2d(m, 'bn2', conv2d(m, 'conv2', a, { out: width, kernel: 3, stride, bias: false })))
  const c = batchNorm2d(m, 'bn3', conv2d(m, 'conv3', b, { out: width * expansion, kernel: 1, bias: false }), { scale: zeroInit ? 0 : 1 })
  return relu(m, 'act3', add(m, 'add', c, shortcut(m, x, c)))
}

/** The input itself, or a 1x1 convolution to the shape of the branch where that differs. */
function shortcut(m: ModuleBuilder, x: Feature, branch: Feature): Feature {
  if (x.channels === branch.channels && x.stride === branch.stride) return x
  const projection = { out: branch.channels, kernel: 1, stride: branch.stride / x.stride, bias: false }
  return batchNorm2d(m, 'downsample.1', conv2d(m, 'downsample.0', x, projection))
}
