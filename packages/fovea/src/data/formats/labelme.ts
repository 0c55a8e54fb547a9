// LabelMe: a JSON file beside each picture (wkentaro/labelme); the XML of the original is read too.

import { basename, dirname, posix } from 'node:path'
import { isFoveaError } from '../../util/errors.ts'
import type { Annotation, RunLengths } from '../../vision/annotation.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import type { DatasetFormat } from './format.ts'
import { isObject, JsonFile, type JsonObject, parseJson } from './json.ts'
import { GroupedAnnotations } from './label-groups.ts'
import { isLabelmeXml, readLabelmeXml } from './labelme-xml.ts'
import { Labels } from './labels.ts'
import { stemOf } from './listing.ts'
import { cutMask, placeMask } from './mask-part.ts'
import { decodeMaskFile, writeMask } from './raster.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { splitName } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'

export const labelme: DatasetFormat = {
  name: 'labelme',
  title: 'LabelMe JSON: outlines, boxes, points, masks, flags',
  holds: {
    splits: ['train', 'val', 'test'],
    labels: 'several',
    shapes: ['box', 'polygons', 'mask', 'keypoints'],
    together: true,
    parts: true,
    sizes: true,
    unusedClasses: true,
    ownAttributes: ['flags', 'description'],
    namesByStem: true,
  },
  wantsSize: true,
  async detect(listing) {
    for (const file of listing.withEnding('.json').slice(0, 20)) {
      const head = await readHead(listing, file)
      if (/"shapes"\s*:\s*\[/.test(head) && /"(imagePath|flags|version|shape_type)"/.test(head))
        return { confidence: 0.95, reason: `${file} has LabelMe's list of shapes` }
    }
    for (const file of listing.withEnding('.xml').slice(0, 20))
      if (isLabelmeXml(await readHead(listing, file))) return { confidence: 0.9, reason: `${file} is XML of the original LabelMe` }
    return undefined
  },
  read,
  write,
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const labels = new Labels(context)
  const list = context.listing.files.find((file) => basename(file) === 'labels.txt')
  if (list !== undefined) {
    const names = (await context.text(list)).split(/\r?\n/).map((line) => line.trim())
    labels.declare(names.filter((name) => name !== '' && name !== '__ignore__').map((name) => ({ name })))
  }
  const pictures: LabelledPicture[] = []
  for (const file of context.listing.withEnding('.json')) {
    const picture = await context.attempt('malformed-file', file, async () => {
      const json = parseJson(await context.text(file), file)
      return isObject(json) && json.shapes !== undefined ? await readPicture(json, file, context, labels) : undefined
    })
    if (picture !== undefined) pictures.push(picture)
  }
  for (const file of context.listing.withEnding('.xml')) {
    const picture = await context.attempt('malformed-file', file, () => readLabelmeXml(file, context, labels))
    if (picture !== undefined) pictures.push(picture)
  }
  return labels.sortedByName(pictures)
}

async function readPicture(json: JsonObject, file: string, context: ReadContext, labels: Labels): Promise<LabelledPicture> {
  const take = new JsonFile(file)
  const stated =
    typeof json.imagePath === 'string' && json.imagePath !== '' ? context.inside(json.imagePath, dirname(file), file) : undefined
  const path = (stated === undefined ? undefined : context.listing.first([stated])) ?? context.listing.imageByStem(stemOf(file))
  const [first = '', ...rest] = file.split('/')
  const split = rest.length > 0 ? splitName(first) : undefined
  const stem = stemOf(split === undefined ? file : rest.join('/'))
  const name = `${stem}${posix.extname(path ?? stated ?? '') || '.jpg'}`
  const [width, height] = [json.imageWidth, json.imageHeight]
  const size = typeof width === 'number' && typeof height === 'number' && width > 0 && height > 0 ? { width, height } : undefined
  const own = Object.entries(isObject(json.flags) ? json.flags : {}).flatMap(([flag, on]) => (on === true ? labels.of(flag, file) : []))
  const annotations = new GroupedAnnotations()
  for (const [i, value] of take.list(json.shapes, 'shapes').entries())
    await context.attempt('malformed-entry', file, async () => {
      const field = `shapes[${i}]`
      const shape = take.object(value, field)
      const label = labels.of(take.text(shape.label, `${field}.label`), file)
      const parts = await readShape(take, shape, field, size)
      if (parts === undefined) context.report('unsupported-part', file, `${field}: ${String(shape.shape_type).slice(0, 40)}`)
      else
        annotations.add(label, shape.group_id === null || shape.group_id === undefined ? undefined : String(shape.group_id), {
          ...parts,
          ...attributesOf(shape),
        })
    })
  return {
    name,
    ...context.picture(path, name),
    ...size,
    ...(split === undefined ? {} : { split }),
    labels: own.filter((label) => label >= 0),
    annotations: annotations.list,
    captions: [],
  }
}

function attributesOf({ flags, description }: JsonObject): Pick<Annotation, 'attributes'> {
  const attributes = {
    ...(isObject(flags) && Object.keys(flags).length > 0 ? { flags } : {}),
    ...(typeof description === 'string' && description !== '' ? { description } : {}),
  }
  return Object.keys(attributes).length > 0 ? { attributes } : {}
}

async function readShape(
  take: JsonFile,
  shape: JsonObject,
  field: string,
  size: { width: number; height: number } | undefined,
): Promise<Partial<Annotation> | undefined> {
  const points = take.list(shape.points, `${field}.points`).map((pair) => take.numbers(pair, `${field}.points`))
  if (!points.every((pair) => pair.length === 2)) take.fail(`${field}.points`, 'pairs of x and y', shape.points)
  const [[x1, y1] = [], [x2, y2] = []] = points
  switch (shape.shape_type ?? 'polygon') {
    case 'polygon':
      return { polygons: [points.flat()] }
    case 'rectangle':
      if (points.length !== 2) take.fail(`${field}.points`, 'two corners', shape.points)
      // Drawn from any corner.
      return { box: { x1: Math.min(x1!, x2!), y1: Math.min(y1!, y2!), x2: Math.max(x1!, x2!), y2: Math.max(y1!, y2!) } }
    case 'point':
      if (points.length !== 1) take.fail(`${field}.points`, 'one point', shape.points)
      return { keypoints: [{ x: x1!, y: y1!, visibility: 2 }] }
    case 'mask':
      if (size === undefined || points.length !== 2) take.fail(`${field}.points`, 'two corners in a picture of known size', shape.points)
      return {
        mask: await readMaskShape(take, take.text(shape.mask, `${field}.mask`), Math.round(x1!), Math.round(y1!), size!, `${field}.mask`),
      }
    default:
      return undefined
  }
}

/** A PNG of the part of the picture that begins at the first corner. */
async function readMaskShape(
  take: JsonFile,
  base64: string,
  left: number,
  top: number,
  { width, height }: { width: number; height: number },
  field: string,
): Promise<RunLengths> {
  const part = await decodeMaskFile(Buffer.from(base64, 'base64'), take.file).catch((error: unknown) => {
    if (!isFoveaError(error)) throw error
    return take.fail(field, 'a PNG in base64', base64)
  })
  return placeMask({ left, top, width: part.width, height: part.height, pixels: part.values }, width, height, field, take.file)
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  await context.write('labels.txt', set.classes.map(({ name }) => `${name}\n`).join(''))
  for await (const picture of set.pictures) {
    const path = posix.join(picture.split ?? '', picture.name)
    const shapes: JsonObject[] = []
    for (const [i, annotation] of picture.annotations.entries()) shapes.push(...(await shapesOf(annotation, i + 1, set.classes)))
    const json = {
      version: '5.5.0',
      flags: Object.fromEntries(picture.labels.map((label) => [set.classes[label]!.name, true])),
      shapes,
      imagePath: basename(path),
      imageData: null,
      ...(picture.height === undefined ? {} : { imageHeight: picture.height, imageWidth: picture.width }),
    }
    await context.write(`${stemOf(path)}.json`, `${JSON.stringify(json, undefined, 2)}\n`)
    await context.placePicture(picture, path)
  }
}

async function shapesOf(annotation: Annotation, number: number, classes: readonly LabelClass[]): Promise<JsonObject[]> {
  const { box, polygons = [], mask, keypoints = [], attributes = {} } = annotation
  const shapes: JsonObject[] = polygons.map((points) => ({ points: pairs(points), shape_type: 'polygon' }))
  if (box !== undefined) shapes.push({ points: pairs([box.x1, box.y1, box.x2, box.y2]), shape_type: 'rectangle' })
  if (mask !== undefined) shapes.push(await maskShape(mask))
  for (const { x, y } of keypoints) shapes.push({ points: [[x, y]], shape_type: 'point' })
  const group_id = shapes.length > 1 ? number : null
  return shapes.map((shape) => ({
    label: classes[annotation.label]!.name,
    ...shape,
    group_id,
    description: attributes.description ?? '',
    flags: attributes.flags ?? {},
  }))
}

function pairs(points: readonly number[]): number[][] {
  return Array.from({ length: points.length / 2 }, (_, i) => [points[2 * i]!, points[2 * i + 1]!])
}

/** The second corner is the last pixel. */
async function maskShape(mask: RunLengths): Promise<JsonObject> {
  const { left, top, width, height, pixels } = cutMask(mask)
  const png = await writeMask(
    Uint8Array.from(pixels, (one) => 255 * one),
    width,
    height,
  )
  const points = pairs([left, top, left + width - 1, top + height - 1])
  return { points, shape_type: 'mask', mask: Buffer.from(png).toString('base64') }
}
