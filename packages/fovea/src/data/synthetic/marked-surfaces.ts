// Surfaces with what is wrong marked on them: boxes and masks for detectors and segmenters, and the class of each picture.

import type { Annotation } from '../../vision/annotation.ts'
import { connectedRegions } from '../../vision/metrics/regions.ts'
import { encodeMask, maskArea, maskBounds } from '../../vision/run-lengths.ts'
import type { ImageDataset, Sample } from '../dataset.ts'
import { generateSurfaces, type Surface, type SurfaceOptions, surfaceClasses } from './surfaces.ts'

/** Specks that are smaller than this are no defects of their own, in pixels. */
const leastArea = 6

/** Pits and inclusions are many things, each other defect is one, however it is broken up. @param label of the class of the surface */
export function markSurface({ mask, surfaceClass }: Surface, label: number): Annotation[] {
  if (surfaceClass === 'good') return []
  const { width, height, data } = mask
  const whole = encodeMask(data, width, height)
  const parts = surfaceClass === 'pit' || surfaceClass === 'inclusion' ? partsOf(data, width, height) : [whole]
  return parts.flatMap((part) => {
    const box = maskBounds(part)
    return box === undefined || maskArea(part) < leastArea ? [] : [{ label, box, mask: part }]
  })
}

function partsOf(data: Uint8Array, width: number, height: number) {
  const { labels, areas } = connectedRegions(data, width, height)
  return areas.map((_, i) =>
    encodeMask(
      labels.map((one) => (one === i + 1 ? 1 : 0)),
      width,
      height,
    ),
  )
}

/** The set in memory, picture by picture of all classes in turn: classes are the defects and `good`. */
export function markedSurfaces(options: SurfaceOptions = {}): ImageDataset {
  const classes = [...(options.classes ?? surfaceClasses)].sort()
  const byClass = Map.groupBy(generateSurfaces(options), ({ surfaceClass }) => surfaceClass)
  const lists = [...byClass.values()]
  const samples = Array.from({ length: Math.max(0, ...lists.map((list) => list.length)) }, (_, i) => i).flatMap((i) =>
    lists.map((list): Sample => {
      const { image, name, surfaceClass, ...rest } = list[i]!
      const label = classes.indexOf(surfaceClass)
      return { path: `${name}.png`, label, image, annotations: markSurface({ image, surfaceClass, ...rest }, label) }
    }),
  )
  return { classes, samples }
}
