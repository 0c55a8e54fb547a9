// The head of semantic segmentation on a model: built, and its answers read.

import { segmentationHead } from '../../nn/heads/segmentation.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import type { Placement } from '../../vision/placement.ts'
import { resizeLabels } from '../../vision/resize-labels.ts'
import { Segmentation } from '../../vision/segmentation.ts'
import { semanticLabels } from '../../vision/semantic-map.ts'
import type { SegmentHead } from './head.ts'

export interface SegmentHeadSpec {
  readonly task: 'segment'
  /** @default 'segment' */
  readonly name?: string
  /** At most 255. A last class "background" is added where none is named so. */
  readonly labels: readonly string[]
  /** Channels at the finest level of the pyramid. @default 64 */
  readonly channels?: number
}

/**
 * Builds the head and its output `NAME_map`: uint8 [N, H, W] in the size of the input.
 *
 * @param pixels the float value [N, C, H, W] whose size the map takes
 */
export function buildSegmentHead(
  m: ModuleBuilder,
  levels: readonly Feature[],
  fine: readonly Feature[],
  pixels: string,
  name: string,
  spec: SegmentHeadSpec,
): SegmentHead {
  const { labels } = semanticLabels(spec.labels)
  const { b } = m
  const { channels } = spec
  const scores = segmentationHead(m, levels, fine, { classes: labels.length, ...(channels === undefined ? {} : { channels }) })
  const size = b.op('Shape', [pixels], { start: 2, end: 4 })
  const attributes = { mode: 'linear', coordinate_transformation_mode: 'half_pixel', axes: [2, 3] }
  const logits = m.op('logits', 'Resize', [scores.value, undefined, undefined, size], attributes)
  const map = b.op('Cast', [b.op('ArgMax', [logits], { axis: 1, keepdims: 0 })], { to: 2 })
  return { task: 'segment', name, labels, outputs: { map: b.output(map, undefined, b.fresh(`${name}_map`)) }, scores: { logits } }
}

/** The map of a picture of the batch in the picture's own size; larger pictures get borders that run smoothly. */
export function readSegmentation(maps: Uint8Array, picture: number, placement: Placement, labels: readonly string[]): Segmentation {
  const { size, scaled, offset } = placement
  const [height, width] = placement.picture
  const cells = size[0] * size[1]
  const map = { height: size[0], width: size[1], data: maps.subarray(picture * cells, (picture + 1) * cells) }
  const span = (axis: 0 | 1) => ({ from: offset[axis], length: scaled[axis] })
  return new Segmentation(resizeLabels(map, { height, width }, span(0), span(1)), width, height, labels)
}
