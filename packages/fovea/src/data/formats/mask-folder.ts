// Mask folders: beside each picture a picture of its classes, one number or colour a pixel.

import { basename, posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { maxOf } from '../../util/extremes.ts'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { decodeMask, encodeMask } from '../../vision/run-lengths.ts'
import { namedRows, parseCsv } from './csv.ts'
import type { AdaptContext, DatasetFormat } from './format.ts'
import { JsonFile, parseJson } from './json.ts'
import { type Listing, stemOf } from './listing.ts'
import { type MaskPixels, readMask, writeMask } from './raster.ts'
import type { ReadContext } from './read-context.ts'
import { splitName } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'

const pictureFolder = /^(images?|imgs?|rgb)$/i
const maskFolders = ['masks', 'mask', 'labels', 'label', 'annotations', 'gt', 'Masks']
/** What stands for a pixel of no known class when it is written. */
const unknownValue = 255

export const maskFolder: DatasetFormat = {
  name: 'mask-folder',
  title: 'Mask folders: images/ and masks/ with one number or colour a class',
  byFolder: true,
  reservedFolders: /^(images?|imgs?|rgb|masks?|labels?|annotations|gt)$/i,
  holds: {
    splits: ['train', 'val', 'test'],
    labels: 'none',
    shapes: ['mask'],
    unknownClass: true,
    sizes: true,
    unusedClasses: true,
    classDetails: ['color'],
    namesByStem: true,
  },
  async detect(listing) {
    const images = listing.images()
    const pairs = images.filter((path) => maskOf(listing, path) !== undefined).length
    if (pairs === 0) return undefined
    return { confidence: 0.8, reason: `${pairs} pictures have masks of their names` }
  },
  read,
  write,
  adapt: oneClassAPixel,
}

/** The mask of a picture: the same path with `masks` for `images`, of the same name, or with `_mask` added. */
function maskOf(listing: Listing, image: string): string | undefined {
  const parts = stemOf(image).split('/')
  const at = parts.findIndex((part, i) => i < parts.length - 1 && pictureFolder.test(part))
  if (at < 0) return undefined
  for (const folder of maskFolders) {
    const stem = parts.with(at, folder).join('/')
    for (const one of [stem, `${stem}_mask`, stem.replace(/([^/]*?)(\d+)$/, 'gt_$2')]) {
      const found = listing.imageByStem(one)
      if (found !== undefined && found !== image) return found
    }
  }
  return undefined
}

interface ClassMap {
  readonly classes: readonly LabelClass[]
  /** Whether colours are known, so that those of a palette count and not their numbers. */
  readonly byColor: boolean
  /** The class of a value or colour of the files; undefined where it is background, -1 where not known. */
  readonly labelOf: (value: number, colored: boolean) => number | undefined
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const { listing } = context
  const pairs = listing.images().flatMap((path) => {
    const mask = maskOf(listing, path)
    return mask === undefined && !path.split('/').some((part) => pictureFolder.test(part)) ? [] : [{ path, mask }]
  })
  const masks = pairs.flatMap(({ mask }) => mask ?? [])
  const map = (await readClassMap(context)) ?? (await numberedClasses(context, masks))
  async function* pictures(): AsyncGenerator<LabelledPicture> {
    for (const { path, mask } of pairs) {
      const parts = path.split('/').filter((part, i, all) => i === all.length - 1 || !pictureFolder.test(part))
      const split = parts.length > 1 ? splitName(parts[0]!) : undefined
      const name = (split === undefined ? parts : parts.slice(1)).join('/')
      if (mask === undefined) context.report('missing-labels', path, 'no mask')
      const pixels =
        mask === undefined
          ? undefined
          : await context.attempt('malformed-file', mask, () => readMask(listing.full(mask), mask, map.byColor))
      yield {
        name,
        ...context.picture(path, name),
        ...(pixels === undefined ? {} : { width: pixels.width, height: pixels.height }),
        ...(split === undefined ? {} : { split }),
        labels: [],
        annotations: pixels === undefined ? [] : annotationsOf(pixels, map, context, mask!),
        captions: [],
      }
    }
  }
  return { classes: map.classes, pictures: { [Symbol.asyncIterator]: pictures } }
}

function annotationsOf({ width, height, values, colored }: MaskPixels, map: ClassMap, context: ReadContext, file: string): Annotation[] {
  const labels = new Map<number, number | undefined>()
  for (const value of values) if (!labels.has(value)) labels.set(value, map.labelOf(value, colored))
  const found = [...new Set(labels.values())].filter((label) => label !== undefined)
  if (found.includes(-1) && !(labels.has(unknownValue) && [...labels].filter(([, label]) => label === -1).length === 1))
    context.report(
      'unknown-class',
      file,
      `values ${[...labels]
        .flatMap(([value, label]) => (label === -1 ? value : []))
        .slice(0, 5)
        .join(', ')}`,
    )
  return found
    .sort((a, b) => rank(a) - rank(b))
    .map((label) => ({
      label,
      mask: encodeMask(
        values.map((value) => Number(labels.get(value) === label)),
        width,
        height,
      ),
    }))
}

/** Unknown ones last. */
function rank(label: number): number {
  return label < 0 ? Infinity : label
}

/** datumaro's dataset_meta.json, a CSV of name,r,g,b, or a list of names. */
async function readClassMap(context: ReadContext): Promise<ClassMap | undefined> {
  const { listing, options } = context
  if (options.classes !== undefined)
    return byIndex(
      options.classes.map((name) => ({ name })),
      undefined,
    )
  const meta = listing.files.find((file) => basename(file) === 'dataset_meta.json')
  if (meta !== undefined) return metaClasses(await context.text(meta), meta)
  const table = listing.files.find((file) => /^(labelmap|class_dict|classes)\.csv$/.test(basename(file)))
  if (table !== undefined) {
    const { rows } = namedRows(parseCsv(await context.text(table), table))
    const classes = rows.map((row) => {
      const color = ['r', 'g', 'b'].map((channel) => Number(row.get(channel)))
      return { name: row.get('name') ?? '', ...(color.every(Number.isInteger) ? { color: color as [number, number, number] } : {}) }
    })
    return byIndex(classes, backgroundOf(classes))
  }
  const list = listing.files.find((file) => /^(classes|labels)\.txt$/.test(basename(file)))
  if (list === undefined) return undefined
  const classes = (await context.text(list)).split(/\r?\n/).flatMap((line) => (line.trim() === '' ? [] : { name: line.trim() }))
  return byIndex(classes, backgroundOf(classes))
}

function metaClasses(text: string, file: string): ClassMap {
  const take = new JsonFile(file)
  const json = take.object(parseJson(text, file), 'the file')
  const names = take.object(json.label_map, 'label_map')
  const colors = take.optionalList(json.segmentation_colors, 'segmentation_colors')
  const ids = Object.keys(names).map(Number)
  if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id < 65_536)) take.fail('label_map', 'names by whole numbers', names)
  const classes = Array.from({ length: maxOf(ids, -1) + 1 }, (_, id): LabelClass => {
    const color = colors[id] === undefined || colors[id] === null ? undefined : take.numbers(colors[id], 'segmentation_colors')
    return { name: String(names[id] ?? id), ...(color?.length === 3 ? { color: color as [number, number, number] } : {}) }
  })
  const background = json.background_label === undefined ? backgroundOf(classes) : Number(json.background_label)
  return byIndex(classes, background)
}

function backgroundOf(classes: readonly LabelClass[]): number | undefined {
  return /^_?(background|void|unlabell?ed|nothing)_?$/i.test(classes[0]?.name ?? '') ? 0 : undefined
}

/** Classes by their numbers; the background is none of them. */
function byIndex(all: readonly LabelClass[], background: number | undefined): ClassMap {
  const classes = all.filter((_, i) => i !== background)
  const label = (index: number) => (index === background ? undefined : background !== undefined && index > background ? index - 1 : index)
  const colors = new Map(
    all.flatMap(({ color }, i) => (color === undefined ? [] : [[(color[0] << 16) | (color[1] << 8) | color[2], i] as const])),
  )
  return {
    classes,
    byColor: colors.size > 0,
    labelOf(value, colored) {
      const index = colored ? colors.get(value) : value
      return index === undefined || index >= all.length ? (colored && value === 0 ? undefined : -1) : label(index)
    },
  }
}

/** Without a list, the values that occur are the names of classes, and 0 is the background. */
async function numberedClasses(context: ReadContext, masks: readonly string[]): Promise<ClassMap> {
  const values = new Set<number>()
  for (const file of masks) {
    const pixels = await context.attempt('malformed-file', file, () => readMask(context.listing.full(file), file))
    for (const value of pixels?.values ?? []) if (value !== 0) values.add(value)
    if (values.size > 65_536)
      throw new FoveaError('DATASET_MALFORMED', { file, expected: 'a mask of classes', found: 'more colours than classes can have' })
  }
  const sorted = [...values].sort((a, b) => a - b)
  const labels = new Map(sorted.map((value, label) => [value, label]))
  return {
    classes: sorted.map((value) => ({ name: String(value) })),
    byColor: false,
    labelOf: (value) => (value === 0 ? undefined : (labels.get(value) ?? -1)),
  }
}

/** A pixel has one class: what lies under a later annotation is lost, and things of one class become one. */
function oneClassAPixel(picture: LabelledPicture, { lose }: AdaptContext): LabelledPicture {
  const { width, height, annotations } = picture
  if (annotations.length === 0) return picture
  if (width === undefined || height === undefined) {
    for (const _ of annotations) lose('mask of a picture whose size is not known')
    return { ...picture, annotations: [] }
  }
  const labels = new Int32Array(width * height).fill(-2)
  const met = new Set<number>()
  for (const { label, mask } of annotations) {
    if (mask!.width !== width || mask!.height !== height) {
      lose('mask of another size than its picture')
      continue
    }
    if (met.has(label)) lose('difference between things of one class')
    met.add(label)
    let covered = 0
    decodeMask(mask!).forEach((one, at) => {
      if (one === 0) return
      if (labels[at] !== -2 && labels[at] !== label) covered++
      labels[at] = label
    })
    if (covered > 0) lose('part of a mask under another')
  }
  const left = [...new Set(labels)].filter((label) => label > -2).sort((a, b) => rank(a) - rank(b))
  return {
    ...picture,
    annotations: left.map((label) => ({
      label,
      mask: encodeMask(
        labels.map((one) => Number(one === label)),
        width,
        height,
      ),
    })),
  }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  if (set.classes.length >= unknownValue)
    throw new FoveaError('DATASET_UNSUPPORTED', {
      field: 'classes',
      expected: `fewer than ${unknownValue} classes`,
      found: String(set.classes.length),
    })
  for await (const picture of set.pictures) {
    const { width, height, annotations, name } = picture
    const folder = picture.split ?? ''
    await context.placePicture(picture, posix.join('images', folder, name))
    if (width === undefined || height === undefined) continue
    const values = new Uint8Array(width * height)
    for (const { label, mask } of annotations)
      decodeMask(mask!).forEach((one, at) => {
        if (one === 1) values[at] = label < 0 ? unknownValue : label + 1
      })
    await context.write(posix.join('masks', folder, `${stemOf(name)}.png`), await writeMask(values, width, height))
  }
  const names = ['background', ...set.classes.map((one) => one.name)]
  await context.write(
    'dataset_meta.json',
    `${JSON.stringify({ label_map: { ...names }, segmentation_colors: [[0, 0, 0], ...set.classes.map(({ color }) => color ?? null)], background_label: '0' }, undefined, 2)}\n`,
  )
}
