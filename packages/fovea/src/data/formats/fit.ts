// Makes a data set fit a format: takes out what the format cannot hold, and counts what was lost.

import type { Annotation, Polygon } from '../../vision/annotation.ts'
import { convexHull, polygonArea, smallestRectangle } from '../../vision/geometry/polygon.ts'
import type { LabelClass, LabelledPicture } from '../../vision/labelled-set.ts'
import { maskPolygons } from '../../vision/mask-polygons.ts'
import { polygonsMask } from '../../vision/polygon-mask.ts'
import type { DatasetFormat, Holdings, Shape } from './format.ts'
import { areaOf, asTurnedBox, boxOf, turnedBox } from './shapes.ts'

/** Something that the new data set does not have. */
export interface Loss {
  /** What, in a few words. */
  readonly what: string
  readonly count: number
  /** The first picture or class that lost it. */
  readonly example: string
}

export class Losses {
  readonly #losses = new Map<string, { count: number; example: string }>()
  /** How many keypoints things have: as many as the first. */
  keypointCount: number | undefined

  add(what: string, example: string): void {
    const loss = this.#losses.get(what)
    if (loss === undefined) this.#losses.set(what, { count: 1, example })
    else loss.count++
  }

  get list(): Loss[] {
    return [...this.#losses].map(([what, loss]) => ({ what, ...loss }))
  }
}

/** Classes as the format can hold them. */
export function fitClasses(classes: readonly LabelClass[], { holds }: DatasetFormat, losses: Losses): LabelClass[] {
  return classes.map((one) => {
    const kept: Record<string, unknown> = { name: one.name }
    for (const detail of ['id', 'supercategory', 'keypoints', 'skeleton', 'color', 'isThing'] as const) {
      if (one[detail] === undefined) continue
      if (holds.classDetails?.includes(detail)) kept[detail] = one[detail]
      else losses.add(`${detail} of a class`, one.name)
    }
    return kept as unknown as LabelClass
  })
}

/**
 * A picture as it will be read again from the format: without what the format cannot hold, and with the boxes that it derives.
 * Every change is counted, but those that tell nothing new.
 */
export function fitPicture(
  picture: LabelledPicture,
  format: DatasetFormat,
  classes: readonly LabelClass[],
  losses: Losses,
): LabelledPicture {
  const { holds } = format
  const lose = (what: string) => losses.add(what, picture.name)
  let { labels } = picture
  if (labels.length > 0 && holds.labels === 'none') {
    lose('class of a whole picture')
    labels = []
  } else if (labels.length > 1 && holds.labels === 'one') {
    lose('further class of a picture')
    labels = labels.slice(0, 1)
  }
  if (picture.captions.length > 0 && !holds.captions) lose('caption')
  const keepsSplit = Array.isArray(holds.splits) ? holds.splits.includes(picture.split ?? '') : holds.splits === true
  if (picture.split !== undefined && !keepsSplit) lose('split')
  if (picture.group !== undefined && !holds.groups) lose('group')
  if (picture.id !== undefined && !holds.pictureIds) lose('id of a picture')
  const fitted: LabelledPicture = {
    name: withoutFolders(picture.name, format.reservedFolders),
    ...(picture.id === undefined || !holds.pictureIds ? {} : { id: picture.id }),
    ...(picture.file === undefined ? {} : { file: picture.file }),
    ...(picture.width === undefined || picture.height === undefined ? {} : { width: picture.width, height: picture.height }),
    ...(picture.split === undefined || !keepsSplit ? {} : { split: picture.split }),
    ...(picture.group === undefined || !holds.groups ? {} : { group: picture.group }),
    labels: [...new Set(labels)],
    annotations: picture.annotations.flatMap((annotation) => fitAnnotation(annotation, picture, format, lose) ?? []),
    captions: holds.captions ? picture.captions : [],
  }
  const adapted =
    format.adapt?.(fitted, {
      className: (label) => classes[label]?.name ?? '',
      lose,
      keypointCount: (count) => (losses.keypointCount ??= count),
    }) ?? fitted
  if (adapted.name !== picture.name) lose('name of a picture, which is changed')
  return adapted
}

/** The name without folders that mean something else in the format. */
function withoutFolders(name: string, reserved: RegExp | undefined): string {
  const parts = name.split('/')
  return parts.filter((part, i) => i === parts.length - 1 || !reserved?.test(part)).join('/')
}

type Mutable = { -readonly [K in keyof Annotation]: Annotation[K] }

function fitAnnotation(
  annotation: Annotation,
  picture: LabelledPicture,
  format: DatasetFormat,
  lose: (what: string) => void,
): Annotation | undefined {
  const { holds } = format
  if (annotation.label < 0 && !holds.unknownClass) {
    lose('annotation of unknown class')
    return undefined
  }
  const shapes = fitShapes(annotation, picture, holds, lose)
  if (shapes === undefined) return undefined
  if (format.needsSize && (picture.width === undefined || picture.height === undefined)) {
    lose('annotation of a picture whose size is not known')
    return undefined
  }
  const fitted: Mutable = { label: annotation.label, ...shapes }
  if (annotation.isCrowd) {
    if (holds.isCrowd) fitted.isCrowd = true
    else lose('mark of a crowd')
  }
  if (annotation.isDifficult) {
    if (holds.isDifficult) fitted.isDifficult = true
    else lose('mark of a difficult thing')
  }
  if (annotation.area !== undefined) {
    if (holds.area) fitted.area = annotation.area
    // An area that follows from the shapes is no loss.
    else if (areaOf({ ...annotation, area: undefined } as Annotation) !== annotation.area) lose('stated area')
  }
  if (annotation.id !== undefined) {
    if (holds.ids === 'any' || (holds.ids === 'number' && Number.isSafeInteger(annotation.id))) fitted.id = annotation.id
    else lose('id of an annotation')
  }
  const attributes = fitAttributes(annotation.attributes ?? {}, holds, lose)
  if (attributes !== undefined) fitted.attributes = attributes
  if (format.derives?.includes('box') && fitted.box === undefined) {
    const box = boxOf(fitted)
    if (box !== undefined) fitted.box = box
  }
  if (format.derives?.includes('area') && fitted.area === undefined) {
    const area = areaOf(fitted)
    if (area !== undefined) fitted.area = area
  }
  return fitted
}

const finest: readonly Shape[] = ['mask', 'polygons', 'orientedBox', 'box', 'keypoints']

/** The shapes that the format holds; the nearest other one where it holds none of them; undefined where nothing is left. */
function fitShapes(
  annotation: Annotation,
  picture: LabelledPicture,
  holds: Holdings,
  lose: (what: string) => void,
): Partial<Mutable> | undefined {
  const { width, height } = picture
  let present = finest.filter((shape) => hasShape(annotation, shape))
  // A line or an ellipse, which only its own format knows.
  if (present.length === 0 && Object.keys(annotation.attributes ?? {}).some((name) => holds.ownAttributes?.includes(name))) return {}
  const kept: Partial<Mutable> = {}
  if (present.includes('keypoints') && holds.shapes.includes('keypoints') && !holds.visibility) {
    if (annotation.keypoints!.some(({ visibility }) => visibility !== 2)) {
      lose('keypoints that are not all to be seen')
      present = present.filter((shape) => shape !== 'keypoints')
    }
  }
  let held = present.filter((shape) => holds.shapes.includes(shape))
  if (holds.together === 'outline' && held.includes('mask') && held.includes('polygons'))
    held = held.filter((shape) => shape !== 'polygons')
  else if (!holds.together) held = held.slice(0, 1)
  const traced = traceMask(annotation, present, picture, holds)
  if (traced.length > 0 && !holds.together) held = []
  for (const shape of held) Object.assign(kept, { [shape]: annotation[shape] })
  // A turned box is an outline of four corners, and a box is one that is not turned.
  if (traced.length > 0) kept.polygons = traced
  else if (held.length === 0 && present.includes('orientedBox') && holds.shapes.includes('polygons'))
    kept.polygons = [annotation.orientedBox!]
  else if (held.length === 0 && holds.shapes.includes('mask') && width !== undefined && height !== undefined) {
    const outlines = annotation.polygons ?? (annotation.orientedBox === undefined ? [] : [annotation.orientedBox])
    if (outlines.length > 0) kept.mask = polygonsMask(outlines, width, height)
  } else if (held.length === 0 && (holds.shapes.includes('box') || holds.shapes.includes('orientedBox'))) {
    const box = boxOf(annotation)
    if (box !== undefined && holds.shapes.includes('box')) kept.box = box
    else if (box !== undefined) kept.orientedBox = smallestTurnedBox(annotation) ?? turnedBox(box, 0)
  }
  if (kept.polygons !== undefined && kept.polygons.length > 1 && !holds.parts) {
    lose('further part of an outline')
    kept.polygons = [kept.polygons.reduce((largest, one) => (polygonArea(one) > polygonArea(largest) ? one : largest))]
  }
  for (const shape of present) {
    if (kept[shape] !== undefined) continue
    if (shape === 'box' && sameBox(annotation, kept)) continue
    lose(shape === 'mask' && traced.length > 0 ? 'mask, whose outline is written' : shapeNames[shape])
  }
  if (Object.keys(kept).length > 0) return kept
  lose('annotation')
  return undefined
}

/** The outlines of a mask that the format cannot hold, where it holds outlines, and there are none besides; a mask of another size lies elsewhere. */
function traceMask(
  { mask }: Annotation,
  present: readonly Shape[],
  { width, height }: LabelledPicture,
  holds: Holdings,
): readonly Polygon[] {
  if (mask === undefined || holds.shapes.includes('mask') || !holds.shapes.includes('polygons') || present.includes('polygons')) return []
  return (width ?? mask.width) === mask.width && (height ?? mask.height) === mask.height ? maskPolygons(mask) : []
}

/** The turned box of least area around an outline or a mask; undefined where there is none, or nothing in it. */
function smallestTurnedBox({ polygons, mask }: Annotation): Polygon | undefined {
  const outlines = polygons !== undefined && polygons.length > 0 ? polygons : mask === undefined ? [] : maskPolygons(mask)
  const hull = convexHull(outlines)
  return hull.length < 6 ? undefined : smallestRectangle(hull)
}

const shapeNames: Readonly<Record<Shape, string>> = {
  mask: 'mask',
  polygons: 'outline',
  orientedBox: 'turn of a box',
  box: 'box beside a finer shape',
  keypoints: 'keypoints',
}

/** Whether the box follows from the finer shapes that are kept. */
function sameBox({ box }: Annotation, kept: Partial<Mutable>): boolean {
  if (kept.mask === undefined && kept.polygons === undefined && kept.orientedBox === undefined) return false
  const derived = boxOf({ label: 0, ...kept })
  return (
    box !== undefined && derived !== undefined && (['x1', 'y1', 'x2', 'y2'] as const).every((k) => Math.abs(box[k] - derived[k]) < 1e-6)
  )
}

export function hasShape(annotation: Annotation, shape: Shape): boolean {
  const value = annotation[shape]
  return value !== undefined && (!Array.isArray(value) || value.length > 0)
}

function fitAttributes(
  attributes: Readonly<Record<string, unknown>>,
  holds: Holdings,
  lose: (what: string) => void,
): Record<string, unknown> | undefined {
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(attributes)) {
    if (holds.attributes === 'json' || holds.ownAttributes?.includes(name)) kept[name] = value
    else if (holds.attributes === 'text' && ['string', 'number', 'boolean'].includes(typeof value)) kept[name] = String(value)
    else lose(`attribute "${name}"`)
  }
  return Object.keys(kept).length === 0 ? undefined : kept
}

/** For formats that know a turned box as a box and its turn: other sets of four corners become outlines, and what is not turned a box. */
export function settleTurned(annotation: Annotation, lose: (what: string) => void): Annotation {
  if (annotation.orientedBox === undefined) return annotation
  const turned = asTurnedBox(annotation.orientedBox)
  if (turned !== undefined && Math.abs(turned.degrees) > 1e-9) return annotation
  const { orientedBox, ...rest } = annotation
  const { box, polygons } = rest
  if (turned === undefined && polygons === undefined) return { ...rest, polygons: [orientedBox] }
  if (turned !== undefined && box === undefined) return { ...rest, box: boxOf({ label: 0, orientedBox })! }
  lose(shapeNames.orientedBox)
  return rest
}
