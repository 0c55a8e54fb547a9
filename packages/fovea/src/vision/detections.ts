// What a detector found in a picture, and the JSON that people already parse.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { Annotation, Box, Detection, Polygon } from './annotation.ts'
import { boxArea, boxIoUs, toCornerSize } from './boxes.ts'
import { polygonArea } from './geometry/polygon.ts'
import { maskPolygons } from './mask-polygons.ts'
import { boxOf } from './metrics/detections.ts'
import { type NmsOptions, nonMaxSuppression } from './nms.ts'
import type { DetectionPrediction } from './predictions.ts'
import { type CompressedMask, compressedMask } from './run-length-text.ts'

export interface DetectionsOptions {
  /** Class names, in the order of `label`. */
  readonly labels: readonly string[]
  /** Size of the upright picture in pixels. */
  readonly width: number
  readonly height: number
  /** What the model found before suppression. */
  readonly candidates?: readonly Detection[]
}

/** Roboflow's answer to a request; x and y are the middle of the box. */
export interface RoboflowPrediction {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly confidence: number
  readonly class: string
  readonly class_id: number
  readonly detection_id: string
  readonly tracker_id?: number | string
  readonly points?: readonly { readonly x: number; readonly y: number }[]
}

/** As Ultralytics' `Results.summary()` has it. */
export interface UltralyticsDetection {
  readonly name: string
  readonly class: number
  readonly confidence: number
  readonly box: Box
  readonly segments?: { readonly x: readonly number[]; readonly y: readonly number[] }
  readonly track_id?: number | string
}

/** As transformers.js answers. */
export interface TransformersDetection {
  readonly score: number
  readonly label: string
  readonly box: { readonly xmin: number; readonly ymin: number; readonly xmax: number; readonly ymax: number }
}

/** A line of COCO's results file. */
export interface CocoDetection {
  readonly image_id: number | string
  readonly category_id: number
  readonly bbox: readonly [x: number, y: number, width: number, height: number]
  readonly score: number
  /** Of a thing with a mask. */
  readonly segmentation?: CompressedMask
}

/** A detection as JSON has it. */
export type PlainDetection = Omit<NamedDetection, 'mask'> & { readonly mask?: CompressedMask }

/**
 * The detections of one picture, best score first, in pixels of the upright picture. It is iterable; methods that choose give new `Detections`.
 *
 * ```ts
 * const found = await model.predict('street.jpg')
 * for (const { name, score, box } of found.ofClass('car').above(0.5)) …
 * ```
 */
export class Detections implements DetectionPrediction {
  readonly task = 'detect'
  readonly detections: readonly NamedDetection[]
  readonly labels: readonly string[]
  readonly width: number
  readonly height: number
  readonly candidates?: readonly Detection[]

  /** @throws FoveaError METRIC_INVALID for a label beyond the names */
  constructor(detections: readonly Detection[], { labels, width, height, candidates }: DetectionsOptions) {
    this.detections = detections.map((detection, i) => {
      const name = labels[detection.label]
      if (name !== undefined) return { ...detection, name }
      const expected = `0 to ${labels.length - 1}`
      throw new FoveaError('METRIC_INVALID', { field: `detections[${i}].label`, expected, found: String(detection.label) })
    })
    this.labels = labels
    this.width = width
    this.height = height
    if (candidates !== undefined) this.candidates = candidates
  }

  get length(): number {
    return this.detections.length
  }

  [Symbol.iterator](): Iterator<NamedDetection> {
    return this.detections[Symbol.iterator]()
  }

  /** Those that pass the test. */
  filter(test: (detection: NamedDetection, index: number) => boolean): Detections {
    return this.#with(this.detections.filter(test))
  }

  /** Those with at least this score. */
  above(score: number): Detections {
    return this.filter((detection) => detection.score >= score)
  }

  /** Those of these classes, by name. */
  ofClass(...names: readonly string[]): Detections {
    return this.filter(({ name }) => names.includes(name))
  }

  /** Those whose boxes have at least this many pixels, and at most that many. */
  ofArea(least: number, most: number = Number.POSITIVE_INFINITY): Detections {
    return this.filter((detection) => {
      const area = boxArea(boundsOf(detection))
      return area >= least && area <= most
    })
  }

  /** Without doubles. @throws FoveaError METRIC_INVALID as `nonMaxSuppression` */
  suppress(options: NmsOptions = {}): Detections {
    return this.#with(nonMaxSuppression(this.detections, options))
  }

  /** How many of each class, by name. */
  counts(): Record<string, number> {
    const counts = Object.fromEntries(this.labels.map((name) => [name, 0]))
    for (const { name } of this.detections) counts[name] = (counts[name] ?? 0) + 1
    return counts
  }

  /** IoU of every detection with every box, row by row. */
  overlaps(boxes: readonly Box[]): Float64Array {
    return boxIoUs(this.detections.map(boundsOf), boxes)
  }

  /** Plain data: what `JSON.stringify` writes; masks are COCO's compressed run lengths. */
  toJSON(): { task: 'detect'; image: { width: number; height: number }; detections: readonly PlainDetection[] } {
    const detections = this.detections.map(({ mask, ...rest }) => ({ ...rest, ...(mask && { mask: compressedMask(mask) }) }))
    return { task: 'detect', image: { width: this.width, height: this.height }, detections }
  }

  /**
   * @param inferenceId of the answer, and what the ids of its detections begin with. Default a new one
   * @param time seconds that the inference took. Default 0
   */
  toRoboflow({ inferenceId = crypto.randomUUID(), time = 0 }: { readonly inferenceId?: string; readonly time?: number } = {}): {
    inference_id: string
    time: number
    image: { width: number; height: number }
    predictions: RoboflowPrediction[]
  } {
    const predictions = this.detections.map((detection, i): RoboflowPrediction => {
      const { x1, y1, x2, y2 } = boundsOf(detection)
      const outline = outlineOf(detection)
      const track = trackOf(detection)
      return {
        x: (x1 + x2) / 2,
        y: (y1 + y2) / 2,
        width: x2 - x1,
        height: y2 - y1,
        confidence: detection.score,
        class: detection.name,
        class_id: detection.label,
        detection_id: `${inferenceId}-${i}`,
        ...(track !== undefined && { tracker_id: track }),
        ...(outline && { points: pointsOf(outline) }),
      }
    })
    return { inference_id: inferenceId, time, image: { width: this.width, height: this.height }, predictions }
  }

  toUltralytics(): UltralyticsDetection[] {
    return this.detections.map((detection) => {
      const outline = outlineOf(detection)
      const track = trackOf(detection)
      const { x1, y1, x2, y2 } = boundsOf(detection)
      return {
        name: detection.name,
        class: detection.label,
        confidence: detection.score,
        box: { x1, y1, x2, y2 },
        ...(outline && { segments: { x: pointsOf(outline).map(({ x }) => x), y: pointsOf(outline).map(({ y }) => y) } }),
        ...(track !== undefined && { track_id: track }),
      }
    })
  }

  toTransformers(): TransformersDetection[] {
    return this.detections.map((detection) => {
      const { x1, y1, x2, y2 } = boundsOf(detection)
      return { score: detection.score, label: detection.name, box: { xmin: x1, ymin: y1, xmax: x2, ymax: y2 } }
    })
  }

  /** @param categoryIds the data set's number of each class; from 1 on unless given, as most files count */
  toCoco(imageId: number | string, categoryIds: readonly number[] = this.labels.map((_, i) => i + 1)): CocoDetection[] {
    if (!Array.isArray(categoryIds) || categoryIds.length < this.labels.length)
      throw new FoveaError('METRIC_INVALID', {
        field: 'categoryIds',
        expected: `a number for each of ${this.labels.length} classes`,
        found: said(categoryIds?.length ?? categoryIds),
      })
    return this.detections.map((detection) => {
      const bbox = toCornerSize(boundsOf(detection))
      return {
        image_id: imageId,
        category_id: categoryIds[detection.label]!,
        bbox,
        score: detection.score,
        ...(detection.mask && { segmentation: compressedMask(detection.mask) }),
      }
    })
  }

  #with(detections: readonly Detection[]): Detections {
    const { labels, width, height, candidates } = this
    return new Detections(detections, { labels, width, height, ...(candidates && { candidates }) })
  }
}

export interface NamedDetection extends Detection {
  readonly name: string
}

/** The box, or that around outline or mask. */
function boundsOf(detection: Annotation): Box {
  return boxOf(detection, 'detection')
}

/** The largest part of the outline, or of that of the mask: the formats have one. */
function outlineOf({ polygons, mask }: Annotation): Polygon | undefined {
  const parts = polygons ?? (mask === undefined ? [] : maskPolygons(mask))
  return parts.length === 0 ? undefined : parts.reduce((largest, part) => (polygonArea(part) > polygonArea(largest) ? part : largest))
}

function pointsOf(polygon: Polygon): { x: number; y: number }[] {
  return Array.from({ length: polygon.length / 2 }, (_, i) => ({ x: polygon[2 * i]!, y: polygon[2 * i + 1]! }))
}

/** The number that a tracker gave. */
function trackOf({ attributes }: Annotation): number | string | undefined {
  const track = attributes?.trackId
  return typeof track === 'number' || typeof track === 'string' ? track : undefined
}
