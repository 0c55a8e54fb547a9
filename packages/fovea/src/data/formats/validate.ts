// Validates a data set: a report of every problem.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { isFoveaError } from '../../util/errors.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import { type OpenDatasetOptions, openDataset } from './dataset-files.ts'
import { imageSize } from './image-size.ts'
import type { DatasetProblem, ProblemCode } from './problems.ts'
import { type DatasetStatistics, StatisticsMaker } from './statistics.ts'

export interface ValidateOptions extends OpenDatasetOptions {
  /** Opens every picture's header and reads its bytes: finds sizes that differ, unreadable and duplicate pictures. Default true. */
  readonly openPictures?: boolean
  readonly onPicture?: (count: number) => void
}

export interface DatasetReport extends DatasetStatistics {
  readonly format: string
  readonly problems: readonly DatasetProblem[]
}

/**
 * Statistics of a data set and everything that is wrong with it. Pictures are duplicates where their files are equal byte for byte;
 * splits leak where they share a picture, by content, or a group.
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
    if (options.openPictures !== false && picture.file !== undefined) {
      await checkSize(picture, picture.file, (code, detail) => report(code, file, detail))
      const hash = await contentHash(picture.file)
      const first = hash === undefined ? undefined : byContent.get(hash)
      if (hash !== undefined && first === undefined) byContent.set(hash, seen)
      if (first !== undefined) {
        report('duplicate-image', file, `the same bytes as ${first.file}`, first.file)
        if (first.split !== seen.split) report('split-leakage', file, `the same picture in ${splits(first, seen)}`, first.file)
      }
    }
    options.onPicture?.(++count)
  }
  const result = statistics.result()
  for (const [name, one] of Object.entries(result.perClass)) if (one.pictures === 0) report('empty-class', '.', `class "${name}"`)
  return { format: opened.format, ...result, problems }
}

interface Seen {
  readonly file: string
  readonly split: string | undefined
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

async function contentHash(file: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
    return hash.digest('hex')
  } catch {
    return undefined
  }
}
