// Lines of YOLO's text files: a class, then a box, corners or keypoints in parts of the picture's width and height.

import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Keypoint, Polygon } from '../../vision/annotation.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import type { AdaptContext } from './format.ts'
import type { ReadContext } from './read-context.ts'

/** Boxes and outlines, four corners, or boxes with keypoints: lines alone do not tell. */
export type LineKind = 'plain' | 'turned' | 'pose'

export interface LineContext {
  readonly file: string
  /** From 1. */
  readonly number: number
  readonly size: { readonly width: number; readonly height: number } | undefined
  readonly kind: LineKind
  /** How many keypoints, and how many numbers each: 2, or 3 with visibility. */
  readonly keypoints: readonly [number, number]
  /** How many classes there are. */
  readonly classes: number
  readonly context: ReadContext
}

/** @throws DATASET_MALFORMED */
export function readLine(row: string, { file, number, size, kind, keypoints, classes, context }: LineContext): Annotation | undefined {
  const field = `line ${number}`
  const cells = row.trim().split(/\s+/).map(Number)
  const fail = (expected: string) => {
    throw new FoveaError('DATASET_MALFORMED', { file, field, expected, found: row.trim().slice(0, 80) })
  }
  const [id = -1, ...values] = cells
  if (!cells.every(Number.isFinite) || !Number.isInteger(id) || id < 0) fail('a class and numbers')
  if (size === undefined) fail('a picture whose size is known')
  if (id >= classes) context.report('unknown-class', file, `${field}: class ${id} of ${classes}`)
  const label = id < classes ? id : -1
  const { width, height } = size!
  const points: Polygon = values.map((value, i) => value * (i % 2 === 0 ? width : height))
  if (kind === 'turned') {
    if (values.length !== 8) fail('a class and four corners')
    return { label, orientedBox: points }
  }
  const [x, y, w, h] = points as readonly [number, number, number, number]
  const box = { x1: x - w / 2, y1: y - h / 2, x2: x + w / 2, y2: y + h / 2 }
  if (kind === 'pose') {
    const [count, numbers] = keypoints
    if (values.length !== 4 + count * numbers) fail(`a class, a box and ${count} keypoints of ${numbers} numbers`)
    const all = Array.from({ length: count }, (_, i) => {
      const at = 4 + i * numbers
      const [px, py] = [values[at]! * width, values[at + 1]! * height]
      // Without visibility, 0 0 stands for what is not there.
      const visibility = numbers === 3 ? values[at + 2]! : px === 0 && py === 0 ? 0 : 2
      if (visibility !== 0 && visibility !== 1 && visibility !== 2) fail('a visibility of 0, 1 or 2')
      return { x: px, y: py, visibility: visibility as 0 | 1 | 2 }
    })
    return { label, box, ...(all.every(isAbsent) ? {} : { keypoints: all }) }
  }
  if (values.length === 4) return { label, box }
  if (values.length < 6 || values.length % 2 === 1) fail('a class and a box of four numbers, or corners of an outline')
  return { label, polygons: [points] }
}

/** Nine digits after the point: less than a hundred-thousandth of a pixel in pictures of 10,000. @param keypoints how many each thing has */
export function writeLine(annotation: Annotation, { width = 1, height = 1 }: LabelledPicture, keypoints: number): string {
  const { label, box, polygons, orientedBox } = annotation
  const part = (value: number, i: number) => String(Number((value / (i % 2 === 0 ? width : height)).toFixed(9)))
  const values =
    box === undefined ? (orientedBox ?? polygons![0]!) : [(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, box.x2 - box.x1, box.y2 - box.y1]
  const points = Array.from({ length: keypoints }, (_, i) => annotation.keypoints?.[i] ?? absent)
  const triples = points.flatMap(({ x, y, visibility }) => [part(x, 0), part(y, 1), String(visibility)])
  return [label, ...values.map(part), ...triples].join(' ')
}

const absent: Keypoint = { x: 0, y: 0, visibility: 0 }

function isAbsent({ x, y, visibility }: Keypoint): boolean {
  return x === 0 && y === 0 && visibility === 0
}

/** Gives every thing the same number of keypoints: missing ones are absent, further ones are lost. */
export function settlePose(picture: LabelledPicture, { lose, keypointCount }: AdaptContext): LabelledPicture {
  const annotations = picture.annotations.flatMap((annotation): Annotation[] => {
    const { keypoints, ...rest } = annotation
    if (annotation.box === undefined) {
      lose('annotation')
      return []
    }
    if (keypoints === undefined || keypoints.every(isAbsent)) return [rest]
    const count = keypointCount(keypoints.length)
    if (keypoints.length > count) lose('keypoint beyond those of the first thing')
    const settled = Array.from({ length: count }, (_, i) => keypoints[i] ?? absent)
    return [settled.every(isAbsent) ? rest : { ...rest, keypoints: settled }]
  })
  return { ...picture, annotations }
}
