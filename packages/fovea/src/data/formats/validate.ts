// Validates a data set: a report of every problem.

import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { type FoveaError, isFoveaError } from '../../util/errors.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { decodeImage } from '../decode.ts'
import { readFileBytes } from '../source.ts'
import { workAhead } from './ahead.ts'
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
  /** Reads and decodes every picture: finds sizes that differ, damaged and duplicate pictures. Default true. */
  readonly openPictures?: boolean
  /** Pictures are not decoded: their bytes are compared, but of what they show the header alone is looked at. Default false. */
  readonly quick?: boolean
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
  const alike = options.near === undefined ? undefined : new AlikeFinder(options.near)
  const open = options.openPictures === false ? undefined : options.quick === true ? 'header' : 'whole'
  let count = 0
  const look = (picture: LabelledPicture, number: number) => lookAt(picture, number, { open, known, near: options.near !== undefined })
  for await (const [picture, { size, fault, content, alike: hash }] of workAhead(opened.pictures, atOnce, look)) {
    statistics.add(picture)
    const file = fileOf(picture)
    const seen = { file, split: picture.split }
    if (picture.group !== undefined) {
      const first = groups.get(picture.group)
      if (first === undefined) groups.set(picture.group, seen)
      else if (first.split !== picture.split) report('split-leakage', file, `group ${picture.group} in ${splits(first, seen)}`, first.file)
    }
    if (picture.labels.length + picture.annotations.length + picture.captions.length === 0) report('unlabelled-image', file, 'no labels')
    if (fault !== undefined) report('unreadable-image', file, fault)
    if (size !== undefined) checkSize(picture, size, (detail) => report('image-size', file, detail))
    const first = content === undefined ? undefined : byContent.get(content)
    if (content !== undefined && first === undefined) byContent.set(content, seen)
    if (first !== undefined) {
      report('duplicate-image', file, `the same bytes as ${first.file}`, first.file)
      if (first.split !== seen.split) report('split-leakage', file, `the same picture in ${splits(first, seen)}`, first.file)
    }
    // The same bytes look the same: they are told of already.
    alike?.add(seen, picture.file, first === undefined ? hash : undefined)
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
  readonly #hashes = new GrowingNumbers(BigUint64Array)
  readonly #seen: Seen[] = []
  readonly #paths: (string | undefined)[] = []

  constructor(distance: number) {
    // An impossible distance is refused before the pictures are read.
    nearPairs(new BigUint64Array(), [], distance)
    this.#distance = distance
  }

  /** @param hash undefined for a picture that is not to be compared */
  add(seen: Seen, path: string | undefined, hash: bigint | undefined): void {
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

function checkSize(picture: LabelledPicture, size: PictureSize, report: (detail: string) => void): void {
  if (picture.width === undefined || (size.width === picture.width && size.height === picture.height)) return
  const turned = size.width === picture.height && size.height === picture.width ? ', as if turned: look at its EXIF orientation' : ''
  report(`${size.width} x ${size.height}, stated ${picture.width} x ${picture.height}${turned}`)
}

/** Pictures that are looked at at once: decoding runs in threads of its own, and each holds its pixels. */
const atOnce = Math.max(2, Math.min(8, availableParallelism()))

interface Looks {
  readonly open: 'whole' | 'header' | undefined
  /** Of an index: SHA-256s, 32 bytes a picture, and perceptual hashes; 0 where there is none. */
  readonly known: { readonly content: Uint8Array | undefined; readonly perceptual: BigUint64Array | undefined }
  readonly near: boolean
}

/** What the file of a picture tells. */
interface Looked {
  readonly size?: PictureSize
  /** Why it cannot be decoded. */
  readonly fault?: string
  /** The SHA-256 of its bytes as text. */
  readonly content?: string | undefined
  readonly alike?: bigint | undefined
}

async function lookAt({ file }: LabelledPicture, number: number, { open, known, near }: Looks): Promise<Looked> {
  if (file === undefined) return {}
  const stored = known.content === undefined ? undefined : Buffer.from(known.content.buffer, 32 * number, 32)
  const content = stored?.some((byte) => byte !== 0) ? stored.toString('latin1') : undefined
  const alike = known.perceptual?.[number] || undefined
  const seeks = near && known.perceptual === undefined
  if (open !== 'whole') {
    const found = open === undefined ? {} : await coded(() => imageSize(file))
    // Without opening, nothing is read but what was asked for.
    const hashed = content ?? (open === undefined || stored !== undefined ? undefined : await contentHash(file))
    return { ...found, content: hashed, alike: seeks ? await perceptualHash(file) : alike }
  }
  try {
    const bytes = await readFileBytes(file)
    const found = await coded(() => decodeImage(bytes, { name: file }))
    const hashed = stored === undefined ? createHash('sha256').update(bytes).digest().toString('latin1') : content
    return { ...found, content: hashed, alike: seeks ? await perceptualHash(bytes) : alike }
  } catch (error) {
    if (!isFoveaError(error)) throw error
    return { fault: faultOf(error) }
  }
}

/** The size of a picture, or why it cannot be opened. */
async function coded(open: () => Promise<PictureSize>): Promise<Pick<Looked, 'size' | 'fault'>> {
  try {
    const { width, height } = await open()
    return { size: { width, height } }
  } catch (error) {
    if (!isFoveaError(error)) throw error
    return { fault: faultOf(error) }
  }
}

function faultOf({ code, details: { found } }: FoveaError): string {
  return found === undefined ? code : `${code}: ${found}`
}
