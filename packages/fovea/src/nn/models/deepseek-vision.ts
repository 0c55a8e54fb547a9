// DeepSeekVision: a backbone, a feature pyramid over its maps, and dynamic attention over the pyramid, for all tasks at once.
// An implementation of this project: see docs/models/deepseek-vision.md for its origin, and the files in `necks/` for the papers.

import { batchNorm2d, flatten, globalAveragePool } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { dynamicAttention } from '../necks/dynamic-attention.ts'
import { featurePyramid, levelOf } from '../necks/pyramid.ts'
import { type ArchitectureOptions, type ArchitectureResult, type Backbone, classify } from './network.ts'

/** The maps that the pyramid is built on. */
const mapped = ['conv3', 'conv4', 'conv5']
const levels = 5

/**
 * Builds the network. Its stages, in order: those of the backbone, `p3` … `p7` (the attended pyramid), `attention` (where it looked, one channel for
 * each level), `embedding` and `logits`.
 *
 * The embedding is the global mean of the backbone's last map beside those of the five levels, normalised: what the picture shows, and
 * what it is made of. With 512 and five times 128 channels it has 1,152 values.
 *
 * @param x pixels [N, C, H, W]
 * @param backbone builds the maps; its parameters lie under `backbone.`, in the names of its own state dict
 */
export function deepSeekVision(
  m: ModuleBuilder,
  x: Feature,
  backbone: (m: ModuleBuilder, x: Feature) => Backbone,
  options: ArchitectureOptions,
): ArchitectureResult {
  const { features, last, blocks } = backbone(m.module('backbone'), x)
  const maps = mapped.map((stage) => features[stage]!)
  const neck = m.module('neck')
  const { neckChannels: channels = 128, neck: kind = 'fpn' } = options
  const pyramid = featurePyramid(neck, maps, { channels, kind, levels })
  const attended = dynamicAttention(neck.module('attention').stage('attention'), pyramid)
  const named = attended.levels.map((level) => m.named(`p${levelOf(level)}`, level))
  const attention = m.named('attention', attended.attention)
  const embedding = embed(m.stage('embedding'), [last, ...named])
  const logits = classify(m, embedding, options)
  const stages = Object.fromEntries(named.map((level) => [`p${levelOf(level)}`, level]))
  return { features: { ...features, ...stages, attention, embedding, logits }, logits, blocks }
}

function embed(m: ModuleBuilder, maps: readonly Feature[]): Feature {
  const e = m.module('embed')
  const pooled = maps.map((map, i) => globalAveragePool(e, `mean${i}`, map).value)
  const joined: Feature = {
    value: e.op('joined', 'Concat', pooled, { axis: 1 }),
    channels: maps.reduce((sum, { channels }) => sum + channels, 0),
    stride: maps[0]!.stride,
  }
  // Means over a picture differ little from picture to picture: what differs is brought to the size of what is common.
  return m.named('embedding', flatten(e, 'flatten', batchNorm2d(e, 'norm', joined)))
}
