// What people draw on pictures and models find in them: boxes, outlines, masks, keypoints. Every format, transform, task and metric speaks of these.

/** A box along the axes, in pixels of the upright picture: x to the right, y down, from the corner of the first pixel; the picture ends at its width and height. */
export interface Box {
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  /**
   * Width and height as a file states them beside the first corner (COCO), where the corners' distances differ from them by rounding: `cornerSize` gives the
   * right ones of any box. It says nothing where x1 + width is not x2, as of a box that was moved.
   */
  readonly statedSize?: readonly [width: number, height: number]
}

/** An outline: x and y of its corners in turn, in pixels as those of a box; it closes by itself. */
export type Polygon = readonly number[]

/** A mask as the lengths of its runs down the columns, those of 0 first: COCO's uncompressed form. */
export interface RunLengths {
  readonly width: number
  readonly height: number
  readonly counts: readonly number[]
}

export interface Keypoint {
  readonly x: number
  readonly y: number
  /** 0: not labelled, 1: labelled but hidden, 2: to be seen (COCO). */
  readonly visibility: 0 | 1 | 2
}

/** One thing in a picture. What a format does not tell is absent, never guessed. */
export interface Annotation {
  /** Index into the classes of the data set, -1 where unknown. */
  readonly label: number
  readonly box?: Box
  /** Corners of a box that is turned, clockwise as seen: x and y of four points. */
  readonly orientedBox?: Polygon
  /** Parts of the outline; a thing that is hidden in the middle has several. */
  readonly polygons?: readonly Polygon[]
  readonly mask?: RunLengths
  readonly keypoints?: readonly Keypoint[]
  /** Pixels, as the file states them; else it follows from mask, outline or box. */
  readonly area?: number
  /** Many things in one: COCO's `iscrowd`. */
  readonly isCrowd?: boolean
  /** Pascal VOC's `difficult`: metrics leave it out. */
  readonly isDifficult?: boolean
  /** Too little of it is left in a part of a picture to be learnt as a thing (`AnnotationRule.below`); its pixels are still its own. */
  readonly isCutOff?: true
  readonly id?: number | string
  /** What else a format tells, by its own names. */
  readonly attributes?: Readonly<Record<string, unknown>>
}

/** What a model found. */
export interface Detection extends Annotation {
  /** 0 to 1. */
  readonly score: number
}

/** Whether it is told which pixels the thing has. */
export function hasPixels({ mask, polygons }: Annotation): boolean {
  return (mask ?? polygons) !== undefined
}

/** Whether it is told how far the thing reaches: not of a point, nor of a class of the picture. */
export function hasExtent({ box, mask, polygons, orientedBox }: Annotation): boolean {
  return (box ?? mask ?? polygons ?? orientedBox) !== undefined
}
