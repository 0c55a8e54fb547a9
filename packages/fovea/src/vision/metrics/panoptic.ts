// Panoptic quality (Kirillov et al. 2019), by the rules of the reference implementation panopticapi.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import { SummedMetric } from './gathering.ts'
import { checkClasses, checkNames, isNumbers, objectOf } from './metric.ts'

export interface PanopticSegment {
  /** As in the map; not 0. */
  readonly id: number
  readonly label: number
  /** Of the truth only: whatever is found there of its class is neither right nor wrong. */
  readonly isCrowd?: boolean
}

/** Each pixel belongs to one segment, or to none: 0. */
export interface PanopticMap {
  readonly ids: ArrayLike<number>
  readonly segments: readonly PanopticSegment[]
}

/** One picture. */
export interface PanopticPicture {
  readonly truth: PanopticMap
  readonly prediction: PanopticMap
}

export interface PanopticFigures {
  /** Panoptic quality: segmentation quality times recognition quality. */
  readonly pq: number
  /** Mean IoU of the segments that match. */
  readonly sq: number
  /** F1 of finding segments. */
  readonly rq: number
}

export interface PanopticReport extends PanopticFigures {
  /** NaN for a class that does not occur; such classes do not count in the means. */
  readonly perClass: readonly (PanopticFigures & {
    readonly class: string
    readonly matched: number
    readonly missed: number
    readonly wrong: number
  })[]
}

/** Segments match where they are of one class and overlap by more than half; pixels that belong to nothing in the truth do not count. */
export class PanopticMetric extends SummedMetric<PanopticPicture, PanopticReport> {
  readonly classes: readonly string[]

  constructor(classes: readonly string[]) {
    super(`panoptic quality, ${checkNames(classes).length} classes`, 4 * checkClasses(classes.length))
    this.classes = classes
  }

  /** @throws FoveaError METRIC_INVALID for maps of different sizes, ids without a segment, ids given twice, labels that are no classes */
  update(picture: PanopticPicture): void {
    const { truth, prediction } = objectOf(picture, 'picture')
    for (const [field, map] of Object.entries({ truth, prediction }))
      if (!isNumbers(objectOf(map, field).ids) || !Array.isArray(map.segments))
        throw new FoveaError('METRIC_INVALID', { field, expected: 'an object of ids and segments, both lists', found: said(map) })
    if (truth.ids.length !== prediction.ids.length)
      throw new FoveaError('METRIC_INVALID', {
        field: 'prediction.ids',
        expected: `${truth.ids.length} pixels`,
        found: String(prediction.ids.length),
      })
    const truths = this.#indexed(truth, 'truth')
    const found = this.#indexed(prediction, 'prediction')
    // Pixels by pair of segments; place 0 is that of the pixels of none.
    const columns = prediction.segments.length + 1
    const pairs = new Float64Array((truth.segments.length + 1) * columns)
    for (let i = 0; i < truth.ids.length; i++) {
      const at = truths.get(truth.ids[i]!)! * columns + found.get(prediction.ids[i]!)!
      pairs[at] = pairs[at]! + 1
    }
    const areas = new Float64Array(columns)
    for (let i = 0; i < pairs.length; i++) areas[i % columns] = areas[i % columns]! + pairs[i]!
    const matched = new Uint8Array(columns)
    for (const [t, { label, isCrowd }] of truth.segments.entries()) {
      if (isCrowd) continue
      const row = pairs.subarray((t + 1) * columns, (t + 2) * columns)
      const area = row.reduce((sum, value) => sum + value, 0)
      let hit = false
      for (const [p, segment] of prediction.segments.entries()) {
        const both = row[p + 1]!
        const iou = both / (area + areas[p + 1]! - both - pairs[p + 1]!)
        if (segment.label !== label || !(iou > 0.5)) continue
        hit = true
        matched[p + 1] = 1
        this.add(4 * label, iou)
        this.add(4 * label + 1, 1)
      }
      if (!hit) this.add(4 * label + 2, 1)
    }
    for (const [p, { label }] of prediction.segments.entries()) {
      if (matched[p + 1] === 1) continue
      let excused = pairs[p + 1]!
      for (const [t, segment] of truth.segments.entries())
        if (segment.isCrowd && segment.label === label) excused += pairs[(t + 1) * columns + p + 1]!
      if (!(excused / areas[p + 1]! > 0.5)) this.add(4 * label + 3, 1)
    }
  }

  compute(): PanopticReport {
    const perClass = this.classes.map((name, c) => {
      const [iou, matched, missed, wrong] = this.sums.slice(4 * c, 4 * c + 4) as [number, number, number, number]
      const cases = matched + (missed + wrong) / 2
      const sq = matched === 0 ? 0 : iou / matched
      return { class: name, pq: iou / cases, sq: cases === 0 ? Number.NaN : sq, rq: matched / cases, matched, missed, wrong }
    })
    const occurring = perClass.filter(({ pq }) => !Number.isNaN(pq))
    const mean = (name: keyof PanopticFigures) => occurring.reduce((sum, figures) => sum + figures[name], 0) / occurring.length
    return { pq: mean('pq'), sq: mean('sq'), rq: mean('rq'), perClass }
  }

  /** The place of each segment by its id, from 1. */
  #indexed({ ids, segments }: PanopticMap, side: string): Map<number, number> {
    const places = new Map([[0, 0]])
    for (const [i, { id, label }] of segments.entries()) {
      if (!(Number.isInteger(label) && label >= 0 && label < this.classes.length))
        throw new FoveaError('METRIC_INVALID', {
          field: `${side}.segments[${i}].label`,
          expected: `0 to ${this.classes.length - 1}`,
          found: String(label),
        })
      if (places.has(id))
        throw new FoveaError('METRIC_INVALID', {
          field: `${side}.segments[${i}].id`,
          expected: 'one of its kind, not 0',
          found: String(id),
        })
      places.set(id, i + 1)
    }
    const seen = new Set<number>()
    for (let i = 0; i < ids.length; i++) seen.add(ids[i]!)
    for (const id of seen)
      if (!places.has(id))
        throw new FoveaError('METRIC_INVALID', { field: `${side}.ids`, expected: 'ids of its segments', found: String(id) })
    // A segment without pixels is no segment: it could be neither found nor missed.
    for (const [i, { id }] of segments.entries())
      if (!seen.has(id))
        throw new FoveaError('METRIC_INVALID', {
          field: `${side}.segments[${i}]`,
          expected: 'a segment that has pixels',
          found: `none of id ${id}`,
        })
    return places
  }
}
