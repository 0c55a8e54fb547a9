// CSV of labels: a row for each label, box or caption, or a column of 0 and 1 for each class.

import { basename, dirname, posix } from 'node:path'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import type { Annotation, Box } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { imageExtensions } from '../image-format.ts'
import { printCsv } from './csv.ts'
import { type BoxOrder, guessBoxOrder, type UnorderedBox } from './csv-box-order.ts'
import { type CsvTable, type Role, readTable } from './csv-columns.ts'
import type { DatasetFormat } from './format.ts'
import { imageSize } from './image-size.ts'
import { Labels } from './labels.ts'
import { type Listing, stemOf } from './listing.ts'
import { type ReadContext, readHead } from './read-context.ts'
import { splitByFolder, splitName } from './split-folders.ts'
import type { WriteContext } from './write-context.ts'
import { numberOf } from './xml.ts'

export const csvLabels: DatasetFormat = {
  name: 'csv',
  title: 'CSV of labels, boxes and captions',
  holds: { splits: true, groups: true, labels: 'several', captions: true, shapes: ['box'], unknownClass: true, sizes: true },
  async detect(listing) {
    for (const file of listing.withEnding(endings)) {
      // Whole lines of the beginning.
      const head = (await readHead(listing, file, 16_384)).replace(/[^\n]*$/, (last, at) => (at === 0 ? last : ''))
      const table = tableOf(head, file, listing)
      const at = table?.roles.indexOf('image') ?? -1
      if (table === undefined || at < 0) continue
      const name = table.rows[0]?.[at] ?? ''
      const column = table.columns[at] === '' ? 'its first column' : `its column ${table.columns[at]}`
      if (findImage(listing, name, file, undefined) !== undefined)
        return { confidence: 0.65, reason: `${file} names pictures in ${column}` }
      if (isImageName(name)) return { confidence: 0.5, reason: `${file} names pictures that are not there` }
    }
    return undefined
  },
  read,
  write,
}

const endings = ['.csv', '.tsv']

function isImageName(name: string): boolean {
  return imageExtensions.some((ending) => name.toLowerCase().endsWith(ending))
}

/** The beginning of a file, for telling its format: what cannot be read is none. */
function tableOf(text: string, file: string, listing: Listing): CsvTable | undefined {
  try {
    return readTable(text, file, pictureNamer(listing, file))
  } catch (error) {
    if (!isFoveaError(error)) throw error
    return undefined
  }
}

function pictureNamer(listing: Listing, file: string): (cell: string) => boolean {
  return (cell) => cell !== '' && (isImageName(cell) || findImage(listing, cell, file, undefined) !== undefined)
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
  for (const file of context.listing.withEnding(endings)) {
    await context.attempt('malformed-file', file, async () => {
      const table = readTable(await context.text(file), file, pictureNamer(context.listing, file))
      if (table === undefined) return context.report('unknown-column', file, 'no column of pictures: the file is not read')
      const flags = flagColumns(table)
      table.columns.forEach((column, i) => {
        if (table.roles[i] === undefined && !flags.includes(i) && !table.unnamedBox.includes(i))
          context.report('unknown-column', file, `column ${i + 1}, "${column.slice(0, 60)}"`)
      })
      const reader = new TableReader(table, flags, await orderOf(table, file, context), file, context, labels, pictures)
      table.rows.forEach((row, i) => {
        context.attemptNow('malformed-entry', file, () => reader.readRow(row, table.firstLine + i))
      })
      reader.tellRelative()
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
function flagColumns({ columns, roles, rows, unnamedBox }: CsvTable): number[] {
  if (roles.includes('label') || rows.length === 0) return []
  return columns.flatMap((column, i) =>
    column !== '' && roles[i] === undefined && !unnamedBox.includes(i) && rows.every((row) => ['0', '1', ''].includes(row[i] ?? ''))
      ? [i]
      : [],
  )
}

/** So many pictures are asked for their size, to tell what four numbers mean. */
const maxSized = 256

/** What four numbers without names mean: as the option or the heading says, else by all boxes of the file, and a doubt is told. */
async function orderOf(table: CsvTable, file: string, context: ReadContext): Promise<BoxOrder> {
  const stated = table.order ?? context.options.csvBox
  if (stated !== undefined || table.unnamedBox.length === 0) return stated ?? 'xyxy'
  const [image, width, height] = (['image', 'width', 'height'] as const).map((role) => table.roles.indexOf(role)) as [
    number,
    number,
    number,
  ]
  const sizes = new Map<string, UnorderedBox['size']>()
  const boxes: UnorderedBox[] = []
  for (const row of table.rows) {
    const numbers = fourNumbers(table.unnamedBox.map((i) => row[i] ?? '').join(' '))
    const name = row[image] ?? ''
    if (numbers === undefined) continue
    if (!sizes.has(name)) {
      const size = { width: Number(row[width]), height: Number(row[height]) }
      const known = size.width > 0 && size.height > 0
      sizes.set(
        name,
        known ? size : sizes.size < maxSized ? await sizeOnDisk(findImage(context.listing, name, file, undefined), context) : undefined,
      )
    }
    boxes.push({ numbers, size: sizes.get(name) })
  }
  const { order, doubt } = guessBoxOrder(boxes)
  if (doubt !== undefined) context.report('ambiguous-box', file, doubt)
  return order
}

async function sizeOnDisk(path: string | undefined, { listing }: ReadContext): Promise<UnorderedBox['size']> {
  // A picture that cannot be opened is told of where pictures are checked.
  return path === undefined ? undefined : imageSize(listing.full(path)).catch(() => undefined)
}

/** `train.csv`, `train_labels.csv`, `train-export.csv` and `train/labels.csv` are of the split `train`. */
function splitByName(file: string): string | undefined {
  const stem = stemOf(basename(file))
  return splitName(stem) ?? splitName(stem.split(/[_\s-]/)[0]!) ?? splitByFolder(file)
}

/** Four numbers in one text, with or without brackets; undefined for anything else. */
function fourNumbers(text: string): UnorderedBox['numbers'] | undefined {
  const numbers = text
    .replaceAll(/[[\](),;]/g, ' ')
    .trim()
    .split(/\s+/)
    .map(Number)
  return numbers.length === 4 && numbers.every(Number.isFinite) ? (numbers as [number, number, number, number]) : undefined
}

/** Adds the rows of one file to the pictures. */
class TableReader {
  readonly #table: CsvTable
  readonly #flags: readonly number[]
  readonly #order: BoxOrder
  readonly #file: string
  readonly #context: ReadContext
  readonly #labels: Labels
  readonly #pictures: Map<string, Growing>
  /** Whether every box so far lies in 0 to 1, and how many there are. */
  #relative = { all: true, fractions: false, boxes: 0 }

  constructor(
    table: CsvTable,
    flags: readonly number[],
    order: BoxOrder,
    file: string,
    context: ReadContext,
    labels: Labels,
    pictures: Map<string, Growing>,
  ) {
    this.#table = table
    this.#flags = flags
    this.#order = order
    this.#file = file
    this.#context = context
    this.#labels = labels
    this.#pictures = pictures
  }

  readRow(row: readonly string[], line: number): void {
    const { roles } = this.#table
    const [file, labels] = [this.#file, this.#labels]
    const cell = (role: Role) => {
      const at = roles.indexOf(role)
      return at < 0 ? '' : (row[at] ?? '')
    }
    const field = `line ${line}`
    const malformed = (expected: string, found: string) => new FoveaError('DATASET_MALFORMED', { file, field, expected, found })
    if (cell('image') === '') throw malformed('the name of a picture', 'nothing')
    if (row.slice(roles.length).some((more) => more !== ''))
      throw malformed(`${roles.length} cells`, `${row.length}: is a cell not quoted?`)
    const growing = this.#pictureOf(cell, field)
    const box = this.#boxOf(row, cell, field)
    const label = cell('label') === '' ? -1 : labels.of(cell('label'), file)
    if (box !== undefined) growing.annotations.push({ label, box })
    else if (label >= 0) growing.labels.add(label)
    for (const flag of this.#flags) {
      const one = labels.of(this.#table.columns[flag]!, file)
      if (row[flag] === '1' && one >= 0) growing.labels.add(one)
    }
    if (cell('caption') !== '') growing.captions.push(cell('caption'))
  }

  /** Boxes are read as pixels; where all lie in 0 to 1 they may be parts of their pictures. */
  tellRelative(): void {
    const { all, fractions, boxes } = this.#relative
    if (all && fractions && boxes > 0)
      this.#context.report(
        'ambiguous-box',
        this.#file,
        `${boxes} boxes within 0 to 1 read as pixels: they may be parts of width and height`,
      )
  }

  #pictureOf(cell: (role: Role) => string, field: string): Growing {
    const [file, context, pictures] = [this.#file, this.#context, this.#pictures]
    const stated = cell('image')
    context.inside(stated, '', file)
    const split = cell('split') || splitByName(file)
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
    return growing
  }

  /** Corners, a corner or centre with width and height, or four numbers without names; undefined where the cells are empty. */
  #boxOf(row: readonly string[], cell: (role: Role) => string, field: string): Box | undefined {
    const box = this.#unnamedBox(row, field) ?? this.#namedBox(cell, field)
    if (box === undefined) return undefined
    const numbers = [box.x1, box.y1, box.x2, box.y2]
    const relative = this.#relative
    relative.all &&= numbers.every((value) => value >= 0 && value <= 1)
    relative.fractions ||= !numbers.every(Number.isInteger)
    relative.boxes++
    return box
  }

  #unnamedBox(row: readonly string[], field: string): Box | undefined {
    const text = this.#table.unnamedBox.map((i) => row[i] ?? '').join(' ')
    if (text.trim() === '') return undefined
    const numbers = fourNumbers(text)
    if (numbers === undefined)
      throw new FoveaError('DATASET_MALFORMED', { file: this.#file, field, expected: 'a box of four numbers', found: text.slice(0, 60) })
    const [a, b, c, d] = numbers
    return this.#order === 'xyxy' ? { x1: a, y1: b, x2: c, y2: d } : { x1: a, y1: b, x2: a + c, y2: b + d }
  }

  #namedBox(cell: (role: Role) => string, field: string): Box | undefined {
    if (boxRoles.every((role) => cell(role) === '')) return undefined
    const number = (role: Role) => numberOf(cell(role), `${field}, ${role}`, this.#file)
    if (cell('cx') !== '' && cell('x1') === '') {
      const [cx, cy, w, h] = [number('cx'), number('cy'), number('w'), number('h')]
      return { x1: cx - w / 2, y1: cy - h / 2, x2: cx + w / 2, y2: cy + h / 2 }
    }
    const [x1, y1] = [number('x1'), number('y1')]
    if (cell('x2') === '' && cell('w') !== '') return { x1, y1, x2: x1 + number('w'), y2: y1 + number('h') }
    return { x1, y1, x2: number('x2'), y2: number('y2') }
  }
}

const boxRoles = ['x1', 'y1', 'x2', 'y2', 'w', 'h', 'cx', 'cy'] as const satisfies readonly Role[]

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
