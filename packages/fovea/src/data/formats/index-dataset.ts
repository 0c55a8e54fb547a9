// Indexes a data set: reads its label files once, picture by picture, and writes what `IndexedDataset` reads.

import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { type OpenDatasetOptions, openDataset } from './dataset-files.ts'
import { GrowingNumbers } from './growing-numbers.ts'
import { IndexWriter } from './index-file.ts'
import { indexEnding, stampSources } from './index-sources.ts'
import type { IndexTable } from './indexed-dataset.ts'
import { listDataset } from './listing.ts'
import { perceptualHash } from './perceptual-hash.ts'
import type { DatasetProblem, ProblemCode } from './problems.ts'
import { type DatasetStatistics, StatisticsMaker } from './statistics.ts'

export interface IndexDatasetOptions extends OpenDatasetOptions {
  /** The file to write. Default: beside the data set, with the ending `.fovea-index`. */
  readonly out?: string
  /** Takes SHA-256 of every picture, so that equal ones are found without reading them again. Default false. */
  readonly contentHashes?: boolean
  /** Takes `perceptualHash` of every picture, so that similar ones are found. Default false. */
  readonly perceptualHashes?: boolean
  readonly onPicture?: (count: number) => void
}

export interface WrittenIndex {
  readonly file: string
  readonly format: string
  readonly pictures: number
  readonly statistics: DatasetStatistics
  readonly problemCounts: Readonly<Partial<Record<ProblemCode, number>>>
}

/** So many problems of each code are kept. */
const maxExamples = 1000

/** Pictures whose bytes are read at the same time. */
const together = 8

/**
 * Writes an index of a data set. COCO files of any length are read element by element, and what comes out of order waits on the disk, in
 * the folder for temporary files; formats with one label file for many pictures other than COCO are read into memory first. Entries that
 * cannot be read are problems where `onProblem` is given, and left out, as everywhere. What was begun and not finished leaves no index.
 * @throws what `openDataset` throws, FILE_WRITE; DATA_OPTION_INVALID for a name with another ending
 */
export async function indexDataset(source: string, options: IndexDatasetOptions = {}): Promise<WrittenIndex> {
  const { out, contentHashes = false, perceptualHashes = false, onPicture, ...reading } = options
  if (out !== undefined && !out.endsWith(indexEnding))
    throw new FoveaError('DATA_OPTION_INVALID', { field: 'out', expected: `a name that ends with ${indexEnding}`, found: out })
  const listing = await listDataset(source)
  const file = resolve(out ?? `${resolve(source)}${indexEnding}`)
  // Stamped before it is read: what changes meanwhile makes the index outdated, not wrong.
  const sources = await stampSources(listing, file)
  const scratch = await mkdtemp(join(tmpdir(), 'fovea-index-'))
  const problems = new ProblemExamples(options.onProblem)
  try {
    const opened = await openDataset(source, {
      ...reading,
      scratch,
      ...(options.onProblem === undefined ? {} : { onProblem: problems.add }),
    })
    const writer = await IndexWriter.create(file)
    try {
      const statistics = new StatisticsMaker(opened.classes)
      const columns = new Columns(opened.classes.length)
      let waiting: LabelledPicture[] = []
      const write = async () => {
        for (const { picture, content, perceptual } of await Promise.all(
          waiting.map((one) => withHashes(one, { contentHashes, perceptualHashes })),
        )) {
          const path = picture.file === undefined ? {} : { file: relative(opened.root, picture.file).split(sep).join('/') }
          columns.add(picture, await writer.append(Buffer.from(JSON.stringify({ ...picture, ...path }))), content, perceptual)
          statistics.add(picture)
          onPicture?.(columns.length)
        }
        waiting = []
      }
      for await (const picture of opened.pictures) {
        waiting.push(picture)
        if (waiting.length === together) await write()
      }
      await write()
      const ranges = await columns.write(writer, { contentHashes, perceptualHashes })
      const table: IndexTable = {
        format: opened.format,
        root: relative(dirname(file), opened.root).split(sep).join('/') || '.',
        length: columns.length,
        classes: opened.classes,
        statistics: statistics.result(),
        problems: problems.list,
        problemCounts: problems.counts,
        ...ranges,
        sources,
      }
      await writer.finish({ ...table })
      return { file, format: table.format, pictures: table.length, statistics: table.statistics, problemCounts: table.problemCounts }
    } catch (error) {
      await writer.abandon()
      throw error
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Counts problems, passes them on, and keeps the first of each code. */
class ProblemExamples {
  readonly list: DatasetProblem[] = []
  readonly counts: Partial<Record<ProblemCode, number>> = {}
  readonly #onProblem: ((problem: DatasetProblem) => void) | undefined

  constructor(onProblem: ((problem: DatasetProblem) => void) | undefined) {
    this.#onProblem = onProblem
  }

  readonly add = (problem: DatasetProblem): void => {
    const count = (this.counts[problem.code] ?? 0) + 1
    this.counts[problem.code] = count
    if (count <= maxExamples) this.list.push(problem)
    this.#onProblem?.(problem)
  }
}

interface Hashes {
  readonly contentHashes: boolean
  readonly perceptualHashes: boolean
}

async function withHashes(
  picture: LabelledPicture,
  { contentHashes, perceptualHashes }: Hashes,
): Promise<{ picture: LabelledPicture; content?: Uint8Array; perceptual?: bigint }> {
  if (picture.file === undefined || !(contentHashes || perceptualHashes)) return { picture }
  const bytes = await readFile(picture.file).catch(() => undefined)
  if (bytes === undefined) return { picture }
  const perceptual = perceptualHashes ? await perceptualHash(bytes) : undefined
  return {
    picture,
    ...(contentHashes ? { content: createHash('sha256').update(bytes).digest() } : {}),
    ...(perceptual === undefined ? {} : { perceptual }),
  }
}

/** The columns while they grow. */
class Columns {
  readonly #offsets = new GrowingNumbers(Float64Array)
  readonly #content = new GrowingNumbers(Uint8Array)
  readonly #perceptual = new GrowingNumbers(BigUint64Array)
  readonly #byClass: GrowingNumbers<Uint32Array>[]
  readonly #bySplit = new Map<string | null, GrowingNumbers<Uint32Array>>()
  length = 0

  constructor(classes: number) {
    this.#byClass = Array.from({ length: classes }, () => new GrowingNumbers(Uint32Array))
  }

  add(picture: LabelledPicture, at: number, content?: Uint8Array, perceptual?: bigint): void {
    this.#offsets.push(at)
    for (let i = 0; i < 32; i++) this.#content.push(content?.[i] ?? 0)
    this.#perceptual.push(perceptual ?? 0n)
    const split = picture.split ?? null
    const members = this.#bySplit.get(split) ?? new GrowingNumbers(Uint32Array)
    this.#bySplit.set(split, members)
    members.push(this.length)
    for (const label of new Set([...picture.labels, ...picture.annotations.map((one) => one.label)]))
      this.#byClass[label]?.push(this.length)
    this.length++
  }

  async write(writer: IndexWriter, { contentHashes, perceptualHashes }: Hashes): Promise<Pick<IndexTable, 'splits' | 'classRanges'>> {
    this.#offsets.push(await writer.append(new Uint8Array()))
    await writer.column('offsets', this.#offsets.array())
    const splits = [...this.#bySplit].sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))
    const splitRanges = await writeLists(
      writer,
      'bySplit',
      splits.map(([, members]) => members),
    )
    const classRanges = await writeLists(writer, 'byClass', this.#byClass)
    if (contentHashes) await writer.column('content', this.#content.array())
    if (perceptualHashes) await writer.column('perceptual', new Uint8Array(this.#perceptual.array().buffer))
    return { splits: splits.map(([split], i) => [split, ...splitRanges[i]!]), classRanges }
  }
}

/** Writes lists one after another as one column; gives where each lies. */
async function writeLists(writer: IndexWriter, name: string, lists: readonly GrowingNumbers<Uint32Array>[]): Promise<[number, number][]> {
  const all = new Uint32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  const ranges = lists.map((list): [number, number] => {
    all.set(list.array(), at)
    at += list.length
    return [at - list.length, at]
  })
  await writer.column(name, all)
  return ranges
}
