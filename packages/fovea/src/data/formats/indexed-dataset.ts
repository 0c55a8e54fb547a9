// A data set of any size by its index: every picture by its number, without reading the label files again or holding them in memory.

import { dirname, join, resolve } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../../vision/labelled-set.ts'
import { type ImageDataset, sampleOf } from '../dataset.ts'
import { lazyList } from '../lazy-list.ts'
import { IndexReader } from './index-file.ts'
import { changeSince, type IndexCheck, type SourceStamps } from './index-sources.ts'
import type { JsonObject } from './json.ts'
import { type DatasetProblem, losesData, type ProblemCode } from './problems.ts'
import type { DatasetStatistics } from './statistics.ts'

export interface OpenIndexOptions {
  /** How to find out whether the data set was changed since. Default `quick`. */
  readonly check?: IndexCheck
}

/** What the table of an index holds, beside its columns. */
export interface IndexTable {
  readonly format: string
  /** From the folder of the index to that of the data set. */
  readonly root: string
  readonly length: number
  readonly classes: readonly LabelClass[]
  readonly statistics: DatasetStatistics
  /** Examples of each code. */
  readonly problems: readonly DatasetProblem[]
  readonly problemCounts: Readonly<Partial<Record<ProblemCode, number>>>
  /** Where the pictures of a split, and of a class, lie in their columns: from, to. */
  readonly splits: readonly (readonly [split: string | null, from: number, to: number])[]
  readonly classRanges: readonly (readonly [from: number, to: number])[]
  readonly sources: SourceStamps
}

/** So much is read at once while all pictures are gone through. */
const blockBytes = 1 << 20

/**
 * Pictures by number, in the order in which the format lists them. What is held is 8 bytes a picture, outside of JavaScript's heap; workers
 * open the file each for themselves. Reading is synchronous: a record lies in the page cache or one disk access away, and a promise would
 * cost ten times what the reading does; who must not wait for a slow disk opens the index in a worker.
 */
export class IndexedDataset implements LabelledStream {
  readonly format: string
  readonly root: string
  readonly classes: readonly LabelClass[]
  /** Number of pictures. */
  readonly length: number
  /** As counted when it was indexed. */
  readonly statistics: DatasetStatistics
  /** What was wrong, up to a thousand of each code, and how often each was met. */
  readonly problems: readonly DatasetProblem[]
  readonly problemCounts: Readonly<Partial<Record<ProblemCode, number>>>
  readonly #reader: IndexReader
  readonly #table: IndexTable
  readonly #offsets: Float64Array

  /** Use `openIndexedDataset`. @throws DATASET_INDEX_INVALID */
  constructor(reader: IndexReader) {
    this.#reader = reader
    this.#table = checkTable(reader)
    const { format, root, length, classes, statistics, problems, problemCounts } = this.#table
    this.root = resolve(dirname(reader.file), root)
    ;[this.format, this.length, this.classes, this.statistics] = [format, length, classes, statistics]
    ;[this.problems, this.problemCounts] = [problems, problemCounts]
    this.#offsets = reader.column('offsets', 'float64')
    if (this.#offsets.length !== length + 1) throw reader.invalid(`${this.#offsets.length - 1} pictures, not ${length}`)
  }

  /** Names of the splits; undefined among them where pictures are in none. */
  get splits(): readonly (string | undefined)[] {
    return this.#table.splits.map(([split]) => split ?? undefined)
  }

  /** A picture by its number, from 0. @throws DATA_OPTION_INVALID beyond the last; DATASET_INDEX_INVALID */
  at(index: number): LabelledPicture {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length))
      throw new FoveaError('DATA_OPTION_INVALID', {
        field: 'index',
        expected: `a whole number from 0, below ${this.length}`,
        found: String(index),
      })
    const from = this.#offsets[index]!
    return this.#parse(this.#reader.read(from, this.#offsets[index + 1]! - from))
  }

  /** All pictures in order. */
  get pictures(): AsyncIterable<LabelledPicture> {
    return { [Symbol.asyncIterator]: () => this.#iterate() }
  }

  /**
   * Numbers of the pictures of a split (undefined: of none), of a class (at least one annotation or label of it), or of both, rising.
   * @throws DATA_OPTION_INVALID for a class that is not there
   */
  indices(wanted: { readonly split?: string | undefined; readonly class?: number }): Uint32Array {
    const lists: Uint32Array[] = []
    if ('split' in wanted) {
      const range = this.#table.splits.find(([split]) => split === (wanted.split ?? null))
      lists.push(range === undefined ? new Uint32Array() : this.#reader.column('bySplit', 'uint32', range[1], range[2]))
    }
    if (wanted.class !== undefined) {
      const range = this.#table.classRanges[wanted.class]
      if (range === undefined)
        throw new FoveaError('DATA_OPTION_INVALID', {
          field: 'class',
          expected: `a whole number from 0, below ${this.classes.length}`,
          found: String(wanted.class),
        })
      lists.push(this.#reader.column('byClass', 'uint32', range[0], range[1]))
    }
    const [first, second] = lists
    if (first === undefined) return Uint32Array.from({ length: this.length }, (_, i) => i)
    return second === undefined ? first : common(first, second)
  }

  /**
   * The pictures, or those of a split or class, as samples for a loader: each is read from the index when it is its turn, so that a set of millions
   * needs a few bytes a picture (a loader keeps 4 more for the order, and 28 where it has a cache in memory). The index must stay open.
   * @throws DATA_OPTION_INVALID for a class that is not there
   */
  dataset(wanted: { readonly split?: string | undefined; readonly class?: number } = {}): ImageDataset {
    const indices = 'split' in wanted || wanted.class !== undefined ? this.indices(wanted) : undefined
    return {
      classes: this.classes.map(({ name }) => name),
      samples: lazyList(indices?.length ?? this.length, (i) => sampleOf(this.at(indices?.[i] ?? i))),
    }
  }

  /** SHA-256 of the pictures' bytes, 32 a picture, zeros where it could not be read; undefined where they were not taken. */
  contentHashes(): Uint8Array | undefined {
    return this.#reader.has('content') ? this.#reader.column('content', 'bytes') : undefined
  }

  /** `perceptualHash` of the pictures, 0 where there is none; undefined where they were not taken. */
  perceptualHashes(): BigUint64Array | undefined {
    return this.#reader.has('perceptual') ? new BigUint64Array(this.#reader.column('perceptual', 'bytes').buffer) : undefined
  }

  /** What was changed since it was indexed, in a clause; undefined where nothing is. */
  changed(check: IndexCheck): Promise<string | undefined> {
    return changeSince(this.root, this.#table.sources, check)
  }

  /** Tells, or throws, what was wrong when it was indexed, as reading the label files would. @throws DATASET_MALFORMED */
  reportProblems(onProblem: ((problem: DatasetProblem) => void) | undefined): void {
    for (const problem of this.problems) {
      if (onProblem !== undefined) onProblem(problem)
      else if (losesData(problem)) throw new FoveaError('DATASET_MALFORMED', { file: problem.file, found: problem.detail })
    }
  }

  /** Closes the file. */
  close(): void {
    this.#reader.close()
  }

  async *#iterate(): AsyncGenerator<LabelledPicture> {
    const offsets = this.#offsets
    for (let i = 0; i < this.length; ) {
      const from = offsets[i]!
      let end = i + 1
      while (end < this.length && offsets[end + 1]! - from <= blockBytes) end++
      const block = Buffer.from(this.#reader.read(from, offsets[end]! - from))
      for (; i < end; i++) yield this.#parse(block.subarray(offsets[i]! - from, offsets[i + 1]! - from))
    }
  }

  #parse(bytes: Buffer): LabelledPicture {
    try {
      const picture = JSON.parse(bytes.toString('utf8')) as LabelledPicture
      return picture.file === undefined ? picture : { ...picture, file: join(this.root, picture.file) }
    } catch (cause) {
      throw this.#reader.invalid('a record that was changed', cause)
    }
  }
}

/**
 * Opens what `indexDataset` wrote, in a moment whatever its size.
 * @throws DATASET_INDEX_INVALID; DATASET_INDEX_OUTDATED where label files or the lists of files were changed since
 */
export async function openIndexedDataset(file: string, { check = 'quick' }: OpenIndexOptions = {}): Promise<IndexedDataset> {
  const dataset = new IndexedDataset(new IndexReader(resolve(file)))
  const change = await dataset.changed(check)
  if (change === undefined) return dataset
  dataset.close()
  throw new FoveaError('DATASET_INDEX_OUTDATED', { file, found: change })
}

function checkTable(reader: IndexReader): IndexTable {
  const { format, root, length, classes, statistics, problems, splits, classRanges, sources } = reader.table
  const isRange = (range: unknown) => Array.isArray(range) && range.every((end) => Number.isSafeInteger(end) && end >= 0)
  const good =
    typeof format === 'string' &&
    typeof root === 'string' &&
    Number.isSafeInteger(length) &&
    (length as number) >= 0 &&
    [classes, problems, splits, classRanges].every(Array.isArray) &&
    (splits as unknown[]).every((one) => Array.isArray(one) && isRange(one.slice(1))) &&
    (classRanges as unknown[]).every(isRange) &&
    [statistics, sources].every((one) => typeof one === 'object' && one !== null)
  if (!good) throw reader.invalid('a table of another kind')
  return reader.table as JsonObject & IndexTable
}

/** Numbers that stand in both of two rising lists. */
function common(a: Uint32Array, b: Uint32Array): Uint32Array {
  const both = new Uint32Array(Math.min(a.length, b.length))
  let [i, j, count] = [0, 0, 0]
  while (i < a.length && j < b.length) {
    const [one, other] = [a[i]!, b[j]!]
    if (one === other) both[count++] = one
    if (one <= other) i++
    if (other <= one) j++
  }
  return both.slice(0, count)
}
