// A folder of whatever format as the splits that training and evaluation take.

import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import type { ImageDataset } from './dataset.ts'
import { compareText, sampleOf, samplesOf } from './dataset.ts'
import { type OpenDatasetOptions, readDataset } from './formats/dataset-files.ts'
import { indexEnding } from './formats/index-sources.ts'
import { openIndexedDataset } from './formats/indexed-dataset.ts'
import { splitName } from './formats/split-folders.ts'
import { detectFormat } from './formats/table.ts'
import { checkPlace, type ImageFolder, type ImageFolderOptions, openImageFolder } from './image-folder.ts'

export interface OpenFolderOptions extends ImageFolderOptions, Pick<OpenDatasetOptions, 'onProblem' | 'signal' | 'vocOrigin' | 'csvBox'> {
  /** The format by name, as `datasetFormats` lists them. Default: the likeliest; an ImageFolder where nothing speaks for another. */
  readonly format?: string
  /**
   * The part of the pictures that are set apart for validation by seed where a data set other than an ImageFolder has no split but one for training,
   * 0 to 1. Default 0.
   */
  readonly holdOut?: number
}

/**
 * The layout of an ImageFolder with its options, or a data set of another format with annotations, all of its label files read and no picture
 * opened; or an index, whose samples are read when it is their turn. Splits are those that the data set names, else all is `train`; the seeded
 * split of an ImageFolder is made only there.
 * @throws what `openImageFolder` and `readDataset` throw; DATA_CLASS_RULE for `classFromName` beside a format that states its classes
 */
export async function openFolder(root: string, options: OpenFolderOptions = {}): Promise<ImageFolder> {
  checkPlace(root, options)
  const { format, onProblem, signal, vocOrigin, csvBox, holdOut = 0, ...folder } = options
  if (folder.classFromName !== undefined && (root.endsWith(indexEnding) || (format !== undefined && format !== 'image-folder')))
    throw new FoveaError('DATA_CLASS_RULE', {
      field: 'classFromName',
      expected: 'a folder of pictures',
      found: format ?? 'an index',
      file: root,
      remedy: 'Leave the rule out: the data set states its classes.',
    })
  if (root.endsWith(indexEnding)) return openIndexFile(root, options)
  const [likeliest] = format === undefined && folder.classFromName === undefined ? await detectFormat(root) : []
  const name = format ?? likeliest?.format ?? 'image-folder'
  if (name === 'image-folder') return openImageFolder(root, folder)
  const set = await readDataset(root, {
    format: name,
    ...(onProblem === undefined ? {} : { onProblem }),
    ...(signal === undefined ? {} : { signal }),
    ...(vocOrigin === undefined ? {} : { vocOrigin }),
    ...(csvBox === undefined ? {} : { csvBox }),
  })
  const { classes } = samplesOf({ classes: set.classes, pictures: [] })
  const parts = [...Map.groupBy(set.pictures, ({ split }) => split)].map(
    ([split, pictures]): Part => [split, { classes, samples: pictures.map(sampleOf) }],
  )
  const named = namedSplits(parts)
  const found = [...new Set(set.pictures.flatMap(({ group }) => group ?? []))].sort(compareText)
  const groups = found.length === 0 ? {} : { groups: found }
  const { train, val } = named.splits
  if (holdOut === 0 || train === undefined || val !== undefined) return { root: set.root, classes, ...named, splitBySeed: false, ...groups }
  return {
    root: set.root,
    classes,
    ...named,
    ...groups,
    splits: { ...named.splits, ...heldOut(train, holdOut, options.seed ?? 0) },
    splitBySeed: true,
  }
}

/** Both parts keep the order; the same seed and paths give the same parts. */
function heldOut({ classes, samples }: ImageDataset, fraction: number, seed: number): { train: ImageDataset; val?: ImageDataset } {
  const count = Math.min(samples.length - 1, Math.round(fraction * samples.length))
  if (!(fraction > 0 && fraction < 1 && count > 0)) return { train: { classes, samples } }
  const paths = samples.map(({ path }, i) => [path, i] as const).sort(([a], [b]) => compareText(a, b))
  const chosen = new Set([...new Random(seed, 'hold out').permutation(samples.length)].slice(0, count).map((at) => paths[at]![1]))
  const part = (inside: boolean) => ({ classes, samples: samples.filter((_, i) => chosen.has(i) === inside) })
  return { train: part(false), val: part(true) }
}

type Part = readonly [given: string | undefined, dataset: ImageDataset]

/** An index, of which no sample is read before it is its turn. */
async function openIndexFile(file: string, { format, onProblem }: OpenFolderOptions): Promise<ImageFolder> {
  const index = await openIndexedDataset(file)
  try {
    if (format !== undefined && format !== index.format)
      throw new FoveaError('DATASET_UNKNOWN_FORMAT', { file, expected: `${index.format}, as it was indexed`, found: format })
    index.reportProblems(onProblem)
    const parts = index.splits.map((split): Part => [split, index.dataset({ split })])
    return { root: index.root, classes: index.dataset().classes, ...namedSplits(parts), splitBySeed: false }
  } catch (error) {
    index.close()
    throw error
  }
}

/** By the names that training and evaluation know; pictures of no split train. */
function namedSplits(parts: readonly Part[]): Pick<ImageFolder, 'splits' | 'warnings'> {
  const splits: Record<string, ImageDataset> = {}
  const warnings: string[] = []
  for (const [given, { classes, samples }] of parts) {
    const split = splitName(given ?? 'train')
    if (split === undefined)
      warnings.push(`The split "${given}", ${samples.length} pictures, is none of train, val and test, and is left out.`)
    else splits[split] = { classes, samples: splits[split] === undefined ? samples : [...splits[split].samples, ...samples] }
  }
  return { splits, warnings }
}
