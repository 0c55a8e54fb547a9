// How well a network names and finds what scenes were drawn from.

import type { Model } from '../../graph/model.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { openSession } from '../../runtime/session.ts'
import type { PretrainFigures } from './events.ts'
import type { SceneBatch } from './scenes.ts'

/** Runs a model with objectives (`addObjectives`) over scenes that it was not trained on. */
export async function measure(
  model: Model,
  batches: AsyncIterable<SceneBatch>,
  options: { readonly threads: number },
): Promise<PretrainFigures> {
  const session = await openSession(model, options)
  const right = { shape: 0, texture: 0, fill: 0 }
  const overlap = { both: 0, either: 0 }
  let scenes = 0
  try {
    for await (const batch of batches) {
      const results = await session.run({ images: batch.images })
      for (const name of ['shape', 'texture', 'fill'] as const) right[name] += countRight(results[`${name}_scores`]!, batch[name])
      if (results.mask_scores !== undefined) countOverlap(overlap, results.mask_scores, batch.mask)
      scenes += batch.shape.length
    }
  } finally {
    await session.close()
  }
  const share = (count: number) => count / Math.max(1, scenes)
  return {
    shape: share(right.shape),
    texture: share(right.texture),
    fill: share(right.fill),
    mask: overlap.both / Math.max(1, overlap.either),
  }
}

function countRight({ data, dims }: Tensor, labels: Int32Array): number {
  const classes = dims[1]!
  const scores = data as Float32Array
  return labels.filter((label, i) => {
    const row = scores.subarray(i * classes, (i + 1) * classes)
    return row.indexOf(row.reduce((a, b) => Math.max(a, b))) === label
  }).length
}

function countOverlap(overlap: { both: number; either: number }, { data }: Tensor, mask: Tensor): void {
  const wanted = mask.data as Float32Array
  ;(data as Float32Array).forEach((score, i) => {
    const [is, should] = [score > 0, wanted[i]! >= 0.5]
    if (is && should) overlap.both++
    if (is || should) overlap.either++
  })
}
