// CSV of labels: a row for each label, box or caption, or a column of 0 and 1 for each class.

import { basename, dirname, posix } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Box } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { imageExtensions } from '../image-format.ts'
import { namedRows, parseCsv, printCsv } from './csv.ts'
import type { DatasetFormat } from './format.ts'
import { Labels } from './labels.ts'
import { type Listing, stemOf } from './listing.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { splitByFolder, splitName } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'
import { numberOf } from './xml.ts'

type Role = 'image' | 'label' | 'split' | 'group' | 'caption' | 'width' | 'height' | 'bbox' | 'x1' | 'y1' | 'x2' | 'y2' | 'w' | 'h'

/** What columns are called, in lower case without signs between words. */
const columnNames: Readonly<Record<Role, readonly string[]>> = {
  image: ['image', 'imagename', 'filename', 'file', 'path', 'imagepath', 'filepath', 'img', 'imageid'],
  label: ['label', 'labelname', 'class', 'classname', 'category', 'species', 'celltype', 'target'],
  split: ['split', 'subset', 'set'],
  group: ['group', 'groupid', 'patient', 'patientid'],
  caption: ['caption', 'text', 'description'],
  width: ['width', 'imagewidth'],
  height: ['height', 'imageheight'],
  bbox: ['bbox', 'box'],
  x1: ['x1', 'xmin', 'left'],
  y1: ['y1', 'ymin', 'top'],
  x2: ['x2', 'xmax', 'right'],
  y2: ['y2', 'ymax', 'bottom'],
  w: ['w', 'boxwidth', 'bboxwidth'],
  h: ['h', 'boxheight', 'bboxheight'],
}

export const csvLabels: DatasetFormat = {
  name: 'csv',
  title: 'CSV of labels, boxes and captions',
  holds: { splits: true, groups: true, labels: 'several', captions: true, shapes: ['box'], unknownClass: true, sizes: true },
  async detect(listing) {
    for (const file of listing.withEnding('.csv')) {
      const [head = '', first = ''] = (await readHead(listing, file)).split(/\r?\n/)
      const roles = rolesOf(head.split(',').map((cell) => cell.replaceAll('"', '').trim()))
      const at = roles.indexOf('image')
      if (at < 0) continue
      const name = (first.split(',')[at] ?? '').replaceAll('"', '').trim()
      if (findImage(listing, name, file, undefined) !== undefined)
        return { confidence: 0.65, reason: `${file} names pictures in its column ${head.split(',')[at]}` }
      if (imageExtensions.some((ending) => name.toLowerCase().endsWith(ending)))
        return { confidence: 0.5, reason: `${file} names pictures that are not there` }
    }
    return undefined
  },
  read,
  write,
}

function rolesOf(columns: readonly string[]): (Role | undefined)[] {
  return columns.map((column) => {
    const plain = column.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
    return (Object.keys(columnNames) as Role[]).find((role) => columnNames[role].includes(plain))
  })
}

function findImage(listing: Listing, name: string, file: string, split: string | undefined): string | undefined {
  const folder = dirname(file)
  const places = [
    ...(split === undefined ? [] : [`images/${split}`, split]),
    folder,
    posix.join(folder, 'images'),
    posix.join(folder, '..', 'images'),
  ]
  for (const place of places) {
    const path = posix.normalize(posix.join(place, name))
    const found = listing.has(path) ? path : listing.imageByStem(path)
    if (found !== undefined) return found
  }
  return undefined
}

interface Growing {
  readonly picture: LabelledPicture
  readonly from: string
  readonly labels: Set<number>
  readonly annotations: Annotation[]
  readonly captions: string[]
}

async function read(context: ReadContext): Promise<LabelledStream> {
  const labels = new Labels(context)
  const pictures = new Map<string, Growing>()
  for (const file of context.listing.withEnding('.csv')) {
    await context.attempt('malformed-file', file, async () => {
      const { columns, rows } = namedRows(parseCsv(await context.text(file), file))
      const roles = rolesOf(columns)
      if (!roles.includes('image')) return
      const flags = flagColumns(columns, roles, rows)
      rows.forEach((row, i) => {
        context.attemptNow('malformed-entry', file, () => readRow(row, i + 2, columns, roles, flags, file, context, labels, pictures))
      })
    })
  }
  return labels.sortedByName(
    [...pictures.values()].map(({ picture, labels: own, annotations, captions }) => ({
      ...picture,
      labels: [...own],
      annotations,
      captions,
    })),
  )
}

/** Columns of 0 and 1, where there is no column of labels: each is a class. */
function flagColumns(
  columns: readonly string[],
  roles: readonly (Role | undefined)[],
  rows: readonly ReadonlyMap<string, string>[],
): string[] {
  if (roles.includes('label') || rows.length === 0) return []
  return columns.filter((column, i) => roles[i] === undefined && rows.every((row) => ['0', '1', ''].includes(row.get(column)!)))
}

function readRow(
  row: ReadonlyMap<string, string>,
  line: number,
  columns: readonly string[],
  roles: readonly (Role | undefined)[],
  flags: readonly string[],
  file: string,
  context: ReadContext,
  labels: Labels,
  pictures: Map<string, Growing>,
): void {
  const cell = (role: Role) => {
    const at = roles.indexOf(role)
    return at < 0 ? '' : (row.get(columns[at]!) ?? '')
  }
  const stated = cell('image')
  const field = `line ${line}`
  if (stated === '') throw new FoveaError('DATASET_MALFORMED', { file, field, expected: 'the name of a picture', found: 'nothing' })
  context.inside(stated, '', file)
  const split = cell('split') || splitName(stemOf(basename(file))) || splitByFolder(file)
  const key = `${split ?? ''}\0${stated}`
  let growing = pictures.get(key)
  if (growing === undefined) {
    const path = findImage(context.listing, stated, file, split)
    const name = path === undefined || posix.extname(stated) !== '' ? stated : `${stated}${posix.extname(path)}`
    const [width, height] = [Number(cell('width')), Number(cell('height'))]
    const picture = {
      name,
      ...context.picture(path, name),
      ...(width > 0 && height > 0 ? { width, height } : {}),
      ...(split === undefined ? {} : { split }),
      ...(cell('group') === '' ? {} : { group: cell('group') }),
      labels: [],
      annotations: [],
      captions: [],
    }
    growing = { picture, from: file, labels: new Set(), annotations: [], captions: [] }
    pictures.set(key, growing)
  }
  if (growing.from !== file)
    throw new FoveaError('DATASET_MALFORMED', {
      file,
      field,
      expected: 'one file of labels for a picture',
      found: `${stated} in ${growing.from} too`,
      remedy: 'Name the one file to read, instead of its folder.',
    })
  const box = readBox(cell, file, field)
  const label = cell('label') === '' ? -1 : labels.of(cell('label'), file)
  if (box !== undefined) growing.annotations.push({ label, box })
  else if (label >= 0) growing.labels.add(label)
  for (const flag of flags) {
    const one = labels.of(flag, file)
    if (row.get(flag) === '1' && one >= 0) growing.labels.add(one)
  }
  if (cell('caption') !== '') growing.captions.push(cell('caption'))
}

/** Corners, a corner with width and height, or four numbers in one cell; undefined where the cells are empty. */
function readBox(cell: (role: Role) => string, file: string, field: string): Box | undefined {
  if (cell('bbox') !== '') {
    const [x1, y1, x2, y2, ...more] = cell('bbox')
      .replaceAll(/[[\](),;]/g, ' ')
      .trim()
      .split(/\s+/)
      .map(Number)
    if (more.length > 0 || ![x1, y1, x2, y2].every(Number.isFinite))
      throw new FoveaError('DATASET_MALFORMED', { file, field, expected: 'a box of four numbers', found: cell('bbox').slice(0, 60) })
    return { x1: x1!, y1: y1!, x2: x2!, y2: y2! }
  }
  if (['x1', 'y1', 'x2', 'y2', 'w', 'h'].every((role) => cell(role as Role) === '')) return undefined
  const number = (role: Role) => numberOf(cell(role), `${field}, ${role}`, file)
  const [x1, y1] = [number('x1'), number('y1')]
  if (cell('w') !== '') return { x1, y1, x2: x1 + number('w'), y2: y1 + number('h') }
  return { x1, y1, x2: number('x2'), y2: number('y2') }
}

async function write(set: LabelledStream, context: WriteContext): Promise<void> {
  const rows: (string | number)[][] = [['image', 'split', 'group', 'width', 'height', 'label', 'x1', 'y1', 'x2', 'y2', 'caption']]
  for await (const picture of set.pictures) {
    const { name, split = '', group = '', width = '', height = '', labels, annotations, captions } = picture
    const start = [name, split, group, width, height]
    const before = rows.length
    const className = (label: number) => set.classes[label]?.name ?? ''
    for (const label of labels) rows.push([...start, className(label), '', '', '', '', ''])
    for (const { label, box } of annotations) rows.push([...start, className(label), box!.x1, box!.y1, box!.x2, box!.y2, ''])
    for (const caption of captions) rows.push([...start, '', '', '', '', '', caption])
    if (rows.length === before) rows.push([...start, '', '', '', '', '', ''])
    await context.placePicture(picture, posix.join('images', split, name))
  }
  await context.write('labels.csv', printCsv(rows))
}
