// Neighbouring steps along the axes done in one go: a crop, a resize, a window of that and mirrors are one resampling.

import { chainGeometry, type Geometry } from '../../vision/geometry/geometry.ts'
import type { Image } from '../../vision/image.ts'
import type { Interpolation } from '../../vision/preprocessing.ts'
import { type Region, resampleRegion } from '../../vision/resize.ts'
import type { Mergeable, Step } from './step.ts'

/** A region of the picture, resized, a window of that, mirrored: in this order. */
interface Run {
  readonly region: Region
  /** The size that the region is resized to, [height, width]. */
  readonly size: readonly [number, number]
  readonly interpolation: Interpolation | undefined
  readonly window: Region
  readonly mirrorX: boolean
  readonly mirrorY: boolean
  readonly geometry: Geometry
  readonly steps: readonly Step[]
}

/**
 * The same steps, fewer: runs of crops inside the picture, mirrors and one resize become one step. The pixels are those of the single steps,
 * byte for byte; where a mirror comes before a resize within 1 of 255, as positions are then rounded from the other side. Two resizes are not
 * joined, since each smooths for its own size. Geometry stays that of all steps.
 */
export function mergeSteps(steps: readonly Step[]): Step[] {
  const merged: Step[] = []
  let run: Run | undefined
  const flush = () => {
    if (run !== undefined) merged.push(...finish(run))
    run = undefined
  }
  for (const step of steps) {
    const grown: Run | undefined = step.merge && step.geometry && grow(run ?? begin(step.geometry), step.merge, step)
    if (grown !== undefined) {
      run = grown
      continue
    }
    flush()
    if (step.merge && step.geometry) run = grow(begin(step.geometry), step.merge, step)
    else merged.push(step)
  }
  flush()
  return merged
}

function begin({ from: { width, height } }: Geometry): Omit<Run, 'geometry'> {
  const region = { left: 0, top: 0, width, height }
  return { region, size: [height, width], interpolation: undefined, window: region, mirrorX: false, mirrorY: false, steps: [] }
}

/** The run with one step more; undefined where that is one resize too many. */
function grow(run: Omit<Run, 'geometry'> & { readonly geometry?: Geometry }, merge: Mergeable, step: Step): Run | undefined {
  const geometry = run.geometry === undefined ? step.geometry! : chainGeometry(run.geometry, step.geometry!)
  const steps = [...run.steps, step]
  switch (merge.kind) {
    case 'mirrorX':
      return { ...run, geometry, steps, mirrorX: !run.mirrorX }
    case 'mirrorY':
      return { ...run, geometry, steps, mirrorY: !run.mirrorY }
    case 'window': {
      const { region, mirrorX, mirrorY, window } = run
      const left = mirrorX ? window.width - merge.region.left - merge.region.width : merge.region.left
      const top = mirrorY ? window.height - merge.region.top - merge.region.height : merge.region.top
      const next = { left: window.left + left, top: window.top + top, width: merge.region.width, height: merge.region.height }
      if (run.interpolation !== undefined) return { ...run, geometry, steps, window: next }
      return {
        ...run,
        geometry,
        steps,
        region: { ...next, left: region.left + left, top: region.top + top },
        ...sized(next.height, next.width),
      }
    }
    case 'resize': {
      const { region, window } = run
      const same = merge.height === window.height && merge.width === window.width
      if (same) return { ...run, geometry, steps }
      if (run.interpolation !== undefined) return undefined
      return { ...run, region, geometry, steps, interpolation: merge.interpolation, ...sized(merge.height, merge.width) }
    }
  }
}

function sized(height: number, width: number): Pick<Run, 'size' | 'window'> {
  return { size: [height, width], window: { left: 0, top: 0, width, height } }
}

function finish({ region, size, interpolation, window, mirrorX, mirrorY, geometry, steps }: Run): readonly Step[] {
  if (steps.length === 1) return steps
  const options = { window, mirrorX, mirrorY, ...(interpolation && { interpolation }) }
  return [{ geometry, apply: (image: Image) => resampleRegion(image, region, size[0], size[1], options) }]
}
