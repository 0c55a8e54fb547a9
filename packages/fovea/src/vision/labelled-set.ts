// A data set of labelled pictures as plain data: what every format is read into and written from.

import type { Annotation } from './annotation.ts'

/** A class of things or pictures; annotations name it by its index in the data set. */
export interface LabelClass {
  readonly name: string
  /** What a file calls it by, which others may join on (COCO's `category_id`): not its index. */
  readonly id?: number | string
  readonly supercategory?: string
  /** Names of the keypoints of a thing, in the order of its annotations. */
  readonly keypoints?: readonly string[]
  /** Pairs of keypoints that are joined, counted as the file counts them. */
  readonly skeleton?: readonly (readonly [number, number])[]
  /** Red, green, blue, 0 to 255: what stands for it in masks. */
  readonly color?: readonly [number, number, number]
  /** Whether it is of things that can be counted, not of stuff such as sky: COCO's `isthing`. */
  readonly isThing?: boolean
}

/** One picture and what is known of it. Lists are empty where nothing is known. */
export interface LabelledPicture {
  /** Its name inside the data set, with `/` between folders: the same whatever the format, and one of its kind within its split. */
  readonly name: string
  /** What a file calls it by, one of its kind within its split (COCO's `image_id`). */
  readonly id?: number | string
  /** Where the picture lies; absent where it is missing. */
  readonly file?: string
  /** Size of the upright picture in pixels, as the format states it. */
  readonly width?: number
  readonly height?: number
  /** `train`, `val`, `test`, or as the format names it. */
  readonly split?: string
  /** What must not be parted: a patient, a camera, a part of a machine. */
  readonly group?: string
  /** Of the picture as a whole: indices of classes. */
  readonly labels: readonly number[]
  readonly annotations: readonly Annotation[]
  readonly captions: readonly string[]
}

export interface LabelledSet {
  readonly classes: readonly LabelClass[]
  readonly pictures: readonly LabelledPicture[]
}

/** A data set whose pictures come one at a time, so that it need not lie in memory; each iteration begins anew. */
export interface LabelledStream {
  readonly classes: readonly LabelClass[]
  readonly pictures: AsyncIterable<LabelledPicture> | Iterable<LabelledPicture>
}
