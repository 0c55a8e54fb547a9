// Shapes that a format lists one by one and a group makes one annotation of.

import type { Annotation, Keypoint, Polygon } from '../../vision/annotation.ts'

type Parts = Pick<Annotation, 'box' | 'orientedBox' | 'polygons' | 'mask' | 'keypoints' | 'attributes'>

/** An annotation while it grows: its lists are its own, since copying them for each shape would take the square of their number. */
interface Growing extends Omit<Parts, 'polygons' | 'keypoints'> {
  label: number
  polygons?: Polygon[]
  keypoints?: Keypoint[]
}

/** Gathers shapes of one group and label into one annotation, in the order of their first shapes. */
export class GroupedAnnotations {
  readonly #all: Growing[] = []
  readonly #byGroup = new Map<string, Growing>()

  /** Adds a shape; without a group it is an annotation of its own. A second box or mask of a group begins another annotation. */
  add(label: number, group: string | undefined, { polygons = [], keypoints = [], ...parts }: Parts): void {
    const key = group === undefined ? undefined : `${label}\0${group}`
    let growing = key === undefined ? undefined : this.#byGroup.get(key)
    if (
      growing === undefined ||
      (['box', 'orientedBox', 'mask'] as const).some((shape) => growing![shape] !== undefined && parts[shape] !== undefined)
    ) {
      growing = { label }
      if (key !== undefined) this.#byGroup.set(key, growing)
      this.#all.push(growing)
    }
    Object.assign(growing, parts)
    if (polygons.length > 0) growing.polygons ??= []
    for (const polygon of polygons) growing.polygons!.push(polygon)
    if (keypoints.length > 0) growing.keypoints ??= []
    for (const keypoint of keypoints) growing.keypoints!.push(keypoint)
  }

  get list(): readonly Annotation[] {
    return this.#all
  }
}
