// The head of semantic segmentation on a model: built, and its answers read.

import { segmentationHead } from '../../nn/heads/segmentation.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import type { Placement } from '../../vision/placement.ts'
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

/** The map of a picture of the batch in the picture's own size: each pixel takes the class under its centre. */
export function readSegmentation(maps: Uint8Array, picture: number, placement: Placement, labels: readonly string[]): Segmentation {
  const { size, scaled, offset } = placement
  const [height, width] = placement.picture
  const from = picture * size[0] * size[1]
  const along = (count: number, axis: 0 | 1) =>
    Int32Array.from({ length: count }, (_, i) => {
      const at = Math.floor(offset[axis] + ((i + 0.5) * scaled[axis]) / count)
      return Math.min(size[axis] - 1, Math.max(0, at))
    })
  const [rows, columns] = [along(height, 0), along(width, 1)]
  const data = new Uint8Array(width * height)
  let at = 0
  for (const row of rows) {
    const start = from + row * size[1]
    for (const column of columns) data[at++] = maps[start + column]!
  }
  return new Segmentation(data, width, height, labels)
}
