// What can be wrong with a picture's annotations by themselves, whatever the format.

import type { Annotation, Box, Polygon } from '../../vision/annotation.ts'
import { boundsOf } from '../../vision/geometry/polygon.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { hasShape } from './fit.ts'
import type { ProblemCode } from './problems.ts'
import { boxOf } from './shapes.ts'

/** Formats round to parts of a pixel: only what reaches further out is reported. */
const tolerance = 0.01

/** Calls `report` for every problem of the picture's shapes. */
export function checkShapes(picture: LabelledPicture, report: (code: ProblemCode, detail: string) => void): void {
  picture.annotations.forEach((annotation, i) => {
    const name = `annotation ${annotation.id ?? i}`
    checkBox(annotation.box, name, report)
    for (const outline of annotation.polygons ?? [])
      if (outline.length < 6) report('short-outline', `${name}: ${outline.length / 2} corners`)
    const { mask } = annotation
    if (mask !== undefined && picture.width !== undefined && (mask.width !== picture.width || mask.height !== picture.height))
      report('mask-size', `${name}: mask of ${mask.width} x ${mask.height} in ${sizeText(picture)}`)
    const shaped = (['box', 'orientedBox', 'polygons', 'mask', 'keypoints'] as const).some((shape) => hasShape(annotation, shape))
    if (!shaped && annotation.attributes === undefined) report('empty-annotation', name)
    const far = reachesOut(annotation, picture)
    if (far !== undefined) report('outside-image', `${name}: ${boxText(far)} in ${sizeText(picture)}`)
  })
  checkDoubles(picture, report)
}

/** Annotations of one class with one box, of which no finer shapes speak for two things. */
function checkDoubles({ annotations }: LabelledPicture, report: (code: ProblemCode, detail: string) => void): void {
  const byBox = new Map<string, { readonly name: string; readonly finer: string | undefined }[]>()
  annotations.forEach((annotation, i) => {
    const box = boxOf(annotation)
    if (box === undefined) return
    const key = [annotation.label, box.x1, box.y1, box.x2, box.y2].join(' ')
    const others = byBox.get(key)
    const one = { name: `annotation ${annotation.id ?? i}`, finer: finerOf(annotation) }
    const twin = others?.find(({ finer }) => finer === undefined || one.finer === undefined || finer === one.finer)
    if (twin !== undefined) report('duplicate-annotation', `${one.name}: the same as ${twin.name}, ${boxText(box)}`)
    else if (others === undefined) byBox.set(key, [one])
    else others.push(one)
  })
}

function finerOf({ orientedBox, polygons, mask, keypoints }: Annotation): string | undefined {
  const shapes = [orientedBox, polygons, mask?.counts, keypoints]
  return shapes.every((shape) => shape === undefined) ? undefined : JSON.stringify(shapes)
}

function checkBox(box: Box | undefined, name: string, report: (code: ProblemCode, detail: string) => void): void {
  if (box === undefined) return
  if (box.x2 < box.x1 || box.y2 < box.y1) report('inverted-box', `${name}: ${boxText(box)}`)
  else if (box.x2 === box.x1 || box.y2 === box.y1) report('zero-size-box', `${name}: ${boxText(box)}`)
}

function reachesOut(annotation: Annotation, { width, height }: LabelledPicture): Box | undefined {
  if (width === undefined || height === undefined) return undefined
  const points: Polygon[] = [...(annotation.polygons ?? []), ...(annotation.orientedBox === undefined ? [] : [annotation.orientedBox])]
  const seen = annotation.keypoints?.filter(({ visibility }) => visibility > 0).flatMap(({ x, y }) => [x, y]) ?? []
  const bounds = [annotation.box, ...[...points, seen].map((one) => boundsOf([one]))].filter((box) => box !== undefined)
  return bounds.find(
    (box) =>
      Math.min(box.x1, box.x2) < -tolerance ||
      Math.min(box.y1, box.y2) < -tolerance ||
      Math.max(box.x1, box.x2) > width + tolerance ||
      Math.max(box.y1, box.y2) > height + tolerance,
  )
}

function boxText({ x1, y1, x2, y2 }: Box): string {
  return [x1, y1, x2, y2].map((value) => Number(value.toFixed(2))).join(' ')
}

function sizeText({ width, height }: LabelledPicture): string {
  return `${width} x ${height}`
}
