// One answer from several of the same picture: weighted boxes fusion (Solovyev 2019, arXiv:1910.13302).

import type { Box, Detection } from './annotation.ts'
import { boxIoU } from './boxes.ts'
import { boxOf } from './metrics/detections.ts'

export interface FusionOptions {
  /** Boxes of one class that overlap by more than this are the same thing. @default 0.55 */
  readonly iou?: number
  /** Boxes of different classes are different things; else the class is that of the best of them. @default true */
  readonly byClass?: boolean
}

interface Cluster {
  readonly label: number
  readonly members: { readonly box: Box; readonly score: number }[]
  readonly first: Detection
  box: Box
}

/**
 * Boxes that the answers agree on become one: its sides are means weighted by the scores, its score the mean of the scores, less for each
 * answer that does not have it. The best score first.
 *
 * @param answers of models, or of views, each without doubles; boxes in pixels of the same picture
 */
export function fuseBoxes(answers: readonly (readonly Detection[])[], { iou = 0.55, byClass = true }: FusionOptions = {}): Detection[] {
  const order = answers.flat().sort((a, b) => b.score - a.score)
  const clusters: Cluster[] = []
  for (const detection of order) {
    const box = boxOf(detection, 'detection')
    const { label, score } = detection
    let [best, most] = [undefined as Cluster | undefined, iou]
    for (const cluster of clusters) {
      if (byClass && cluster.label !== label) continue
      const overlap = boxIoU(cluster.box, box)
      if (overlap > most) [best, most] = [cluster, overlap]
    }
    if (best === undefined) clusters.push({ label, first: detection, members: [{ box, score }], box })
    else {
      best.members.push({ box, score })
      best.box = weightedBox(best.members)
    }
  }
  return clusters
    .map(({ first, members, box }) => {
      const mean = members.reduce((sum, { score }) => sum + score, 0) / members.length
      return { ...first, box, score: (mean * Math.min(members.length, answers.length)) / answers.length }
    })
    .sort((a, b) => b.score - a.score)
}

function weightedBox(members: Cluster['members']): Box {
  const total = members.reduce((sum, { score }) => sum + score, 0)
  // Scores of 0 weigh alike.
  const mean = (side: 'x1' | 'y1' | 'x2' | 'y2') =>
    members.reduce((sum, { box, score }) => sum + box[side] * (total > 0 ? score / total : 1 / members.length), 0)
  return { x1: mean('x1'), y1: mean('y1'), x2: mean('x2'), y2: mean('y2') }
}
