// MobileViT: light-weight, general-purpose, and mobile-friendly vision transformer (Mehta & Rastegari 2022, arXiv:2110.02178). Parameter names are timm's.

import { activation, add, batchNorm2d, conv2d, layerNorm, transformerBlock } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import {
  type ArchitectureOptions,
  type ArchitectureResult,
  type Backbone,
  type Block,
  checkStages,
  halves,
  recorded,
  withClassifier,
} from './network.ts'

export interface MobileVitOptions extends Omit<ArchitectureOptions, 'classes'> {
  /** Channels within an inverted residual for each that enters it. */
  readonly expansion: number
}

/** Blocks of the inverted residuals of each stage, and of the transformers of those that have one. */
const depths = [1, 3, 1, 1, 1]
const transformers = [0, 0, 2, 4, 3]
const heads = 4
const patch = 2

/** A network with its classifier. @param x pixels [N, C, H, W] */
export function mobileVit(m: ModuleBuilder, x: Feature, options: MobileVitOptions & ArchitectureOptions): ArchitectureResult {
  return withClassifier(m, mobileVitBackbone(m, x, options), options, { layer: 'head.fc' })
}

/**
 * The maps of a MobileViT: `stem`, `conv2` … `conv5`, and `top`, the widened map that a classifier pools. `widths` are those of the stem, the five stages and
 * the top; `tokenWidths` those of the three transformers.
 *
 * @param x pixels [N, C, H, W]; maps of odd size are stretched to even ones for the transformers, as timm does
 */
export function mobileVitBackbone(m: ModuleBuilder, x: Feature, options: MobileVitOptions): Backbone {
  const { widths = [16, 16, 24, 48, 64, 80, 320], tokenWidths = [64, 80, 96], expansion } = options
  checkStages('widths', widths, 7)
  checkStages('tokenWidths', tokenWidths, 3)
  const features: Record<string, Feature> = {}
  const blocks: Block[] = []
  let y = unit(m.stage('stem').module('stem'), x, widths[0]!, 3, 2)
  depths.forEach((depth, i) => {
    const stage = i === 0 ? 'stem' : `conv${i + 1}`
    const width = widths[i + 1]!
    const s = m.module(`stages.${i}`).stage(stage)
    for (let at = 0; at < depth; at++) {
      const inner = s.module(`${at}`)
      const { result, parameters } = recorded(m, () => invertedResidual(inner, y, width, i > 0 && at === 0 ? 2 : 1, expansion))
      if (result.residual) blocks.push({ name: inner.name, output: result.map.value, parameters })
      y = result.map
    }
    if (transformers[i]! > 0) y = mobileVitBlock(s.module(`${depth}`), y, tokenWidths[i - 2]!, transformers[i]!, blocks)
    const unnamed = y.value
    y = m.named(stage, y)
    rename(blocks, unnamed, y.value)
    features[stage] = y
  })
  const top = m.named('top', unit(m.stage('top').module('final_conv'), y, widths[6]!, 1, 1))
  features.top = top
  return { features, last: top, blocks }
}

function rename(blocks: Block[], from: string, to: string): void {
  const at = blocks.findIndex(({ output }) => output === from)
  if (at >= 0) blocks[at] = { ...blocks[at]!, output: to }
}

/** Convolution, normalisation, SiLU. */
function unit(m: ModuleBuilder, x: Feature, out: number, kernel: number, stride: number, groups = 1, active = true): Feature {
  const y = batchNorm2d(m, 'bn', conv2d(m, 'conv', x, { out, kernel, stride, groups, bias: false }))
  return active ? activation(m, 'act', y, 'silu') : y
}

/** 1x1 to a wider map, depthwise 3x3, 1x1 back without an activation (Sandler 2018); a residual where the shape stays. */
function invertedResidual(
  m: ModuleBuilder,
  x: Feature,
  out: number,
  stride: number,
  expansion: number,
): { map: Feature; residual: boolean } {
  const inner = x.channels * expansion
  const wide = unit(m.module('conv1_1x1'), x, inner, 1, 1)
  const spatial = unit(m.module('conv2_kxk'), wide, inner, 3, stride, inner)
  const y = unit(m.module('conv3_1x1'), spatial, out, 1, 1, 1, false)
  const residual = stride === 1 && out === x.channels
  return { map: residual ? add(m, 'add', y, x) : y, residual }
}

/**
 * Local features by a convolution, global ones by a transformer over each of the patch's four positions in all patches at once, and both fused with the
 * input.
 */
function mobileVitBlock(m: ModuleBuilder, x: Feature, width: number, depth: number, blocks: Block[]): Feature {
  const local = unit(m.module('conv_kxk'), x, x.channels, 3, 1)
  const tokensMap = conv2d(m, 'conv_1x1', local, { out: width, kernel: 1, bias: false })
  const size = m.op('size', 'Shape', [tokensMap.value], { start: 2, end: 4 })
  const [one, two] = [m.b.ints([patch - 1]), m.b.ints([patch])]
  const even = m.op('even_size', 'Mul', [m.op('patches', 'Div', [m.op('size_up', 'Add', [size, one]), two]), two])
  const stretched = stretch(m, 'stretched', tokensMap.value, even)
  // Channels of the result: position within the patch first, then channel.
  const unfolded = m.op('unfolded', 'SpaceToDepth', [stretched], { blocksize: patch })
  const grid = m.op('grid', 'Shape', [unfolded])
  const rows = m.op('rows', 'Reshape', [unfolded, m.b.ints([0, patch * patch, width, -1])])
  let tokens: Feature = { value: m.op('tokens', 'Transpose', [rows], { perm: [0, 1, 3, 2] }), channels: width, stride: x.stride }
  for (let i = 0; i < depth; i++) {
    const inner = m.module(`transformer.${i}`)
    const { result, parameters } = recorded(m, () =>
      transformerBlock(inner, tokens, { heads, rank: 4, expansion: 2, activation: 'silu', epsilon: 1e-5 }),
    )
    tokens = result.tokens
    blocks.push(...halves(inner.name, result.sums, parameters))
  }
  const normed = layerNorm(m, 'norm', tokens, { epsilon: 1e-5 })
  const turned = m.op('columns', 'Transpose', [normed.value], { perm: [0, 1, 3, 2] })
  const folded = m.op('folded', 'DepthToSpace', [m.op('cells', 'Reshape', [turned, grid])], { blocksize: patch, mode: 'DCR' })
  const global = { ...tokensMap, value: stretch(m, 'shrunk', folded, size) }
  const projected = unit(m.module('conv_proj'), global, x.channels, 1, 1)
  const both = { ...x, channels: 2 * x.channels, value: m.op('both', 'Concat', [x.value, projected.value], { axis: 1 }) }
  return unit(m.module('conv_fusion'), both, x.channels, 3, 1)
}

function stretch(m: ModuleBuilder, name: string, x: string, size: string): string {
  return m.op(name, 'Resize', [x, undefined, undefined, size], {
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
    axes: [2, 3],
  })
}
