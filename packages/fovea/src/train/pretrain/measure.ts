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
  const counts = { scenes: 0, shape: 0, texture: 0, whole: 0, cells: 0, both: 0, either: 0 }
  try {
    for await (const batch of batches) {
      const { shape_scores, texture_scores, cells_scores, mask_scores } = await session.run({ images: batch.images })
      const parts = partsOf(batch)
      counts.scenes += batch.shape.length
      batch.shape.forEach((label, i) => {
        if (bestClass(shape_scores!, i, 0) === label) counts.shape++
        if (bestClass(texture_scores!, i, 0) === parts.largest(i)) counts.texture++
      })
      if (cells_scores === undefined || mask_scores === undefined) continue
      for (let i = 0; i < batch.shape.length; i++)
        for (let cell = 0; cell < parts.cells; cell++) {
          const whole = parts.whole(i, cell)
          if (whole !== undefined) {
            counts.whole++
            if (bestClass(cells_scores, i, cell) === whole) counts.cells++
          }
          const [is, should] = [Number(mask_scores.data[i * parts.cells + cell]) > 0, parts.isObject(i, cell)]
          if (is && should) counts.both++
          if (is || should) counts.either++
        }
    }
  } finally {
    await session.close()
  }
  const { scenes, shape, texture, whole, cells, both, either } = counts
  const share = (count: number, of: number) => count / Math.max(1, of)
  return { shape: share(shape, scenes), texture: share(texture, scenes), cells: share(cells, whole), mask: share(both, either) }
}

/** The class of the largest score of one place: scores [N, C, ...]. */
function bestClass({ data, dims }: Tensor, sample: number, place: number): number {
  const classes = dims[1]!
  const places = data.length / dims[0]! / classes
  let best = 0
  const at = (c: number) => Number(data[(sample * classes + c) * places + place])
  for (let c = 1; c < classes; c++) if (at(c) > at(best)) best = c
  return best
}

function partsOf({ textures, cover }: SceneBatch) {
  const [, parts, height, width] = cover.dims as [number, number, number, number]
  const cells = height * width
  const all = [...Array(parts).keys()]
  const share = (i: number, part: number, cell: number) => Number(cover.data[(i * parts + part) * cells + cell])
  const texture = (i: number, part: number) => Number(textures.data[i * parts + part])
  return {
    cells,
    /** The texture that fills most of a scene; the same one may fill several parts. */
    largest(i: number): number {
      const areas = new Map<number, number>()
      for (const part of all)
        for (let cell = 0; cell < cells; cell++) areas.set(texture(i, part), (areas.get(texture(i, part)) ?? 0) + share(i, part, cell))
      return [...areas].reduce((most, each) => (each[1] > most[1] ? each : most))[0]
    },
    /** The texture of a cell that one fills. */
    whole(i: number, cell: number): number | undefined {
      const part = all.find((each) => share(i, each, cell) >= 0.9)
      return part === undefined ? undefined : texture(i, part)
    },
    isObject: (i: number, cell: number) => share(i, parts - 1, cell) >= 0.5,
  }
}
