// What an evaluation may be given as data, brought into one form.

import { type ImageDataset, readableHashes } from '../data/dataset.ts'
import { IndexedDataset } from '../data/formats/indexed-dataset.ts'
import type { ImageFolder } from '../data/image-folder.ts'
import type { ModelMetadata } from '../model/metadata.ts'
import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { Annotation } from '../vision/annotation.ts'
import type { LabelClass, LabelledPicture, LabelledStream } from '../vision/labelled-set.ts'
import type { EvaluationSample } from './records/records.ts'

/** Pictures with what is known of them, those in memory with their pixels. */
export interface EvaluationStream extends LabelledStream {
  readonly pictures: AsyncIterable<EvaluationSample> | Iterable<EvaluationSample>
}

/** A folder with its splits, one of them, or a data set of any format as `openDataset` and `readDataset` give it. */
export type EvaluationData = Pick<ImageFolder, 'classes' | 'splits'> | ImageDataset | EvaluationStream | IndexedDataset

export interface EvaluationPart {
  readonly classes: readonly string[]
  /** Undefined where it is known only at the end. */
  readonly total: number | undefined
  /** Which part of the data it is: `test`, `val`, `held out at training`, `all`. */
  readonly name: string
  readonly samples: AsyncIterable<EvaluationSample> | Iterable<EvaluationSample>
}

/** One form for all. Of a folder with splits: what `choosePart` takes. */
export async function evaluationPart(data: EvaluationData, split: ModelMetadata['split'], signal?: AbortSignal): Promise<EvaluationPart> {
  if (typeof data !== 'object' || data === null) throw noData('data', 'a data set', data)
  if (data instanceof IndexedDataset) return { ...partOf(data.dataset(), 'all') }
  if ('splits' in data) {
    const { dataset, name } = await choosePart(data, split, signal)
    return partOf(dataset, name)
  }
  if ('samples' in data) return partOf(data, 'all')
  const { classes, pictures } = data
  if (!Array.isArray(classes) || !classes.every((one: unknown) => typeof (one as LabelClass | null)?.name === 'string'))
    throw noData('classes', 'a list of classes with names', classes)
  const isIterable = typeof pictures === 'object' && pictures !== null && (Symbol.iterator in pictures || Symbol.asyncIterator in pictures)
  if (!isIterable) throw noData('pictures', 'pictures to iterate', pictures)
  return {
    classes: classes.map(({ name }) => name),
    total: Array.isArray(pictures) ? pictures.length : undefined,
    name: 'all',
    samples: pictures,
  }
}

/**
 * `test`, else `val`, else the pictures that the model's training held out, known by content, else all.
 * @throws FoveaError DATA_NO_IMAGES where there is no split of these names
 */
export async function choosePart(
  { splits }: Pick<ImageFolder, 'splits'>,
  split: ModelMetadata['split'],
  signal?: AbortSignal,
): Promise<{ dataset: ImageDataset; name: string }> {
  if (splits.test !== undefined) return { dataset: splits.test, name: 'test' }
  if (splits.val !== undefined) return { dataset: splits.val, name: 'val' }
  const all = splits.train
  if (all === undefined)
    throw new FoveaError('DATA_NO_IMAGES', {
      field: 'splits',
      expected: 'test, val or train',
      found: Object.keys(splits).join(', ') || 'none',
    })
  const held = new Set(split?.held ?? [])
  if (held.size === 0) return { dataset: all, name: 'all' }
  const hashes = await readableHashes(all.samples, signal)
  const samples = all.samples.filter((_, i) => held.has(hashes[i]?.slice(0, 16) ?? ''))
  return samples.length === 0 ? { dataset: all, name: 'all' } : { dataset: { ...all, samples }, name: 'held out at training' }
}

function noData(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('EVALUATE_TRUTH', { field, expected, found: said(found) })
}

/** Holds a picture from outside to the shape of its type. @throws FoveaError EVALUATE_TRUTH */
export function checkSample(sample: EvaluationSample): void {
  if (typeof sample !== 'object' || sample === null) throw noData('pictures', 'an object with name, labels, annotations, captions', sample)
  const { name, labels, annotations, captions } = sample
  if (typeof name !== 'string') throw noData('name', 'a text', name)
  const fail = (field: string, expected: string, found: unknown) =>
    new FoveaError('EVALUATE_TRUTH', { file: name, field, expected, found: said(found) })
  if (!Array.isArray(labels)) throw fail('labels', 'a list of class numbers', labels)
  if (!Array.isArray(captions) || !captions.every((caption) => typeof caption === 'string'))
    throw fail('captions', 'a list of texts', captions)
  if (!Array.isArray(annotations)) throw fail('annotations', 'a list', annotations)
  for (const [i, one] of (annotations as readonly Annotation[]).entries()) {
    if (typeof one !== 'object' || one === null) throw fail(`annotations[${i}]`, 'an object', one)
    const { box, mask, polygons } = one
    for (const [key, value] of Object.entries({ box, mask }))
      if (value !== undefined && (typeof value !== 'object' || value === null)) throw fail(`annotations[${i}].${key}`, 'an object', value)
    const isOutline = (polygon: unknown) => Array.isArray(polygon) || ArrayBuffer.isView(polygon)
    if (polygons !== undefined && !(Array.isArray(polygons) && polygons.every(isOutline)))
      throw fail(`annotations[${i}].polygons`, 'a list of outlines', polygons)
  }
}

function partOf({ classes, samples }: ImageDataset, name: string): EvaluationPart {
  return { classes, total: samples.length, name, samples: samples.map(pictureOf) }
}

function pictureOf({
  path,
  label,
  labels = label < 0 ? [] : [label],
  image,
  annotations = [],
  labelMap,
}: ImageDataset['samples'][number]): EvaluationSample {
  return {
    name: path,
    ...(image === undefined ? { file: path } : { image, width: image.width, height: image.height }),
    labels,
    annotations,
    ...(labelMap && { labelMap }),
    captions: [],
  }
}

/** All of it as a list for the loader of batches: a path and a class for each picture. */
export async function listedSamples(part: EvaluationPart, signal?: AbortSignal): Promise<EvaluationSample[]> {
  const list: EvaluationSample[] = []
  for await (const sample of part.samples) {
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    checkSample(sample)
    list.push(sample)
  }
  return list
}

export interface ClassMap {
  /** The model's number of a class of the data; -1 stays. */
  readonly numberOf: (label: number) => number
  readonly labels: readonly string[]
  readonly warnings: readonly string[]
}

/**
 * From the class numbers of the data to those of the model: matched by name; by order where the model has no names, only numbers, and
 * as many of them as the data have classes.
 *
 * @throws FoveaError EVALUATE_CLASSES
 */
export function mapClasses(classes: readonly string[], labels: readonly string[] = classes): ClassMap {
  const byName = classes.map((name) => labels.indexOf(name))
  if (byName.every((index) => index >= 0)) return { numberOf: (label) => byName[label] ?? -1, labels, warnings: [] }
  if (labels.every((label, i) => label === `${i}`) && classes.length === labels.length)
    return {
      numberOf: (label) => label,
      labels,
      warnings: ['The model has no class names: its scores were matched with the folders in the order of their names.'],
    }
  const unknown = classes.filter((_, i) => byName[i]! < 0)
  throw new FoveaError('EVALUATE_CLASSES', { expected: `classes among ${labels.join(', ')}`, found: unknown.join(', ') })
}

/** The sample with the model's class numbers. */
export function mapSample(sample: EvaluationSample, { numberOf }: ClassMap): EvaluationSample {
  const rename = (annotation: Annotation): Annotation => ({ ...annotation, label: numberOf(annotation.label) })
  return { ...sample, labels: sample.labels.map(numberOf), annotations: sample.annotations.map(rename) }
}

/** Counts pictures that were trained on, for a warning. */
export class TrainedPictures {
  readonly #trained: ReadonlySet<string>
  readonly #signal: AbortSignal | undefined
  #readable = 0
  #met = 0

  constructor(split: ModelMetadata['split'], signal: AbortSignal | undefined) {
    this.#trained = new Set(split?.trained ?? [])
    this.#signal = signal
  }

  async add(pictures: readonly LabelledPicture[]): Promise<void> {
    if (this.#trained.size === 0) return
    const samples = pictures.map((picture) => ({ path: picture.file ?? picture.name, label: 0, ...imageOf(picture) }))
    const hashes = (await readableHashes(samples, this.#signal)).filter((hash) => hash !== undefined)
    this.#readable += hashes.length
    this.#met += hashes.filter((hash) => this.#trained.has(hash.slice(0, 16))).length
  }

  get warnings(): string[] {
    if (this.#met === 0) return []
    return [`${this.#met} of ${this.#readable} pictures were used in training: the figures are better than they would be on new ones.`]
  }
}

function imageOf({ image }: EvaluationSample): Pick<EvaluationSample, 'image'> {
  return image === undefined ? {} : { image }
}
