// A data set as plain data: what the loader reads and the trainer counts.

import { createHash } from 'node:crypto'
import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import type { Annotation } from '../vision/annotation.ts'
import type { LabelMap } from '../vision/geometry/label-map.ts'
import { type Image, verifyImage } from '../vision/image.ts'
import type { LabelledPicture, LabelledSet } from '../vision/labelled-set.ts'
import { readFileBytes } from './source.ts'

/** One picture: a file, or an image already in memory; `label` is an index into the classes, -1 where unknown. */
export interface Sample {
  readonly path: string
  readonly label: number
  /** All classes of the picture as a whole, where it has several; `label` is the first. */
  readonly labels?: readonly number[]
  readonly image?: Image
  /** What is marked in the upright picture. Default nothing. */
  readonly annotations?: readonly Annotation[]
  /** A class for each pixel of the upright picture. */
  readonly labelMap?: LabelMap
  /** In a mix of data sets: the classes that were looked for in this picture; of others nothing is known. Default all. */
  readonly covers?: readonly number[]
}

export interface ImageDataset {
  readonly classes: readonly string[]
  readonly samples: readonly Sample[]
}

/** Pictures of a labelled set as samples: the first class of a picture as a whole is its label. A missing file is told when it is loaded. */
export function samplesOf(set: LabelledSet): ImageDataset {
  return { classes: set.classes.map(({ name }) => name), samples: set.pictures.map(sampleOf) }
}

export function sampleOf({ file, name, labels, annotations }: LabelledPicture): Sample {
  return { path: file ?? name, label: labels[0] ?? -1, ...(labels.length > 1 && { labels }), annotations }
}

/** The classes that a picture shows: its own, else those of what is marked in it. Undefined where nothing is known of it; empty where nothing is there. */
export function presentClasses({ label, labels, annotations }: Sample): readonly number[] | undefined {
  if (labels !== undefined) return labels
  if (label >= 0) return [label]
  return annotations && [...new Set(annotations.map((annotation) => annotation.label))].filter((one) => one >= 0)
}

/** The classes of a sample: its own, or those of what is marked in it, each once. */
export function classesOf({ label, annotations = [] }: Sample): number[] {
  return label >= 0 ? [label] : [...new Set(annotations.map((annotation) => annotation.label))].filter((one) => one >= 0)
}

/** Number of samples of each class, in the order of `classes`. */
export function classCounts(dataset: ImageDataset): number[] {
  const counts = dataset.classes.map(() => 0)
  for (const { label } of dataset.samples) if (label >= 0) counts[label] = counts[label]! + 1
  return counts
}

/**
 * Parts a data set in two, class by class, so that both have the same mixture. The same seed gives the same parts whatever the
 * order of the samples on disk. A class with at least two samples is present in both parts.
 * @param fraction the part that goes to `held`, 0 to 1
 * @throws DATA_TOO_FEW where a class has a single sample
 */
export function stratifiedSplit(dataset: ImageDataset, fraction: number, seed: number): { kept: ImageDataset; held: ImageDataset } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new FoveaError('DATA_OPTION_INVALID', {
      field: 'validationFraction',
      expected: 'a number between 0 and 1',
      found: String(fraction),
    })
  }
  const samples = [...dataset.samples]
  const held = new Set<Sample>()
  dataset.classes.forEach((name, label) => {
    const members = samples.filter((sample) => sample.label === label).sort((a, b) => compareText(a.path, b.path))
    if (members.length === 0) return
    if (members.length === 1)
      throw new FoveaError('DATA_TOO_FEW', { field: name, expected: 'at least 2 images', found: '1', file: members[0]!.path })
    const count = Math.min(members.length - 1, Math.max(1, Math.round(members.length * fraction)))
    const order = new Random(seed, 'split', name).permutation(members.length)
    for (let i = 0; i < count; i++) held.add(members[order[i]!]!)
  })
  const part = (inside: boolean) => ({ classes: dataset.classes, samples: samples.filter((sample) => held.has(sample) === inside) })
  return { kept: part(false), held: part(true) }
}

/** SHA-256 of each file, in the order of the samples, as lower-case hex; of the pixels where a sample lives in memory. */
export async function contentHashes(samples: readonly Sample[]): Promise<string[]> {
  const hashes: string[] = []
  for (const { path, image } of samples) {
    const hash = createHash('sha256')
    if (image === undefined) hash.update(await readFileBytes(path))
    else hash.update(`${verifyImage(image).width}x${image.height}x${image.channels}:`).update(image.data)
    hashes.push(hash.digest('hex'))
  }
  return hashes
}

/**
 * As `contentHashes`, with undefined for a file that cannot be read: the loader tells of it, or stops there.
 * @throws CANCELLED
 */
export async function readableHashes(samples: readonly Sample[], signal?: AbortSignal): Promise<(string | undefined)[]> {
  const hashes: (string | undefined)[] = []
  for (const sample of samples) {
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    const [hash] = await contentHashes([sample]).catch(() => [undefined])
    hashes.push(hash)
  }
  return hashes
}

/** Orders text by code unit: the same on every machine, unlike `localeCompare`. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
