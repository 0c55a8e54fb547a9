// COCO panoptic: a PNG of segment ids for each picture, and JSON that says what they are (Kirillov et al. 2019; cocodataset.org, "Panoptic").

import { basename, dirname, posix } from 'node:path'
import sharp from 'sharp'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation, RunLengths } from '../../vision/annotation.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { encodeMask, maskArea, maskBounds, visitRuns } from '../../vision/run-lengths.ts'
import type { AdaptContext, DatasetFormat } from './format.ts'
import { IdMaker, idsOf } from './ids.ts'
import { isObject, JsonFile, type JsonObject } from './json.ts'
import { readJsonLists } from './json-lists.ts'
import { Labels } from './labels.ts'
import { readMask } from './raster.ts'
import { type ReadContext, readHead } from './read-context.ts'
import type { WriteContext } from './write-context.ts'

const filePattern = /^panoptic(?:_(.+))?\.json$/

export const cocoPanoptic: DatasetFormat = {
  name: 'coco-panoptic',
  title: 'COCO panoptic: a segment for each pixel',
  holds: {
    splits: true,
    labels: 'none',
    shapes: ['mask'],
    isCrowd: true,
    ids: 'number',
    pictureIds: true,
    sizes: true,
    unusedClasses: true,
    classDetails: ['id', 'supercategory', 'isThing'],
    namesByStem: true,
  },
  needsSize: true,
  async detect(listing) {
    for (const file of listing.withEnding('.json')) {
      const head = await readHead(listing, file, 65_536)
      if (/"segments_info"\s*:/.test(head) || (filePattern.test(basename(file)) && /"(images|categories|annotations)"\s*:/.test(head)))
        return { confidence: 0.94, reason: `${file} tells of panoptic segments` }
    }
    return undefined
  },
  read,
  write,
  adapt,
}

/** What the JSON tells of a picture; its pixels are read when it is asked for. */
interface Told {
  readonly picture: LabelledPicture
  readonly mask: string | undefined
  readonly segments: readonly { readonly id: number; readonly label: number; readonly isCrowd: boolean }[]
  readonly file: string
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const labels = new Labels(context)
  const told: Told[] = []
  for (const file of context.listing.withEnding('.json'))
    await context.attempt('malformed-file', file, () => readFile(context, file, labels, told))
  const pictures = async function* () {
    for (const one of told) yield { ...one.picture, annotations: await readSegments(context, one) }
  }
  return { classes: labels.classes, pictures: { [Symbol.asyncIterator]: pictures } }
}

async function readFile(context: ReadContext, file: string, labels: Labels, told: Told[]): Promise<void> {
  const take = new JsonFile(file)
  const lists: Record<'images' | 'categories' | 'annotations', unknown[]> = { images: [], categories: [], annotations: [] }
  await readJsonLists(
    context.listing.full(file),
    file,
    {
      wants: (key) => Object.hasOwn(lists, key),
      element: (key, _, value) => lists[key as 'images'].push(value),
      other: (key, value) => take.optionalList(value, key),
    },
    context.options,
  )
  // Other JSON may lie beside it.
  if (!filePattern.test(basename(file)) && !lists.annotations.some((one) => isObject(one) && one.segments_info !== undefined)) return
  const entry = <T>(readOne: () => T): T | undefined => context.attemptNow('malformed-entry', file, readOne)
  const categories: [unknown, LabelClass][] = []
  lists.categories.forEach((value, i) => {
    entry(() => categories.push(readClass(take, value, `categories[${i}]`)))
  })
  labels.declare(categories.map(([, one]) => one))
  const classes = new Map(categories.map(([id, one]) => [id, labels.of(one.name, file)]))
  for (const [id, label] of classes) {
    const first = labels.classes[label]?.id
    if (first !== undefined && first !== id)
      context.report('several-ids', file, `class "${labels.classes[label]!.name.slice(0, 100)}": ${String(id)}, before ${first}`)
  }
  const named = filePattern.exec(basename(file))
  const folder = basename(dirname(file))
  const split = named === null ? (folder === '.' || folder === 'annotations' ? undefined : folder) : named[1]
  const images = new Map<unknown, LabelledPicture>()
  lists.images.forEach((value, i) => {
    entry(() => {
      const image = take.object(value, `images[${i}]`)
      const id = take.id(image.id, `images[${i}].id`)
      images.set(id, { id, ...readPicture(context, take, image, `images[${i}]`, split) })
    })
  })
  const left = new Map(images)
  lists.annotations.forEach((value, i) => {
    entry(() => {
      const field = `annotations[${i}]`
      const annotation = take.object(value, field)
      const picture = images.get(annotation.image_id)
      if (picture === undefined)
        return context.report('orphan-labels', file, `${field}: image_id ${String(annotation.image_id).slice(0, 60)}`)
      const stem = file.slice(0, -'.json'.length)
      const name = context.inside(take.text(annotation.file_name, `${field}.file_name`), '', file)
      const mask = context.listing.first([posix.join(stem, name), posix.join(dirname(file), name), posix.join(`${stem}_masks`, name), name])
      if (mask === undefined) context.report('missing-file', name, `${field}: the picture of its segments`)
      const segments = take.optionalList(annotation.segments_info, `${field}.segments_info`).map((one, k) => {
        const segment = take.object(one, `${field}.segments_info[${k}]`)
        const label = classes.get(segment.category_id) ?? -1
        if (label < 0) context.report('unknown-class', file, `${field}: category_id ${String(segment.category_id).slice(0, 60)}`)
        return { id: take.number(segment.id, `${field}.segments_info[${k}].id`), label, isCrowd: segment.iscrowd === 1 }
      })
      left.delete(annotation.image_id)
      told.push({ picture, mask, segments, file })
    })
  })
  for (const picture of left.values()) told.push({ picture, mask: undefined, segments: [], file })
}

function readClass(take: JsonFile, value: unknown, field: string): [unknown, LabelClass] {
  const { id, name, supercategory, isthing } = take.object(value, field)
  const known = take.id(id, `${field}.id`)
  return [
    known,
    {
      id: known,
      name: take.text(name, `${field}.name`),
      ...(typeof supercategory === 'string' && supercategory !== '' ? { supercategory } : {}),
      ...(isthing === 0 || isthing === 1 ? { isThing: isthing === 1 } : {}),
    },
  ]
}

function readPicture(context: ReadContext, take: JsonFile, image: JsonObject, field: string, split: string | undefined): LabelledPicture {
  const name = context.inside(take.text(image.file_name, `${field}.file_name`), '', take.file)
  const splits = split === undefined ? [] : [`images/${split}`, split]
  const path = context.listing.first([...splits, dirname(take.file), 'images', ''].map((place) => posix.join(place, name)))
  const { width, height } = image
  const sized = typeof width === 'number' && typeof height === 'number' && width > 0 && height > 0
  return {
    name,
    ...context.picture(path, name),
    ...(sized ? { width, height } : {}),
    ...(split === undefined ? {} : { split }),
    labels: [],
    annotations: [],
    captions: [],
  }
}

/** The masks of a picture's segments: its PNG holds ids as red + 256 green + 65536 blue. */
async function readSegments(context: ReadContext, { mask, segments, file }: Told): Promise<Annotation[]> {
  if (mask === undefined || segments.length === 0) return []
  const read = async () => {
    const { width, height, values } = await readMask(context.listing.full(mask), mask, true)
    const masks = masksOf(values, width, height, new Set(segments.map(({ id }) => swapped(id))))
    return segments.flatMap(({ id, label, isCrowd }): Annotation[] => {
      const found = masks.get(swapped(id))
      if (found === undefined) context.report('orphan-labels', file, `segment ${id} has no pixel in ${mask}`)
      return found === undefined ? [] : [{ label, id, mask: found, ...(isCrowd ? { isCrowd: true } : {}) }]
    })
  }
  return (await context.attempt('malformed-file', mask, read)) ?? []
}

/** An id as a colour of `readMask`, 0xRRGGBB. */
function swapped(id: number): number {
  return ((id & 0xff) << 16) | (id & 0xff00) | ((id >>> 16) & 0xff)
}

/** Run lengths of many ids at once, in one walk down the columns. */
function masksOf(values: ArrayLike<number>, width: number, height: number, wanted: ReadonlySet<number>): Map<number, RunLengths> {
  const counts = new Map<number, number[]>()
  const ends = new Map<number, number>()
  const total = width * height
  for (let at = 0; at < total; ) {
    const valueAt = (i: number) => values[(i % height) * width + Math.floor(i / height)]!
    const value = valueAt(at)
    let end = at + 1
    while (end < total && valueAt(end) === value) end++
    if (wanted.has(value)) {
      const list = counts.get(value) ?? []
      list.push(at - (ends.get(value) ?? 0), end - at)
      counts.set(value, list)
      ends.set(value, end)
    }
    at = end
  }
  return new Map(
    [...counts].map(([value, list]) => {
      const rest = total - ends.get(value)!
      return [value, { width, height, counts: rest > 0 ? [...list, rest] : list }]
    }),
  )
}

/** A pixel belongs to one segment: the first that has it. */
function adapt(picture: LabelledPicture, { lose }: AdaptContext): LabelledPicture {
  const { width = 0, height = 0 } = picture
  const owner = new Int32Array(width * height).fill(-1)
  picture.annotations.forEach(({ mask }, i) => {
    if (mask!.width !== width || mask!.height !== height) return
    visitRuns(mask!, (x, top, bottom) => {
      for (let y = top; y < bottom; y++) if (owner[y * width + x] === -1) owner[y * width + x] = i
    })
  })
  const owned = new Uint32Array(picture.annotations.length)
  for (const i of owner) if (i >= 0) owned[i]!++
  const annotations = picture.annotations.flatMap((annotation, i): Annotation[] => {
    const { mask } = annotation
    if (mask!.width !== width || mask!.height !== height) {
      lose('mask of another size than its picture')
      return []
    }
    if (owned[i] === maskArea(mask!) && owned[i] > 0) return [annotation]
    lose('part of a mask that another covers')
    return owned[i] === 0
      ? []
      : [
          {
            ...annotation,
            mask: encodeMask(
              owner.map((one) => (one === i ? 1 : 0)),
              width,
              height,
            ),
          },
        ]
  })
  return { ...picture, annotations }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const outputs = new Map<string | undefined, { images: JsonObject[]; annotations: JsonObject[]; ids: IdMaker }>()
  const categoryIds = idsOf(
    set.classes.map(({ id }) => id),
    (i) => context.lose('id of a class, which is taken', set.classes[i]!.name),
  )
  for await (const picture of set.pictures) {
    const { name, split, width = 0, height = 0 } = picture
    const output = outputs.get(split) ?? { images: [], annotations: [], ids: new IdMaker() }
    outputs.set(split, output)
    const image_id = output.ids.take(picture.id, () => context.lose('id of a picture, which is taken', name))
    const segmentIds = segmentIdsOf(picture, () => context.lose('id of an annotation, which no colour stands for', name))
    output.images.push({ id: image_id, file_name: name, width, height })
    const file_name = `${name.replace(/\.[^./]*$/, '')}.png`
    const segments_info = picture.annotations.map(({ label, mask, isCrowd }, i) => {
      const { x1, y1, x2, y2 } = maskBounds(mask!)!
      return {
        id: segmentIds[i],
        category_id: categoryIds[label],
        area: maskArea(mask!),
        bbox: [x1, y1, x2 - x1, y2 - y1],
        iscrowd: isCrowd ? 1 : 0,
      }
    })
    output.annotations.push({ image_id, file_name, segments_info })
    if (width > 0 && height > 0)
      await context.write(
        posix.join('annotations', split === undefined ? 'panoptic' : `panoptic_${split}`, file_name),
        await idPicture(picture, segmentIds),
      )
    await context.placePicture(picture, posix.join('images', split ?? '', name))
  }
  const categories = set.classes.map(({ name, supercategory, isThing }, i) => ({
    id: categoryIds[i],
    name,
    supercategory: supercategory ?? '',
    ...(isThing === undefined ? {} : { isthing: isThing ? 1 : 0 }),
  }))
  for (const [split, { images, annotations }] of outputs)
    await context.write(
      `annotations/panoptic${split === undefined ? '' : `_${split}`}.json`,
      `${JSON.stringify({ info: {}, licenses: [], categories, images, annotations })}\n`,
    )
}

/** Segments by the colour that stands for them: their own ids where these are colours, each once. */
function segmentIdsOf({ annotations, name }: LabelledPicture, changed: () => void): number[] {
  if (annotations.length >= 2 ** 24)
    throw new FoveaError('DATASET_UNSUPPORTED', {
      field: name,
      expected: 'fewer than 16.7 million segments',
      found: String(annotations.length),
    })
  const ids = new IdMaker(2 ** 24 - 1)
  return annotations.map(({ id }) => ids.take(id, changed) as number)
}

async function idPicture({ width = 0, height = 0, annotations }: LabelledPicture, ids: readonly number[]): Promise<Uint8Array> {
  const pixels = new Uint8Array(3 * width * height)
  annotations.forEach(({ mask }, i) => {
    const id = ids[i]!
    visitRuns(mask!, (x, top, bottom) => {
      for (let y = top; y < bottom; y++) pixels.set([id & 0xff, (id >>> 8) & 0xff, id >>> 16], 3 * (y * width + x))
    })
  })
  return new Uint8Array(
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  )
}
