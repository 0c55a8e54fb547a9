// A folder of whatever format as the splits that training and evaluation take.

import type { ImageDataset } from './dataset.ts'
import { sampleOf, samplesOf } from './dataset.ts'
import { type OpenDatasetOptions, readDataset } from './formats/dataset-files.ts'
import { splitName } from './formats/split-folders.ts'
import { detectFormat } from './formats/table.ts'
import { type ImageFolder, type ImageFolderOptions, openImageFolder } from './image-folder.ts'

export interface OpenFolderOptions extends ImageFolderOptions, Pick<OpenDatasetOptions, 'onProblem' | 'signal' | 'vocOrigin'> {
  /** The format by name, as `datasetFormats` lists them. Default: the likeliest; an ImageFolder where nothing speaks for another. */
  readonly format?: string
}

/**
 * The layout of an ImageFolder with its options, or a data set of another format with annotations, all of its label files read and no picture
 * opened. Splits are those that the data set names, else all is `train`; the seeded split of an ImageFolder is made only there.
 * @throws what `openImageFolder` and `readDataset` throw
 */
export async function openFolder(root: string, options: OpenFolderOptions = {}): Promise<ImageFolder> {
  const { format, onProblem, signal, vocOrigin, ...folder } = options
  const [likeliest] = format === undefined && folder.classFromName === undefined ? await detectFormat(root) : []
  const name = format ?? likeliest?.format ?? 'image-folder'
  if (name === 'image-folder') return openImageFolder(root, folder)
  const set = await readDataset(root, {
    format: name,
    ...(onProblem === undefined ? {} : { onProblem }),
    ...(signal === undefined ? {} : { signal }),
    ...(vocOrigin === undefined ? {} : { vocOrigin }),
  })
  const { classes } = samplesOf({ classes: set.classes, pictures: [] })
  const splits: Record<string, ImageDataset> = {}
  const warnings: string[] = []
  for (const [given, pictures] of Map.groupBy(set.pictures, ({ split }) => split ?? 'train')) {
    const split = splitName(given)
    if (split === undefined)
      warnings.push(`The split "${given}", ${pictures.length} pictures, is none of train, val and test, and is left out.`)
    else splits[split] = { classes, samples: [...(splits[split]?.samples ?? []), ...pictures.map(sampleOf)] }
  }
  return { root: set.root, classes, splits, splitBySeed: false, warnings }
}
