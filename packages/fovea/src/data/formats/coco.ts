// COCO: one JSON file for each split and kind (Lin et al. 2014; cocodataset.org, "Data format").

import { basename, dirname, posix } from 'node:path'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import type { Annotation, Keypoint, RunLengths } from '../../vision/annotation.ts'
import { type CornerSize, fromCornerSize, toCornerSize } from '../../vision/boxes.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { fromRunLengthText } from '../../vision/run-length-text.ts'
import { checkRunLengths } from '../../vision/run-lengths.ts'
import { compareText } from '../dataset.ts'
import type { DatasetFormat } from './format.ts'
import { IdMaker, idsOf } from './ids.ts'
import { isObject, JsonFile, type JsonObject } from './json.ts'
import { type JsonListReader, readJsonLists } from './json-lists.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { boxOf } from './shapes.ts'
import { SpilledLists } from './spilled-lists.ts'
import type { WriteContext } from './write-context.ts'

/** Kinds of files in the order they are read: what comes first decides the classes and their order. */
const kinds = ['instances', 'person_keypoints', 'stuff', 'labels', 'captions', 'image_info', 'panoptic']
const kindPattern = new RegExp(`^(${kinds.join('|')})(?:_(.+))?\\.json$`)

export const coco: DatasetFormat = {
  name: 'coco',
  title: 'COCO JSON: boxes, outlines, run lengths, keypoints, captions',
  holds: {
    splits: true,
    labels: 'several',
    captions: true,
    shapes: ['box', 'polygons', 'mask', 'keypoints'],
    together: 'outline',
    parts: true,
    visibility: true,
    isCrowd: true,
    area: true,
    ids: 'number',
    attributes: 'json',
    sizes: true,
    unusedClasses: true,
    pictureIds: true,
    classDetails: ['id', 'supercategory', 'keypoints', 'skeleton'],
  },
  wantsSize: true,
  derives: ['box', 'area'],
  async detect(listing) {
    for (const file of listing.withEnding('.json')) {
      if (/^panoptic/.test(basename(file))) continue
      const head = await readHead(listing, file)
      if (/"segments_info"|"shapes"/.test(head)) continue
      if (/"(images|categories|licenses)"\s*:\s*\[/.test(head) || (kindPattern.test(basename(file)) && /"info"\s*:/.test(head)))
        return { confidence: 0.95, reason: `${file} has COCO's lists of images and categories` }
    }
    return undefined
  },
  read,
  write,
}

/** What files tell of a picture, one after another. */
type Told = { picture: LabelledPicture } | { annotation: Annotation } | { label: number } | { caption: string }

async function read(context: ReadContext): Promise<LabelledStream> {
  const files = context.listing.withEnding('.json').sort((a, b) => rank(a) - rank(b) || compareText(a, b))
  const reader = new CocoReader(context)
  for (const file of files) await context.attempt('malformed-file', file, () => reader.readFile(file))
  return { classes: reader.classes, pictures: reader.pictures() }
}

function rank(file: string): number {
  const kind = kindPattern.exec(basename(file))?.[1]
  return kind === undefined ? kinds.length : kinds.indexOf(kind)
}

/** `annotations/instances_train.json` is of the split `train`, and so is `train/_annotations.coco.json`. */
function splitOf(file: string): string | undefined {
  const named = kindPattern.exec(basename(file))
  if (named !== null) return named[2]
  const folder = basename(dirname(file))
  return folder === '.' || folder === 'annotations' ? undefined : folder
}

class CocoReader {
  readonly classes: LabelClass[] = []
  readonly #context: ReadContext
  readonly #labels = new Map<string, number>()
  /** Numbers of pictures by split and name. */
  readonly #numbers = new Map<string, number>()
  /** Their ids, as they were first told. */
  readonly #ids: (number | string)[] = []
  readonly #told: SpilledLists<Told>

  constructor(context: ReadContext) {
    this.#context = context
    this.#told = new SpilledLists(context.options.scratch)
  }

  /** Reads a file twice, since its annotations mostly come before the categories, and sometimes before the images. */
  async readFile(file: string): Promise<void> {
    const { listing, options } = this.#context
    const take = new JsonFile(file)
    const split = splitOf(file)
    const images = new Map<unknown, number>()
    const categories: unknown[] = []
    let isCoco = false
    const first: JsonListReader = {
      wants: (key) => {
        isCoco ||= key === 'images'
        return key === 'images' || key === 'categories'
      },
      element: (key, i, value, bytes) => {
        const field = `${key}[${i}]`
        if (key === 'categories') categories.push(value)
        else
          this.#entry(file, () => {
            const image = take.object(value, field)
            const id = take.id(image.id, `${field}.id`)
            images.set(id, this.#addPicture(take, image, id, field, split, bytes))
          })
      },
      other: (key, value) => {
        if (key === 'categories') take.optionalList(value, key)
      },
    }
    // Other JSON may lie beside it.
    if (!(await readJsonLists(listing.full(file), file, first, options)) || !isCoco) return
    const labels = this.#addClasses(take, categories)
    let panoptic = 0
    await readJsonLists(
      listing.full(file),
      file,
      {
        wants: (key) => key === 'annotations',
        element: (key, i, value, bytes) =>
          this.#entry(file, () => {
            const entry = take.object(value, `${key}[${i}]`)
            if (entry.segments_info !== undefined) panoptic++
            else this.#addAnnotation(take, entry, `${key}[${i}]`, images, labels, bytes)
          }),
        other: (key, value) => take.optionalList(value, key),
      },
      options,
    )
    if (panoptic > 0)
      this.#context.report('unsupported-part', file, `panoptic segments of ${panoptic} pictures: read them as coco-panoptic`)
  }

  *pictures(): Iterable<LabelledPicture> {
    for (const [, told] of this.#told.lists()) yield gather(told)
  }

  #addClasses(take: JsonFile, categories: readonly unknown[]): Map<unknown, number> {
    const labels = new Map<unknown, number>()
    categories.forEach((value, i) => {
      this.#entry(take.file, () => {
        const category = take.object(value, `categories[${i}]`)
        const id = take.id(category.id, `categories[${i}].id`)
        labels.set(id, this.#addClass(take, category, id, `categories[${i}]`))
      })
    })
    return labels
  }

  #entry(file: string, read: () => void): void {
    this.#context.attemptNow('malformed-entry', file, read)
  }

  #addClass(take: JsonFile, category: JsonObject, id: number | string, field: string): number {
    const name = take.text(category.name, `${field}.name`)
    const known = this.#labels.get(name)
    const first = known === undefined ? id : this.classes[known]!.id
    if (first !== id) this.#context.report('several-ids', take.file, `class "${name.slice(0, 100)}": ${id}, before ${first}`)
    if (known !== undefined && (this.classes[known]!.keypoints ?? category.keypoints) === this.classes[known]!.keypoints) return known
    const { supercategory, keypoints, skeleton } = category
    const one: LabelClass = {
      name,
      id,
      ...(typeof supercategory === 'string' && supercategory !== '' ? { supercategory } : {}),
      ...(keypoints === undefined
        ? {}
        : { keypoints: take.list(keypoints, `${field}.keypoints`).map((key) => take.text(key, `${field}.keypoints`)) }),
      ...(skeleton === undefined
        ? {}
        : { skeleton: take.list(skeleton, `${field}.skeleton`).map((pair) => pairOf(take, pair, `${field}.skeleton`)) }),
    }
    const label = known ?? this.classes.length
    this.classes[label] = { ...this.classes[label], ...one, ...(first === undefined ? {} : { id: first }) }
    this.#labels.set(name, label)
    return label
  }

  #addPicture(take: JsonFile, image: JsonObject, id: number | string, field: string, split: string | undefined, bytes: number): number {
    const stated = take.text(image.file_name, `${field}.file_name`)
    const name = this.#context.inside(stated, '', take.file)
    const key = `${split ?? ''}\0${name}`
    const known = this.#numbers.get(key)
    if (known !== undefined) {
      if (this.#ids[known] !== id) this.#context.report('several-ids', take.file, `picture ${name}: ${id}, before ${this.#ids[known]}`)
      return known
    }
    const folder = dirname(take.file)
    const splits = split === undefined ? [] : [`images/${split}`, split]
    const path = this.#context.listing.first([...splits, folder, 'images', ''].map((place) => posix.join(place, name)))
    const [width, height] = [image.width, image.height]
    const sized = typeof width === 'number' && typeof height === 'number' && width > 0 && height > 0
    const picture: LabelledPicture = {
      name,
      id,
      ...this.#context.picture(path, name),
      ...(sized ? { width, height } : {}),
      ...(split === undefined ? {} : { split }),
      labels: [],
      annotations: [],
      captions: [],
    }
    const number = this.#numbers.size
    this.#numbers.set(key, number)
    this.#ids.push(id)
    this.#told.add(number, { picture }, bytes)
    return number
  }

  #addAnnotation(
    take: JsonFile,
    entry: JsonObject,
    field: string,
    images: ReadonlyMap<unknown, number>,
    labels: ReadonlyMap<unknown, number>,
    bytes: number,
  ): void {
    const number = images.get(entry.image_id)
    if (number === undefined) {
      this.#context.report('orphan-labels', take.file, `${field}: image_id ${String(entry.image_id).slice(0, 60)}`)
      return
    }
    if (entry.caption !== undefined) {
      this.#told.add(number, { caption: take.text(entry.caption, `${field}.caption`) }, bytes)
      return
    }
    const label = labels.get(entry.category_id) ?? -1
    if (label < 0) this.#context.report('unknown-class', take.file, `${field}: category_id ${String(entry.category_id).slice(0, 60)}`)
    const annotation = readAnnotation(take, entry, field, label)
    const shaped = boxOf(annotation) !== undefined || annotation.keypoints !== undefined
    // A category alone is of the whole picture.
    if (shaped) this.#told.add(number, { annotation }, bytes)
    else if (label >= 0) this.#told.add(number, { label }, bytes)
  }
}

/** A picture of what was told of it. */
function gather(told: readonly Told[]): LabelledPicture {
  const [{ picture }] = told as [{ picture: LabelledPicture }]
  const labels = new Set<number>()
  const captions: string[] = []
  const annotations: Annotation[] = []
  const byId = new Map<number | string, number>()
  for (const one of told) {
    if ('label' in one) labels.add(one.label)
    else if ('caption' in one) captions.push(one.caption)
    else if ('annotation' in one) {
      const { annotation } = one
      const at = annotation.id === undefined ? undefined : byId.get(annotation.id)
      // person_keypoints repeats what instances tells, under the same id.
      if (at !== undefined && annotations[at]!.label === annotation.label && sameNumbers(annotations[at]!, annotation))
        annotations[at] = { ...annotations[at], ...annotation }
      else {
        if (annotation.id !== undefined && at === undefined) byId.set(annotation.id, annotations.length)
        annotations.push(annotation)
      }
    }
  }
  return { ...picture, labels: [...labels], annotations, captions }
}

function sameNumbers(a: Annotation, b: Annotation): boolean {
  return JSON.stringify([a.box, a.polygons, a.mask]) === JSON.stringify([b.box, b.polygons, b.mask])
}

function pairOf(take: JsonFile, value: unknown, field: string): readonly [number, number] {
  const [a, b, ...more] = take.numbers(value, field)
  return a === undefined || b === undefined || more.length > 0 ? take.fail(field, 'pairs of numbers', value) : [a, b]
}

function readAnnotation(take: JsonFile, entry: JsonObject, field: string, label: number): Annotation {
  const { bbox, segmentation, keypoints, area, iscrowd, id, attributes } = entry
  const corners = bbox === undefined || bbox === null ? [] : take.numbers(bbox, `${field}.bbox`)
  if (corners.length !== 0 && corners.length !== 4) take.fail(`${field}.bbox`, '[x, y, width, height]', bbox)
  const outline = segmentation === undefined || segmentation === null ? {} : readSegmentation(take, segmentation, `${field}.segmentation`)
  const points = keypoints === undefined || keypoints === null ? [] : readKeypoints(take, keypoints, `${field}.keypoints`)
  return {
    label,
    ...(corners.length === 4 ? { box: fromCornerSize(corners as unknown as CornerSize) } : {}),
    ...outline,
    ...(points.length > 0 ? { keypoints: points } : {}),
    ...(typeof area === 'number' && Number.isFinite(area) ? { area } : {}),
    ...(iscrowd === 1 || iscrowd === true ? { isCrowd: true } : {}),
    ...(id === undefined || id === null ? {} : { id: take.id(id, `${field}.id`) }),
    ...(isObject(attributes) && Object.keys(attributes).length > 0 ? { attributes } : {}),
  }
}

function readSegmentation(take: JsonFile, value: unknown, field: string): { polygons?: number[][]; mask?: RunLengths } {
  if (Array.isArray(value)) {
    const polygons = value.map((one) => take.numbers(one, field)).filter((one) => one.length > 0)
    if (polygons.some((one) => one.length % 2 === 1)) take.fail(field, 'x and y in turn', value)
    return polygons.length === 0 ? {} : { polygons }
  }
  const { size, counts } = take.object(value, field)
  const [height, width, ...more] = take.numbers(size, `${field}.size`)
  if (height === undefined || width === undefined || more.length > 0) return take.fail(`${field}.size`, '[height, width]', size)
  return { mask: readRuns(take, counts, width, height, `${field}.counts`) }
}

/** Run lengths as a list, or as COCO's compressed text. */
function readRuns(take: JsonFile, counts: unknown, width: number, height: number, field: string): RunLengths {
  try {
    if (typeof counts === 'string') return fromRunLengthText(counts, width, height)
    return checkRunLengths({ width, height, counts: take.numbers(counts, field) })
  } catch (error) {
    if (!isFoveaError(error, 'MASK_INVALID')) throw error
    throw new FoveaError('DATASET_MALFORMED', { ...error.details, file: take.file, field, cause: error })
  }
}

function readKeypoints(take: JsonFile, value: unknown, field: string): Keypoint[] {
  const numbers = take.numbers(value, field)
  if (numbers.length % 3 !== 0) take.fail(field, 'x, y and visibility in turn', value)
  return Array.from({ length: numbers.length / 3 }, (_, i) => {
    const [x, y, visibility] = numbers.slice(3 * i, 3 * i + 3) as [number, number, number]
    if (visibility !== 0 && visibility !== 1 && visibility !== 2) return take.fail(field, 'a visibility of 0, 1 or 2', visibility)
    return { x, y, visibility }
  })
}

interface Output {
  readonly images: string[]
  readonly annotations: string[]
  readonly captions: string[]
  readonly labels: string[]
  readonly imageIds: IdMaker
  readonly annotationIds: IdMaker
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const outputs = new Map<string | undefined, Output>()
  const categoryIds = idsOf(
    set.classes.map(({ id }) => id),
    (i) => context.lose('id of a class, which is taken', set.classes[i]!.name),
  )
  for await (const picture of set.pictures) {
    const output = outputs.get(picture.split) ?? {
      images: [],
      annotations: [],
      captions: [],
      labels: [],
      imageIds: new IdMaker(),
      annotationIds: new IdMaker(),
    }
    outputs.set(picture.split, output)
    const image_id = output.imageIds.take(picture.id, () => context.lose('id of a picture, which is taken', picture.name))
    const takeId = (id: Annotation['id']) =>
      output.annotationIds.take(id, () => context.lose('id of an annotation, which is taken', picture.name))
    output.images.push(JSON.stringify({ id: image_id, file_name: picture.name, width: picture.width ?? 0, height: picture.height ?? 0 }))
    for (const annotation of picture.annotations)
      output.annotations.push(JSON.stringify(writeAnnotation(annotation, takeId(annotation.id), image_id, categoryIds)))
    for (const caption of picture.captions) output.captions.push(JSON.stringify({ id: output.captions.length + 1, image_id, caption }))
    for (const label of picture.labels)
      output.labels.push(JSON.stringify({ id: output.labels.length + 1, image_id, category_id: categoryIds[label] }))
    await context.placePicture(picture, posix.join('images', picture.split ?? '', picture.name))
  }
  const categories = set.classes.map(({ name, supercategory, keypoints, skeleton }, i) =>
    JSON.stringify({ id: categoryIds[i], name, supercategory: supercategory ?? '', keypoints, skeleton }),
  )
  for (const [split, { images, annotations, captions, labels }] of outputs) {
    const ending = split === undefined ? '.json' : `_${split}.json`
    await context.write(`annotations/instances${ending}`, document(images, annotations, categories))
    if (captions.length > 0) await context.write(`annotations/captions${ending}`, document(images, captions, []))
    if (labels.length > 0) await context.write(`annotations/labels${ending}`, document(images, labels, categories))
  }
}

function writeAnnotation(
  annotation: Annotation,
  id: number | string,
  image_id: number | string,
  categoryIds: readonly (number | string)[],
): JsonObject {
  const { label, box, polygons, mask, keypoints, area, isCrowd, attributes } = annotation
  return {
    id,
    image_id,
    category_id: categoryIds[label],
    ...(box === undefined ? {} : { bbox: toCornerSize(box) }),
    area,
    segmentation: mask === undefined ? (polygons ?? []) : { size: [mask.height, mask.width], counts: mask.counts },
    iscrowd: isCrowd ? 1 : 0,
    ...(keypoints === undefined
      ? {}
      : {
          keypoints: keypoints.flatMap(({ x, y, visibility }) => [x, y, visibility]),
          num_keypoints: keypoints.filter(({ visibility }) => visibility > 0).length,
        }),
    attributes,
  }
}

function document(images: readonly string[], annotations: readonly string[], categories: readonly string[]): string {
  const list = (entries: readonly string[]) => (entries.length === 0 ? '[]' : `[\n${entries.join(',\n')}\n]`)
  return `{"info":{},"licenses":[],"categories":${list(categories)},\n"images":${list(images)},\n"annotations":${list(annotations)}}\n`
}
