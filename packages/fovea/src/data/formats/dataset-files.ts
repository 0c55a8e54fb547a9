// Data sets on disk, whatever their format: open, read, write, convert.

import { FoveaError } from '../../util/errors.ts'
import type { LabelClass, LabelledPicture, LabelledSet, LabelledStream } from '../../vision/labelled-set.ts'
import { checkPlace } from '../image-folder.ts'
import { checkShapes } from './check.ts'
import { fitClasses, fitPicture, type Loss, Losses } from './fit.ts'
import { foreignFormat } from './foreign-formats.ts'
import type { DatasetFormat } from './format.ts'
import { imageSize } from './image-size.ts'
import { indexEnding } from './index-sources.ts'
import { openIndexedDataset } from './indexed-dataset.ts'
import { type Listing, listDataset, stemOf } from './listing.ts'
import type { DatasetProblem } from './problems.ts'
import { insidePath, ReadContext, type ReadOptions } from './read-context.ts'
import { formatByName, recognitions } from './table.ts'
import { writeWholeFolder } from './whole-folder.ts'
import { type Placement, WriteContext } from './write-context.ts'

export interface OpenDatasetOptions extends ReadOptions {
  /** The format by name. Default: the likeliest by `detectFormat`. */
  readonly format?: string
}

export interface OpenedDataset extends LabelledStream {
  readonly format: string
  readonly root: string
  /** Read them one at a time, or all with `readDataset`. Formats with a label file for each picture read it only then. */
  readonly pictures: AsyncIterable<LabelledPicture>
}

/**
 * Opens a data set: a folder, one of its label files, or its index (`indexDataset`). With `onProblem`, reading goes on without what is broken, and problems of
 * shapes (zero size, outside the picture) are told too.
 * @throws DATA_OPTION_INVALID for an option of another format, DATA_NOT_A_FOLDER, DATASET_UNKNOWN_FORMAT, DATASET_FOREIGN_FORMAT, DATASET_MALFORMED, DATASET_PATH, DATASET_UNSUPPORTED, DATASET_TOO_LARGE, CANCELLED;
 *   of an index, DATASET_INDEX_INVALID and DATASET_INDEX_OUTDATED
 */
export async function openDataset(source: string, options: OpenDatasetOptions = {}): Promise<OpenedDataset> {
  checkPlace(source, options)
  if (source.endsWith(indexEnding)) {
    refuseStrange('an index, which was read when it was made', source, options)
    return openIndex(source, options)
  }
  const listing = await listDataset(source)
  const name = options.format ?? (await likeliest(source, listing))
  if (name === undefined)
    throw new FoveaError('DATASET_UNKNOWN_FORMAT', {
      file: source,
      found: listing.only === undefined ? `${listing.files.length} files that tell nothing` : 'a file whose beginning tells nothing',
    })
  const format = formatByName(name)
  refuseStrange(name, source, options)
  const context = new ReadContext(listing, options)
  const stream = await format.read(context)
  const pictures = async function* () {
    const names = new Set<string>()
    for await (const picture of stream.pictures) {
      if (options.signal?.aborted) throw new FoveaError('CANCELLED', { cause: options.signal.reason })
      const { onProblem } = options
      if (onProblem !== undefined) {
        const file = [picture.split, picture.group, picture.name].filter((part) => part !== undefined).join('/')
        checkShapes(picture, (code, detail) => onProblem({ code, file, detail }))
        if (names.has(file)) onProblem({ code: 'duplicate-name', file, detail: picture.name })
        names.add(file)
      }
      yield picture
    }
  }
  return { format: name, root: listing.root, classes: stream.classes, pictures: { [Symbol.asyncIterator]: pictures } }
}

/** An option that did nothing would be taken for one that did. @throws DATA_OPTION_INVALID */
function refuseStrange(format: string, file: string, { vocOrigin, csvBox }: OpenDatasetOptions): void {
  const wrong = vocOrigin !== undefined && format !== 'voc' ? 'vocOrigin' : csvBox !== undefined && format !== 'csv' ? 'csvBox' : undefined
  if (wrong === undefined) return
  const expected = `a data set of the format ${wrong === 'csvBox' ? 'csv' : 'voc'}`
  throw new FoveaError('DATA_OPTION_INVALID', { file, field: wrong, expected, found: format })
}

/** The format that most speaks for. @throws DATASET_FOREIGN_FORMAT where it would be taken for pictures in folders, and is known to be something else */
async function likeliest(source: string, listing: Listing): Promise<string | undefined> {
  const [first] = await recognitions(listing)
  const foreign = first === undefined || first.confidence < 0.5 ? await foreignFormat(listing) : undefined
  if (foreign === undefined) return first?.format
  throw new FoveaError('DATASET_FOREIGN_FORMAT', { file: source, found: `${foreign.name}, by its file ${foreign.file}` })
}

async function openIndex(source: string, { format, onProblem, signal }: OpenDatasetOptions): Promise<OpenedDataset> {
  const dataset = await openIndexedDataset(source)
  if (format !== undefined && format !== dataset.format)
    throw new FoveaError('DATASET_UNKNOWN_FORMAT', { file: source, expected: `${dataset.format}, as it was indexed`, found: format })
  dataset.reportProblems(onProblem)
  const pictures = async function* () {
    for await (const picture of dataset.pictures) {
      if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
      yield picture
    }
  }
  return { format: dataset.format, root: dataset.root, classes: dataset.classes, pictures: { [Symbol.asyncIterator]: pictures } }
}

/** All of a data set in memory. */
export interface ReadDataset extends LabelledSet {
  readonly format: string
  readonly root: string
}

/** As `openDataset`, with all pictures in memory. */
export async function readDataset(source: string, options: OpenDatasetOptions = {}): Promise<ReadDataset> {
  const { format, root, classes, pictures } = await openDataset(source, options)
  const all: LabelledPicture[] = []
  for await (const picture of pictures) all.push(picture)
  return { format, root, classes, pictures: all }
}

export interface WriteDatasetOptions {
  readonly format: string
  /** How pictures get there. Default `copy`. */
  readonly pictures?: Placement
  /** Is told of each picture that is done. */
  readonly onPicture?: (count: number) => void
  readonly signal?: AbortSignal
}

export interface WrittenDataset {
  readonly format: string
  readonly pictures: number
  /** What the format cannot hold, and so is not there. */
  readonly losses: readonly Loss[]
}

/**
 * Writes a data set into a folder that is empty or not there yet: all of it, or nothing where it fails or is cancelled. What the format cannot hold is left out and listed; where it holds
 * boxes only, the box around an outline is written, and the outline is listed as lost.
 * @throws DATASET_EXISTS, DATASET_UNKNOWN_FORMAT, DATASET_PATH for a picture's name that leads out of the folder, FILE_WRITE, CANCELLED
 */
export async function writeDataset(set: LabelledStream, folder: string, options: WriteDatasetOptions): Promise<WrittenDataset> {
  const format = formatByName(options.format)
  const losses = new Losses()
  let count = 0
  const classes = fitClasses(set.classes, format, losses)
  const names = new UniqueNames(format)
  const used = new Set<number>()
  async function* pictures() {
    for await (const picture of set.pictures) {
      if (options.signal?.aborted) throw new FoveaError('CANCELLED', { cause: options.signal.reason })
      insidePath(picture.name, '', picture.name)
      const fitted = names.give(fitPicture(await withSize(picture, format), format, set.classes, losses), losses)
      for (const label of [...fitted.labels, ...fitted.annotations.map((annotation) => annotation.label)]) used.add(label)
      count++
      options.onPicture?.(count)
      yield fitted
    }
  }
  await writeWholeFolder(folder, (staging) =>
    format.write(
      { classes, pictures: { [Symbol.asyncIterator]: pictures } },
      new WriteContext(staging, options.pictures, (what, example) => losses.add(what, example)),
    ),
  )
  if (!format.holds.unusedClasses) noteUnused(set.classes, used, losses)
  return { format: format.name, pictures: count, losses: losses.list }
}

function noteUnused(classes: readonly LabelClass[], used: ReadonlySet<number>, losses: Losses): void {
  classes.forEach(({ name }, label) => {
    if (!used.has(label)) losses.add('class that no picture has', name)
  })
}

/** Formats that state parts of a picture, or draw outlines as masks, need its size: of the file, where the data set does not tell. */
async function withSize(picture: LabelledPicture, format: DatasetFormat): Promise<LabelledPicture> {
  const { shapes } = format.holds
  const drawsMasks = shapes.includes('mask') && !shapes.includes('polygons')
  if (!(format.needsSize || format.wantsSize || drawsMasks) || picture.width !== undefined || picture.file === undefined) return picture
  const size = await imageSize(picture.file).catch(() => undefined)
  return { ...picture, ...size }
}

/** Gives another name to a picture whose name is taken, as where two splits have a picture of the same name and the format has one folder. */
class UniqueNames {
  readonly #format: DatasetFormat
  readonly #taken = new Set<string>()

  constructor(format: DatasetFormat) {
    this.#format = format
  }

  give(picture: LabelledPicture, losses: Losses): LabelledPicture {
    const stem = stemOf(picture.name)
    const ending = picture.name.slice(stem.length)
    const places = this.#format.holds.namesPerSplit === false && picture.split !== undefined ? [stem, `${picture.split}/${stem}`] : [stem]
    for (let i = 0; ; i++) {
      const name = `${places[i] ?? `${places.at(-1)}-${i + 2 - places.length}`}${ending}`
      const scope = this.#format.holds.namesPerSplit === false ? '' : (picture.split ?? '')
      const key = `${scope}\0${this.#format.holds.namesByStem ? stemOf(name) : name}`
      if (this.#taken.has(key)) continue
      this.#taken.add(key)
      if (i > 0) losses.add('name of a picture, which is taken', picture.name)
      return i === 0 ? picture : { ...picture, name }
    }
  }
}

export interface ConvertDatasetOptions extends OpenDatasetOptions {
  /** The format to write. */
  readonly to: string
  readonly pictures?: Placement
  readonly onPicture?: (count: number) => void
}

export interface ConvertedDataset extends WrittenDataset {
  readonly from: string
  /** What was wrong with the data set that was read. */
  readonly problems: readonly DatasetProblem[]
}

/**
 * Reads one format and writes another. Entries that cannot be read are left out; every problem is in the answer.
 * @throws what `openDataset` and `writeDataset` throw
 */
export async function convertDataset(source: string, folder: string, options: ConvertDatasetOptions): Promise<ConvertedDataset> {
  const { to, pictures, onPicture, ...reading } = options
  const problems: DatasetProblem[] = []
  const onProblem = (problem: DatasetProblem) => {
    problems.push(problem)
    options.onProblem?.(problem)
  }
  const opened = await openDataset(source, { ...reading, onProblem })
  const written = await writeDataset(opened, folder, {
    format: to,
    ...(pictures === undefined ? {} : { pictures }),
    ...(onPicture === undefined ? {} : { onPicture }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  return { from: opened.format, ...written, problems }
}
