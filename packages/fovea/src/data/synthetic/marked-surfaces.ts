// Surfaces with what is wrong marked on them: boxes and masks for detectors and segmenters, and the class of each picture.

import type { Annotation } from '../../vision/annotation.ts'
import { connectedRegions } from '../../vision/metrics/regions.ts'
import { encodeMask, maskBounds } from '../../vision/run-lengths.ts'
import type { ImageDataset, Sample } from '../dataset.ts'
import { generateSurfaces, type Surface, type SurfaceOptions, surfaceClasses } from './surfaces.ts'

/** Specks that are smaller than this are left out, in pixels: nobody would mark them. */
const leastArea = 6

/** A box and a mask for each scratch, pit, inclusion and stain; a crack is one with all its branches. @param label of the class of the surface */
export function markSurface({ things }: Pick<Surface, 'things'>, label: number): Annotation[] {
  const { width, height, data } = things
  const count = data.reduce((most, thing) => Math.max(most, thing), 0)
  return Array.from({ length: count }, (_, i) => data.map((thing) => (thing === i + 1 ? 1 : 0))).flatMap((pixels) => {
    const { labels, areas } = connectedRegions(pixels, width, height)
    const mask = encodeMask(
      pixels.map((_, at) => (labels[at]! > 0 && areas[labels[at]! - 1]! >= leastArea ? 1 : 0)),
      width,
      height,
    )
    const box = maskBounds(mask)
    return box === undefined ? [] : [{ label, box, mask }]
  })
}

/** The set in memory, picture by picture of all classes in turn: classes are the defects and `good`. */
export function markedSurfaces(options: SurfaceOptions = {}): ImageDataset {
  const classes = [...(options.classes ?? surfaceClasses)].sort()
  const byClass = Map.groupBy(generateSurfaces(options), ({ surfaceClass }) => surfaceClass)
  const lists = [...byClass.values()]
  const samples = Array.from({ length: Math.max(0, ...lists.map((list) => list.length)) }, (_, i) => i).flatMap((i) =>
    lists.map((list): Sample => {
      const surface = list[i]!
      const label = classes.indexOf(surface.surfaceClass)
      return { path: `${surface.name}.png`, label, image: surface.image, annotations: markSurface(surface, label) }
    }),
  )
  return { classes, samples }
}
