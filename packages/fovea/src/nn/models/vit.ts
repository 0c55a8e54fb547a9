// ViT: an image is worth 16x16 words (Dosovitskiy 2021, arXiv:2010.11929). Parameter names are timm's.

import { Tensor } from '../../graph/tensor.ts'
import { FoveaError } from '../../util/errors.ts'
import { normal, truncatedNormal, uniformByFan, zeros } from '../initialisers.ts'
import { conv2d, layerNorm, transformerBlock } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { type ArchitectureOptions, type ArchitectureResult, type Block, checkStages, classify, halves, recorded } from './network.ts'

export interface VitOptions extends ArchitectureOptions {
  /** Height and width of the pictures: the table of position embeddings is made for them. */
  readonly size: readonly [height: number, width: number]
}

const epsilon = 1e-6

/**
 * A vision transformer with its classifier. Its stages hold tokens [N, 1 + patches, C], the class token first: `stem` with the positions
 * added, then one behind each quarter of the blocks, `block3` … `block12` of twelve. `mapOfTokens` makes maps of them. `embedding`
 * is the normalised class token.
 *
 * @param x pixels [N, C, H, W]
 * @throws FoveaError NN_OPTION_INVALID where the size does not divide into patches, or the channels into heads
 */
export function vit(m: ModuleBuilder, x: Feature, options: VitOptions): ArchitectureResult {
  const { widths = [768], depths = [12], heads = 12, patch = 16, size } = options
  checkStages('widths', widths, 1)
  checkStages('depths', depths, 1)
  const [width, depth] = [widths[0]!, depths[0]!]
  const divides = (field: string, whole: number, part: number, what: string) => {
    if (whole % part !== 0) throw new FoveaError('NN_OPTION_INVALID', { field, expected: `${what} of ${part}`, found: `${whole}` })
  }
  for (const side of size) divides('inputSize', side, patch, 'a multiple of the patches')
  divides('heads', width, heads, 'channels that are a multiple')
  const features: Record<string, Feature> = { stem: embedPatches(m.stage('stem'), x, width, patch, size) }
  const blocks: Block[] = []
  let y = features.stem!
  let stage = 'stem'
  for (let at = 0; at < depth; at++) {
    const end = Math.ceil(((Math.floor((4 * at) / depth) + 1) * depth) / 4)
    stage = `block${end}`
    const inner = m.module(`blocks.${at}`).stage(stage)
    const input = y
    const { result, parameters } = recorded(m, () => transformerBlock(inner, input, { heads, epsilon }))
    y = at + 1 === end ? m.named(stage, result.tokens) : result.tokens
    if (at + 1 === end) features[stage] = y
    blocks.push(...halves(inner.name, [result.sums[0], y.value], parameters))
  }
  // Each token is normalised by itself: the class token alone is as good as all of them.
  const token = { ...y, value: m.op('class_token', 'Gather', [y.value, m.b.scalar(0, 'int64')], { axis: 1 }) }
  const embedding = m.named('embedding', layerNorm(m.stage('embedding'), 'norm', token, { epsilon }))
  const logits = classify(m, embedding, options, { layer: 'head', initialise: truncatedNormal(0.02), initialiseBias: zeros })
  return { features: { ...features, embedding, logits }, logits, blocks }
}

/** The patches as tokens [N, 1 + patches, C]: a class token before them, and an embedding of each position added. */
function embedPatches(m: ModuleBuilder, x: Feature, width: number, patch: number, [height, breadth]: readonly [number, number]): Feature {
  const grid = [height / patch, breadth / patch] as const
  const length = 1 + grid[0] * grid[1]
  const classToken = m.parameter('cls_token', 'bias', [1, 1, width], normal(0, 1e-6))
  const positions = m.parameter('pos_embed', 'bias', [1, length, width], truncatedNormal(0.02), { grid })
  const proj = { out: width, kernel: patch, stride: patch, padding: 0, initialise: uniformByFan() }
  const map = conv2d(m.module('patch_embed'), 'proj', x, proj)
  const rows = m.op('patch_embed.rows', 'Reshape', [map.value, m.b.ints([0, width, length - 1])])
  const tokens = m.op('patch_embed.tokens', 'Transpose', [rows], { perm: [0, 2, 1] })
  // Room for the class token, which needs no copy of it for each picture.
  const room = m.op('room', 'Pad', [tokens, m.b.ints([0, 1, 0, 0, 0, 0])])
  const isFirst = new Tensor(
    'bool',
    [1, length, 1],
    Uint8Array.from({ length }, (_, i) => Number(i === 0)),
  )
  const filled = m.op('filled', 'Where', [m.b.constant(isFirst, 'is_first'), classToken, room])
  return m.named('stem', { ...map, value: m.op('embedded', 'Add', [filled, positions]) })
}

/**
 * A map [N, C, h, w] of tokens, without those before the patches.
 *
 * @param grid rows and columns of patches
 * @param before tokens before the patches, 1 unless given
 */
export function mapOfTokens(m: ModuleBuilder, name: string, x: Feature, grid: readonly [number, number], before = 1): Feature {
  const inner = m.module(name)
  const { b } = m
  const kept = inner.op('patches', 'Slice', [x.value, b.ints([before]), b.ints([Number.MAX_SAFE_INTEGER]), b.ints([1])])
  const turned = inner.op('turned', 'Transpose', [kept], { perm: [0, 2, 1] })
  return { ...x, value: m.op(name, 'Reshape', [turned, b.ints([0, x.channels, ...grid])]) }
}
