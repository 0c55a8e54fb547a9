// Shapes that a format lists one by one and a group makes one annotation of.

import type { Annotation, Keypoint } from '../../vision/annotation.ts'

type Parts = Pick<Annotation, 'box' | 'orientedBox' | 'polygons' | 'mask' | 'keypoints' | 'attributes'>

/** Gathers shapes of one group and label into one annotation, in the order of their first shapes. */
export class GroupedAnnotations {
  readonly #all: Annotation[] = []
  readonly #byGroup = new Map<string, number>()

  /** Adds a shape; without a group it is an annotation of its own. A second box or mask of a group begins another annotation. */
  add(label: number, group: string | undefined, parts: Parts): void {
    const key = group === undefined ? undefined : `${label}\0${group}`
    const at = key === undefined ? undefined : this.#byGroup.get(key)
    const known = at === undefined ? undefined : this.#all[at]!
    if (
      known === undefined ||
      (['box', 'orientedBox', 'mask'] as const).some((shape) => known[shape] !== undefined && parts[shape] !== undefined)
    ) {
      if (key !== undefined) this.#byGroup.set(key, this.#all.length)
      this.#all.push({ label, ...parts })
      return
    }
    const polygons = [...(known.polygons ?? []), ...(parts.polygons ?? [])]
    const keypoints: Keypoint[] = [...(known.keypoints ?? []), ...(parts.keypoints ?? [])]
    this.#all[at!] = {
      ...known,
      ...parts,
      ...(polygons.length > 0 ? { polygons } : {}),
      ...(keypoints.length > 0 ? { keypoints } : {}),
    }
  }

  get list(): readonly Annotation[] {
    return this.#all
  }
}
