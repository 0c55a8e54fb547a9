// Validates a data set: a report of every problem.

import { isFoveaError } from '../../util/errors.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { type OpenDatasetOptions, openDataset } from './dataset-files.ts'
import { contentHash } from './equal-pictures.ts'
import { GrowingNumbers } from './growing-numbers.ts'
import { imageSize } from './image-size.ts'
import { indexEnding } from './index-sources.ts'
import { openIndexedDataset } from './indexed-dataset.ts'
import { nearPairs } from './near-duplicates.ts'
import { perceptualHash } from './perceptual-hash.ts'
import type { DatasetProblem, ProblemCode } from './problems.ts'
import { type DatasetStatistics, StatisticsMaker } from './statistics.ts'

export interface ValidateOptions extends OpenDatasetOptions {
  /** Opens every picture's header and reads its bytes: finds sizes that differ, unreadable and duplicate pictures. Default true. */
  readonly openPictures?: boolean
  /**
   * Also finds pictures that look alike, as the frames of a burst do: those whose `perceptualHash` differs in at most so many of its 64 bits,
   * 0 to 15; 4 is strict. Default: not looked for.
   */
  readonly near?: number
  readonly onPicture?: (count: number) => void
}

export interface DatasetReport extends DatasetStatistics {
  readonly format: string
  readonly problems: readonly DatasetProblem[]
  /** With `near`: files of the pictures that look alike, and in how many bits they differ; those in two splits first. */
  readonly nearPairs?: readonly AlikePictures[]
}

export interface AlikePictures {
  readonly file: string
  readonly other: string
  readonly bits: number
  readonly inTwoSplits: boolean
  /** Where they lie. */
  readonly paths: readonly [string, string]
}

/**
 * Statistics of a data set and everything that is wrong with it. Pictures are duplicates where their files are equal byte for byte;
 * splits leak where they share a picture, by content, or a group; with `near`, also where a picture of the one looks like one of the other.
 * Of an index, hashes that were taken with it are used instead of reading the pictures again.
 * @throws DATA_NOT_A_FOLDER, DATASET_UNKNOWN_FORMAT, CANCELLED, and where nothing of the data set can be read
 */
export async function validateDataset(source: string, options: ValidateOptions = {}): Promise<DatasetReport> {
  const problems: DatasetProblem[] = []
  const onProblem = (problem: DatasetProblem) => {
    problems.push(problem)
    options.onProblem?.(problem)
  }
  const report = (code: ProblemCode, file: string, detail: string, other?: string) =>
    onProblem({ code, file, detail, ...(other === undefined ? {} : { other }) })
  const opened = await openDataset(source, { ...options, onProblem })
  const statistics = new StatisticsMaker(opened.classes)
  const byContent = new Map<string, Seen>()
  const groups = new Map<string, Seen>()
  const index = source.endsWith(indexEnding) ? await openIndexedDataset(source, { check: 'none' }) : undefined
  const known = { content: index?.contentHashes(), perceptual: index?.perceptualHashes() }
  index?.close()
  const alike = options.near === undefined ? undefined : new AlikeFinder(options.near, known.perceptual)
  let count = 0
  for await (const picture of opened.pictures) {
    statistics.add(picture)
    const file = fileOf(picture)
    const seen = { file, split: picture.split }
    if (picture.group !== undefined) {
      const first = groups.get(picture.group)
      if (first === undefined) groups.set(picture.group, seen)
      else if (first.split !== picture.split) report('split-leakage', file, `group ${picture.group} in ${splits(first, seen)}`, first.file)
    }
    if (picture.labels.length + picture.annotations.length + picture.captions.length === 0) report('unlabelled-image', file, 'no labels')
    if (options.openPictures !== false && picture.file !== undefined)
      await checkSize(picture, picture.file, (code, detail) => report(code, file, detail))
    const hash = await contentOf(picture, count, known.content, options.openPictures !== false)
    const first = hash === undefined ? undefined : byContent.get(hash)
    if (hash !== undefined && first === undefined) byContent.set(hash, seen)
    if (first !== undefined) {
      report('duplicate-image', file, `the same bytes as ${first.file}`, first.file)
      if (first.split !== seen.split) report('split-leakage', file, `the same picture in ${splits(first, seen)}`, first.file)
    }
    // The same bytes look the same: they are told of already.
    await alike?.add(seen, first === undefined ? picture.file : undefined)
    count++
    options.onPicture?.(count)
  }
  const pairs = alike?.pairs()
  for (const { file, other, bits, inTwoSplits, where } of pairs ?? []) {
    report('near-duplicate', file, `looks like ${other}: ${bits} of 64 bits differ`, other)
    if (inTwoSplits) report('split-leakage', file, `nearly the same picture in ${where}`, other)
  }
  const result = statistics.result()
  for (const [name, one] of Object.entries(result.perClass)) if (one.pictures === 0) report('empty-class', '.', `class "${name}"`)
  return {
    format: opened.format,
    ...result,
    problems,
    ...(pairs === undefined ? {} : { nearPairs: pairs.map(({ where: _, ...pair }) => pair) }),
  }
}

interface Seen {
  readonly file: string
  readonly split: string | undefined
}

/** Gathers hashes of what pictures look like, then finds the pairs. */
class AlikeFinder {
  readonly #distance: number
  readonly #known: BigUint64Array | undefined
  readonly #hashes = new GrowingNumbers(BigUint64Array)
  readonly #seen: Seen[] = []
  readonly #paths: (string | undefined)[] = []

  constructor(distance: number, known: BigUint64Array | undefined) {
    // An impossible distance is refused before the pictures are read.
    nearPairs(new BigUint64Array(), [], distance)
    this.#distance = distance
    this.#known = known
  }

  /** @param path undefined for a picture that is not to be compared */
  async add(seen: Seen, path: string | undefined): Promise<void> {
    const hash = path === undefined ? undefined : (this.#known?.[this.#seen.length] ?? (await perceptualHash(path)))
    this.#hashes.push(hash ?? 0n)
    this.#seen.push(seen)
    this.#paths.push(path)
  }

  pairs(): (AlikePictures & { readonly where: string })[] {
    const names = [...new Set(this.#seen.map(({ split }) => split))]
    const parts = Uint32Array.from(this.#seen, ({ split }) => names.indexOf(split))
    return nearPairs(this.#hashes.array(), parts, this.#distance)
      .map(({ picture, other, distance }) => {
        const [a, b] = [this.#seen[picture]!, this.#seen[other]!]
        const paths = [this.#paths[picture]!, this.#paths[other]!] as const
        return { file: a.file, other: b.file, bits: distance, inTwoSplits: a.split !== b.split, paths, where: splits(b, a) }
      })
      .sort((a, b) => Number(b.inTwoSplits) - Number(a.inTwoSplits) || a.bits - b.bits)
  }
}

function splits(a: Seen, b: Seen): string {
  return `${a.split ?? 'no split'} and ${b.split ?? 'no split'}`
}

/** How reports name a picture. */
export function fileOf({ split, name }: LabelledPicture): string {
  return split === undefined ? name : `${split}/${name}`
}

async function checkSize(picture: LabelledPicture, file: string, report: (code: ProblemCode, detail: string) => void): Promise<void> {
  try {
    const size = await imageSize(file)
    if (picture.width === undefined || (size.width === picture.width && size.height === picture.height)) return
    const turned = size.width === picture.height && size.height === picture.width ? ', as if turned: look at its EXIF orientation' : ''
    report('image-size', `${size.width} x ${size.height}, stated ${picture.width} x ${picture.height}${turned}`)
  } catch (error) {
    if (!isFoveaError(error)) throw error
    report('unreadable-image', error.details.found ?? error.code)
  }
}

/** The SHA-256 of a picture as text: of the index, else of its bytes where these may be read. */
async function contentOf(
  picture: LabelledPicture,
  number: number,
  known: Uint8Array | undefined,
  mayRead: boolean,
): Promise<string | undefined> {
  if (picture.file === undefined) return undefined
  if (known === undefined) return mayRead ? contentHash(picture.file) : undefined
  const bytes = Buffer.from(known.buffer, 32 * number, 32)
  return bytes.every((byte) => byte === 0) ? undefined : bytes.toString('latin1')
}
