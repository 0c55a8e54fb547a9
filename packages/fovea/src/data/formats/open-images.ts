// Open Images: CSV files of boxes, masks and verified labels, classes by their knowledge-graph ids (storage.googleapis.com/openimages).

import { basename, posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Box } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { decodeMask, encodeMask } from '../../vision/run-lengths.ts'
import { namedRows, parseCsv, printCsv } from './csv.ts'
import type { AdaptContext, DatasetFormat } from './format.ts'
import { Labels } from './labels.ts'
import { stemOf } from './listing.ts'
import { type MaskPixels, readMask, writeMask } from './raster.ts'
import { type ReadContext, readHead } from './read-context.ts'
import type { WriteContext } from './write-context.ts'
import { numberOf } from './xml.ts'

const flags = ['IsOccluded', 'IsTruncated', 'IsDepiction', 'IsInside'] as const
const pattern =
  /^(?:oidv6-)?(?:(train|validation|test)-)?(annotations-bbox|annotations-human-imagelabels(?:-boxable)?|annotations-object-segmentation|images-with(?:-labels-with)?-rotation)\.csv$/

export const openImages: DatasetFormat = {
  name: 'open-images',
  title: 'Open Images CSV: boxes, masks and labels of whole images',
  holds: {
    splits: ['train', 'val', 'test'],
    labels: 'several',
    shapes: ['box', 'mask'],
    together: true,
    isCrowd: true,
    ownAttributes: flags,
    unusedClasses: true,
    namesByStem: true,
  },
  needsSize: true,
  derives: ['box'],
  adapt,
  async detect(listing) {
    for (const file of listing.withEnding('.csv')) {
      if (!pattern.test(basename(file)) && basename(file) !== 'image_ids_and_rotation.csv') continue
      if (/^ImageID,/.test(await readHead(listing, file, 64)))
        return { confidence: 0.95, reason: `${file} begins with Open Images' column ImageID` }
    }
    return undefined
  },
  read,
  write,
}

interface Growing {
  readonly picture: LabelledPicture
  readonly labels: number[]
  readonly annotations: Annotation[]
  /** By `BoxID`, where the boxes have one. */
  readonly boxIds: Map<string, number>
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const labels = new Labels(context)
  const names = await readClasses(context, labels)
  const pictures = new Map<string, Growing>()
  const at = async (id: string, subset: string | undefined, file: string): Promise<Growing> => {
    const split = subset === 'validation' ? 'val' : subset || undefined
    const key = `${split ?? ''}\0${id}`
    const known = pictures.get(key)
    if (known !== undefined) return known
    const stem = context.inside(id, '', file)
    const path =
      context.listing.imageByStem(posix.join('images', subset ?? '', stem)) ?? context.listing.imageByStem(posix.join(subset ?? '', stem))
    const name = `${stem}${path === undefined ? '.jpg' : posix.extname(path)}`
    const picture = {
      name,
      ...context.picture(path, name),
      ...(split === undefined ? {} : { split }),
      labels: [],
      annotations: [],
      captions: [],
    }
    const growing = { picture: { ...picture, ...(await context.sizeOf(picture)) }, labels: [], annotations: [], boxIds: new Map() }
    pictures.set(key, growing)
    return growing
  }
  const files = context.listing
    .withEnding('.csv')
    .filter((file) => pattern.test(basename(file)) || basename(file) === 'image_ids_and_rotation.csv')
  // Lists of images first, so that their order is that of the pictures; masks last, since they belong to boxes.
  const turn = (file: string) => (/segmentation/.test(basename(file)) ? 2 : /annotations-/.test(basename(file)) ? 1 : 0)
  for (const file of files.sort((a, b) => turn(a) - turn(b))) {
    const [, subset, kind = 'images'] = pattern.exec(basename(file)) ?? []
    await context.attempt('malformed-file', file, async () => {
      const { rows } = namedRows(parseCsv(await context.text(file), file))
      for (const [i, row] of rows.entries()) {
        await context.attempt('malformed-entry', file, async () => {
          const growing = await at(row.get('ImageID') ?? '', row.get('Subset') || subset, file)
          if (kind.startsWith('images')) return
          const label = labelOf(row.get('LabelName') ?? '', names, labels, file)
          if (kind === 'annotations-bbox' && row.get('BoxID')) growing.boxIds.set(row.get('BoxID')!, growing.annotations.length)
          if (kind === 'annotations-object-segmentation') await addMask(row, label, growing, subset, `line ${i + 2}`, file, context)
          else if (kind === 'annotations-bbox') growing.annotations.push(readBox(row, label, growing.picture, `line ${i + 2}`, file))
          else if (Number(row.get('Confidence')) === 0)
            context.report('absent-class', file, `${row.get('LabelName')} in ${growing.picture.name}`)
          else if (label >= 0 && !growing.labels.includes(label)) growing.labels.push(label)
        })
      }
    })
  }
  return labels.sortedByName(
    [...pictures.values()].map(({ picture, labels: own, annotations }) => ({ ...picture, labels: own, annotations })),
  )
}

/** Masks are stored smaller than their picture: so many pixels are drawn at most. */
const maxPixels = 2 ** 27

/** Adds a mask to the box that it belongs to, by its id or by its corners; else as an annotation of its own. */
async function addMask(
  row: ReadonlyMap<string, string>,
  label: number,
  growing: Growing,
  subset: string | undefined,
  field: string,
  file: string,
  context: ReadContext,
): Promise<void> {
  const { width, height, name } = growing.picture
  const path = context.inside(row.get('MaskPath') ?? '', '', file)
  const found = context.listing.first([`masks/${subset}/${path}`, `masks/${path}`, posix.join(posix.dirname(file), path), path])
  if (found === undefined) return context.report('missing-file', path, `${field}: a mask of ${name}`)
  const stored = await readMask(context.listing.full(found), found)
  const [w, h] = [
    numberOf(width?.toString(), `${field}, size of ${name}`, file),
    numberOf(height?.toString(), `${field}, size of ${name}`, file),
  ]
  if (w * h > maxPixels)
    throw new FoveaError('DATASET_TOO_LARGE', { file, field, expected: `at most ${maxPixels} pixels`, found: `${w} x ${h}` })
  const mask = encodeMask(stretch(stored, w, h), w, h)
  const corners = ['BoxXMin', 'BoxYMin', 'BoxXMax', 'BoxYMax'].map((column) => Number(row.get(column) || Number.NaN))
  const at =
    growing.boxIds.get(row.get('BoxID') ?? '') ??
    growing.annotations.findIndex(
      (one) => one.label === label && one.mask === undefined && one.box !== undefined && sameCorners(one.box, corners, w, h),
    )
  if (at >= 0) growing.annotations[at] = { ...growing.annotations[at]!, mask }
  else growing.annotations.push({ label, mask })
}

function sameCorners({ x1, y1, x2, y2 }: Box, corners: readonly number[], width: number, height: number): boolean {
  return [x1 / width, y1 / height, x2 / width, y2 / height].every((value, i) => Math.abs(value - corners[i]!) < 1e-5)
}

/** The nearest pixel of the stored mask for each of the picture's. */
function stretch({ width, height, values }: MaskPixels, toWidth: number, toHeight: number): Uint8Array {
  return Uint8Array.from({ length: toWidth * toHeight }, (_, i) => {
    const [x, y] = [i % toWidth, Math.floor(i / toWidth)]
    return values[Math.floor(((y + 0.5) * height) / toHeight) * width + Math.floor(((x + 0.5) * width) / toWidth)] === 0 ? 0 : 1
  })
}

/** A mask is of its picture's size, and lies in a box. */
function adapt(picture: LabelledPicture, { lose }: AdaptContext): LabelledPicture {
  const annotations = picture.annotations.flatMap((annotation): Annotation[] => {
    const { mask, ...rest } = annotation
    if (annotation.box === undefined) {
      lose('annotation')
      return []
    }
    if (mask === undefined || (mask.width === picture.width && mask.height === picture.height)) return [annotation]
    lose('mask of another size than its picture')
    return [rest]
  })
  return { ...picture, annotations }
}

/** Names of classes by their ids, from `class-descriptions.csv`, with a line of headings or without. */
async function readClasses(context: ReadContext, labels: Labels): Promise<Map<string, string>> {
  const file = context.listing.files.find((path) => /class-descriptions(-boxable)?\.csv$/.test(path))
  if (file === undefined) return new Map()
  const rows = parseCsv(await context.text(file), file).filter(([id]) => id !== 'LabelName')
  const names = new Map(rows.map(([id = '', name = '']) => [id, name]))
  labels.declare([...names.values()].map((name) => ({ name })))
  return names
}

function labelOf(id: string, names: ReadonlyMap<string, string>, labels: Labels, file: string): number {
  return labels.of(names.get(id) ?? id, file)
}

function readBox(row: ReadonlyMap<string, string>, label: number, picture: LabelledPicture, field: string, file: string): Annotation {
  const side = (name: string, length: number | undefined) =>
    numberOf(row.get(name), `${field}, ${name}`, file) * numberOf(length?.toString(), `${field}, size of ${picture.name}`, file)
  // -1 says that nobody looked.
  const known = flags.filter((flag) => !['', '-1', undefined].includes(row.get(flag)))
  return {
    label,
    box: {
      x1: side('XMin', picture.width),
      y1: side('YMin', picture.height),
      x2: side('XMax', picture.width),
      y2: side('YMax', picture.height),
    },
    ...(row.get('IsGroupOf') === '1' ? { isCrowd: true } : {}),
    ...(known.length > 0 ? { attributes: Object.fromEntries(known.map((flag) => [flag, row.get(flag)!])) } : {}),
  }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const ids = set.classes.map((_, i) => `/m/${i}`)
  await context.write(
    'annotations/class-descriptions.csv',
    printCsv([['LabelName', 'DisplayName'], ...set.classes.map(({ name }, i) => [ids[i]!, name])]),
  )
  type Rows = (string | number)[][]
  const outputs = new Map<string, { images: Rows; boxes: Rows; labels: Rows; masks: Rows }>()
  let boxId = 0
  for await (const picture of set.pictures) {
    const subset = picture.split === 'val' ? 'validation' : (picture.split ?? '')
    const output = outputs.get(subset) ?? { images: [], boxes: [], labels: [], masks: [] }
    outputs.set(subset, output)
    const id = stemOf(picture.name)
    output.images.push([id, subset])
    for (const label of picture.labels) output.labels.push([id, 'verification', ids[label]!, 1])
    for (const annotation of picture.annotations) {
      const name = String(++boxId).padStart(8, '0')
      const label = ids[annotation.label]!
      const cells = boxCells(annotation, picture)
      output.boxes.push([id, 'xclick', label, 1, ...cells, name])
      if (annotation.mask === undefined) continue
      const file = `${name}.png`
      const { width, height } = annotation.mask
      await context.write(
        posix.join('masks', subset, file),
        await writeMask(
          decodeMask(annotation.mask).map((value) => 255 * value),
          width,
          height,
        ),
      )
      output.masks.push([file, id, label, name, ...cells.slice(0, 4), 1, ''])
    }
    await context.placePicture(picture, posix.join('images', subset, picture.name))
  }
  for (const [subset, { images, boxes, labels, masks }] of outputs) {
    const start = subset === '' ? '' : `${subset}-`
    const label = ['ImageID', 'Source', 'LabelName', 'Confidence']
    await context.write(`annotations/${start}images-with-rotation.csv`, printCsv([['ImageID', 'Subset'], ...images]))
    await context.write(
      `annotations/${start}annotations-bbox.csv`,
      printCsv([[...label, 'XMin', 'XMax', 'YMin', 'YMax', 'IsGroupOf', ...flags, 'BoxID'], ...boxes]),
    )
    if (masks.length > 0) {
      const columns = ['MaskPath', 'ImageID', 'LabelName', 'BoxID', 'BoxXMin', 'BoxXMax', 'BoxYMin', 'BoxYMax', 'PredictedIoU', 'Clicks']
      await context.write(`annotations/${start}annotations-object-segmentation.csv`, printCsv([columns, ...masks]))
    }
    if (labels.length > 0) await context.write(`annotations/${start}annotations-human-imagelabels.csv`, printCsv([label, ...labels]))
  }
}

function boxCells({ box, isCrowd, attributes }: Annotation, { width = 1, height = 1 }: LabelledPicture): (string | number)[] {
  const part = (value: number, length: number) => Number((value / length).toFixed(9))
  return [
    part(box!.x1, width),
    part(box!.x2, width),
    part(box!.y1, height),
    part(box!.y2, height),
    isCrowd ? 1 : 0,
    ...flags.map((flag) => String(attributes?.[flag] ?? -1)),
  ]
}
