// The formats, in the order they are tried.

import { FoveaError } from '../../util/errors.ts'
import { checkPlace } from '../image-folder.ts'
import { anomalyFolder } from './anomaly-folder.ts'
import { coco } from './coco.ts'
import { cocoPanoptic } from './coco-panoptic.ts'
import { csvLabels } from './csv-labels.ts'
import { cvat } from './cvat.ts'
import { dota } from './dota.ts'
import type { DatasetFormat, Recognition } from './format.ts'
import { imageFolder } from './image-folder-format.ts'
import { labelStudio } from './label-studio.ts'
import { labelme } from './labelme.ts'
import { type Listing, listDataset } from './listing.ts'
import { maskFolder } from './mask-folder.ts'
import { openImages } from './open-images.ts'
import { voc } from './voc.ts'
import { yolo, yoloObb, yoloPose } from './yolo.ts'

/** A new format is enrolled here, and with that in the command line and in every test of the shared suite. */
export const datasetFormats: readonly DatasetFormat[] = [
  coco,
  cocoPanoptic,
  voc,
  yolo,
  yoloObb,
  yoloPose,
  dota,
  cvat,
  labelme,
  labelStudio,
  openImages,
  csvLabels,
  maskFolder,
  anomalyFolder,
  imageFolder,
]

/** @throws DATASET_UNKNOWN_FORMAT */
export function formatByName(name: string): DatasetFormat {
  const format = datasetFormats.find((one) => one.name === name)
  if (format !== undefined) return format
  throw new FoveaError('DATASET_UNKNOWN_FORMAT', { expected: datasetFormats.map((one) => one.name).join(', '), found: name.slice(0, 100) })
}

export interface DetectedFormat extends Recognition {
  readonly format: string
}

/** What speaks for each format, likeliest first; empty where nothing does. */
export async function recognitions(listing: Listing): Promise<DetectedFormat[]> {
  const found: DetectedFormat[] = []
  for (const format of datasetFormats) {
    if (listing.only !== undefined && format.byFolder) continue
    const recognition = await format.detect(listing)
    if (recognition !== undefined) found.push({ format: format.name, ...recognition })
  }
  return found.sort((a, b) => b.confidence - a.confidence)
}

/**
 * Tells the format of a folder or a label file by names and beginnings of files.
 * @returns all formats that it may be of, likeliest first, each with its confidence (0 to 1) and the reason
 * @throws DATA_NOT_A_FOLDER; DATASET_TOO_LARGE
 */
export async function detectFormat(source: string): Promise<DetectedFormat[]> {
  checkPlace(source)
  return recognitions(await listDataset(source))
}
