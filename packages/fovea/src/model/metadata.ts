// What a Fovea model file says about itself, in the metadata of the ONNX file. The table of keys is in docs/model-file.md.

import type { Model } from '../graph/model.ts'
import { clip } from '../util/clip.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { frameworkVersion } from '../util/version.ts'
import { type Preprocessing, parsePreprocessing } from '../vision/preprocessing.ts'
import { areHeads, type Head, type HeadTask } from './heads/head.ts'
import { checkVersions, frameworkRange } from './version.ts'

/**
 * `classify` gives a score for each class, `multilabel` a yes or no for each, `detect` boxes, `segment` a class for each pixel, `count` a number, `anomaly` how odd a picture is; `multi` has several heads;
 * `features` has none: its outputs are embeddings and maps.
 */
export type Task = HeadTask | 'multi' | 'features'

/** What a model file may be for. */
export const modelTasks: readonly Task[] = ['classify', 'multilabel', 'detect', 'segment', 'count', 'anomaly', 'multi', 'features']

export interface ModelMetadata {
  readonly task: Task
  /** Class names, in the order of the scores; none for `features`, and for `multi`, whose heads have their own. */
  readonly labels: readonly string[]
  readonly preprocessing: Preprocessing
  /** Its heads, and where in the graph they are. A classifier may do without: its first output is then what it answers. */
  readonly heads?: readonly Head[]
  /** The model's own name. */
  readonly name?: string
  /** The model's own version, `2.3.1` (semver.org). */
  readonly version?: string
  /** Range of framework versions that can read the file, as npm writes ranges: `>=0.8.0 <2.0.0`. */
  readonly framework: string
  /** From stage names (`stem`, `conv2` … `embedding`, `logits`) to values of the graph. */
  readonly stages: Readonly<Record<string, string>>
  /** Row of the table of architectures and its options, where the model was built from it. */
  readonly architecture?: { readonly name: string; readonly options: Readonly<Record<string, unknown>> }
  /** How it was trained: options, epochs, figures. */
  readonly recipe?: Readonly<Record<string, unknown>>
  /** Figures of the last evaluation at training, by name. */
  readonly metrics?: Readonly<Record<string, number>>
  /** Content hashes (first 16 hexadecimal digits of SHA-256) of the pictures held out and trained on. */
  readonly split?: { readonly held: readonly string[]; readonly trained: readonly string[] }
  readonly licence?: string
  /** From which score on an answer counts, as a sweep found it (`applyThresholds`). */
  readonly thresholds?: ModelThresholds
  /** Of a model just imported, in memory alone: nothing stated how its pixels are scaled. What hangs on the scaling must not make it a fact. */
  readonly scaleIsGuessed?: true
  /** How probabilities were calibrated, by the name of the head; '' for a classifier without heads. The graph divides by the temperature. */
  readonly calibration?: Readonly<Record<string, ModelCalibration>>
  /** From which probability on a class is told, by the name of the head; '' for a classifier without heads. */
  readonly rejection?: Readonly<Record<string, ModelRejection>>
}

/** Temperature scaling (Guo et al. 2017). */
export interface ModelCalibration {
  readonly temperature: number
  /** Pictures that it was fitted on. */
  readonly samples: number
}

/** Below which probability a classifier says that it does not know. */
export interface ModelRejection {
  readonly threshold: number
  /** What was asked for: an accuracy, or a coverage. */
  readonly goal: Readonly<Record<string, number>>
  /** Pictures that it was chosen on; the part of them that is answered, and the part of those answers that is right. */
  readonly samples: number
  readonly coverage: number
  readonly accuracy: number
}

export interface ModelThresholds {
  /** What was asked for: the best F1, or a recall, a precision or a miss rate. */
  readonly goal: Readonly<Record<string, number | string>>
  /** Pictures that they were chosen on. */
  readonly samples: number
  /** In the order of the labels; null where nothing was to be found. */
  readonly perClass?: readonly (number | null)[]
  /** One for all classes, or for the picture. */
  readonly overall?: number | null
  /** Of anomalies: for the map. */
  readonly pixels?: number | null
  /** Overlap of non-maximum suppression. */
  readonly nmsIoU?: number
}

const jsonKeys = [
  'labels',
  'preprocessing',
  'heads',
  'stages',
  'architecture',
  'recipe',
  'metrics',
  'split',
  'thresholds',
  'calibration',
  'rejection',
] as const
const textKeys = ['task', 'name', 'version', 'framework', 'licence'] as const

/** Largest JSON text of one key that is read: a hostile file must not fill the memory. */
const maxTextLength = 64 * 2 ** 20

/** True where the file carries Fovea's own metadata. */
export function hasMetadata(model: Model): boolean {
  return model.metadata.has('fovea.task')
}

/**
 * Reads Fovea's metadata. Every key that is there has the shape that docs/model-file.md gives it; keys that are not known are passed over.
 *
 * @throws FoveaError MODEL_METADATA naming the key that is missing or wrong, MODEL_VERSION where the file needs another framework
 */
export function readMetadata(model: Model, file?: string): ModelMetadata {
  const framework = model.metadata.get('fovea.framework') ?? frameworkRange
  const raw: Record<string, unknown> = {}
  for (const key of textKeys) if (model.metadata.has(`fovea.${key}`)) raw[key] = model.metadata.get(`fovea.${key}`)
  for (const key of jsonKeys) if (model.metadata.has(`fovea.${key}`)) raw[key] = parseJson(model.metadata.get(`fovea.${key}`)!, key, file)
  // Asked before the rest is looked at: what another version wrote may mean something else.
  checkVersions({ ...raw, framework, architecture: namedArchitecture(raw.architecture) }, { file })
  const fail = (field: string, expected: string, found: unknown): never => {
    throw new FoveaError('MODEL_METADATA', {
      file,
      field: `fovea.${field}`,
      expected,
      found: clip(JSON.stringify(found) ?? 'nothing', 100),
    })
  }
  if (!(modelTasks as readonly unknown[]).includes(raw.task)) fail('task', modelTasks.map((task) => `"${task}"`).join(' or '), raw.task)
  const task = raw.task as Task
  if (!hasLabels(task)) raw.labels = []
  if (!isTexts(raw.labels) || (hasLabels(task) && raw.labels.length === 0)) fail('labels', 'a list of class names', raw.labels)
  if (raw.heads === undefined && task !== 'features' && task !== 'classify') fail('heads', `the heads of a model for ${task}`, raw.heads)
  const count = (raw.labels as readonly string[]).length
  for (const [key, { expected, fits }] of Object.entries(shapesOf(count)))
    if (raw[key] !== undefined && !fits(raw[key])) fail(key, expected, raw[key])
  const { architecture, metrics } = raw as { architecture?: { name: string; options?: Record<string, unknown> }; metrics?: object }
  return {
    ...(raw as unknown as ModelMetadata),
    stages: (raw.stages ?? {}) as ModelMetadata['stages'],
    framework,
    preprocessing: readPreprocessing(raw.preprocessing, file),
    ...(architecture === undefined ? {} : { architecture: { ...architecture, options: architecture.options ?? {} } }),
    // JSON writes a figure that is no number as null.
    ...(metrics === undefined ? {} : { metrics: Object.fromEntries(Object.entries(metrics).filter(([, figure]) => figure !== null)) }),
  }
}

/** @throws FoveaError MODEL_METADATA, naming the field within the key */
function readPreprocessing(value: unknown, file: string | undefined): Preprocessing {
  try {
    return parsePreprocessing(value)
  } catch (cause) {
    if (!isFoveaError(cause, 'PREPROCESSING_INVALID')) throw cause
    const { field, expected, found } = cause.details
    throw new FoveaError('MODEL_METADATA', {
      file,
      field: field === 'preprocessing' ? 'fovea.preprocessing' : `fovea.preprocessing.${field}`,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found: clip(found, 100) }),
      cause,
    })
  }
}

/** Models of one task have its classes; those of several have them in their heads. */
function hasLabels(task: Task): boolean {
  return task !== 'features' && task !== 'multi'
}

/** What a key must be where it is there, and how that is told. */
interface KeyShape {
  readonly expected: string
  readonly fits: (value: unknown) => boolean
}

function shapesOf(labels: number): Readonly<Record<string, KeyShape>> {
  return {
    heads: { expected: 'heads, each with a name of its own and what its task needs', fits: areHeads },
    stages: { expected: 'stage names with value names', fits: (value) => isRecordOf(value, isText) },
    architecture: { expected: 'an object with name, a text, and options, an object', fits: isArchitecture },
    recipe: { expected: 'an object', fits: isRecord },
    metrics: { expected: 'figures by name', fits: (value) => isRecordOf(value, isNumberOrNull) },
    split: {
      expected: 'held and trained, lists of texts',
      fits: (value) => isRecord(value) && isTexts(value.held) && isTexts(value.trained),
    },
    thresholds: {
      expected: `goal and samples, and thresholds that are numbers or null, ${labels} in perClass`,
      fits: (value) => isThresholds(value, labels),
    },
    calibration: {
      expected: 'by head, a temperature above 0 and samples',
      fits: (value) => isRecordOf(value, (one) => isRecord(one) && isPositive(one.temperature) && Number.isFinite(one.samples)),
    },
    rejection: {
      expected: 'by head, a threshold from 0 to 1, goal, samples, coverage and accuracy',
      fits: (value) => isRecordOf(value, isRejection),
    },
  }
}

/**
 * The metadata as `metadata_props`, with the keys that other tools read (Ultralytics: `names`, `task`, `stride`, `imgsz`) beside ours.
 *
 * @throws FoveaError MODEL_METADATA, MODEL_VERSION where version or range could not be read again
 */
export function writeMetadata(model: Model, metadata: ModelMetadata): Model {
  checkVersions(metadata)
  const props = new Map(model.metadata)
  // What is not known any more must not stay as it was.
  const put = (key: string, text: string | undefined) => (text === undefined ? props.delete(key) : props.set(key, text))
  for (const key of textKeys) put(`fovea.${key}`, metadata[key])
  for (const key of jsonKeys) put(`fovea.${key}`, metadata[key] === undefined ? undefined : JSON.stringify(metadata[key]))
  if (!hasLabels(metadata.task)) props.delete('fovea.labels')
  const { size } = metadata.preprocessing
  // A detector that is opened for its features keeps what its own tool wrote; a classifier that lost its head keeps nothing.
  const labelled = hasLabels(metadata.task)
  if (labelled || metadata.task === 'multi' || props.get('task') === 'classify') {
    put('task', labelled ? metadata.task : undefined)
    put('names', labelled ? pythonDict(metadata.labels) : undefined)
  }
  const strides = (metadata.heads ?? [])
    .flatMap((head) => (head.task === 'detect' ? (head.scores?.levels ?? []) : []))
    .map(({ stride }) => stride)
  // A detector of another tool says so itself.
  if (strides.length > 0) put('stride', `${Math.max(...strides)}`)
  put('imgsz', size === undefined ? undefined : `[${size.join(', ')}]`)
  return { ...model, metadata: props, producerName: 'fovea', producerVersion: frameworkVersion }
}

/** As Python's repr writes a dict of strings, which is what Ultralytics' readers evaluate. */
function pythonDict(labels: readonly string[]): string {
  const quoted = labels.map((label, i) => `${i}: '${label.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`)
  return `{${quoted.join(', ')}}`
}

function parseJson(text: string, key: string, file: string | undefined): unknown {
  try {
    if (text.length <= maxTextLength) return JSON.parse(text)
  } catch {
    // Told below.
  }
  throw new FoveaError('MODEL_METADATA', { file, field: `fovea.${key}`, expected: 'JSON', found: text.slice(0, 60) })
}

function namedArchitecture(value: unknown): { name: string } | undefined {
  return isRecord(value) && typeof value.name === 'string' ? { name: value.name } : undefined
}

function isArchitecture(value: unknown): boolean {
  return isRecord(value) && typeof value.name === 'string' && (value.options === undefined || isRecord(value.options))
}

function isThresholds(value: unknown, labels: number): boolean {
  if (!isRecord(value)) return false
  const { goal, samples, perClass, overall, pixels, nmsIoU } = value
  return (
    isRecordOf(goal, (one) => isText(one) || Number.isFinite(one)) &&
    Number.isFinite(samples) &&
    (perClass === undefined || (Array.isArray(perClass) && perClass.length === labels && perClass.every(isNumberOrNull))) &&
    (overall === undefined || isNumberOrNull(overall)) &&
    (pixels === undefined || isNumberOrNull(pixels)) &&
    (nmsIoU === undefined || Number.isFinite(nmsIoU))
  )
}

function isRejection(value: unknown): boolean {
  if (!isRecord(value)) return false
  const { threshold, goal, samples, coverage, accuracy } = value
  return isPart(threshold) && isRecordOf(goal, Number.isFinite) && Number.isFinite(samples) && isPart(coverage) && isPart(accuracy)
}

function isPart(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1
}

function isPositive(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && Number.isFinite(value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRecordOf(value: unknown, fits: (item: unknown) => boolean): boolean {
  return isRecord(value) && Object.values(value).every(fits)
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isText)
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || Number.isFinite(value)
}
