// timm's config.json: the architecture, the classes, and the preprocessing that its weights were trained with.

import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { createPreprocessing, type Interpolation, imagenetMean, imagenetStd, type Preprocessing } from '../../vision/preprocessing.ts'

export interface PretrainedConfig {
  /** As the file writes it: `resnet18`. */
  readonly architecture: string | undefined
  /** Name of the weights: `resnet18.a1_in1k`. */
  readonly name: string | undefined
  readonly classes: number | undefined
  readonly labels: readonly string[] | undefined
  /** The key that the labels stand under. */
  readonly labelsField: string | undefined
  /** The file that was read, for errors. */
  readonly file: string | undefined
  readonly licence: string | undefined
  readonly preprocessing: Preprocessing
  /** What the file says that is not followed to the letter, one sentence each. */
  readonly notes: readonly string[]
}

/** What torchvision and timm take where nothing is said: 256 by bilinear, the centre 224 of it, ImageNet's mean and deviation. */
export function defaultPreprocessing(size: readonly [number, number] = [224, 224]): Preprocessing {
  return createPreprocessing({ size, resize: 'crop', cropFraction: 0.875, interpolation: 'bilinear', scale: 'imagenet' })
}

const interpolations: Readonly<Record<string, Interpolation>> = {
  nearest: 'nearest',
  bilinear: 'bilinear',
  bicubic: 'bicubic',
  lanczos: 'lanczos3',
}

/**
 * Reads a config. Unknown keys are passed over. Older files hold the keys of `pretrained_cfg` beside the architecture.
 *
 * @throws FoveaError WEIGHTS_CONFIG naming the field
 */
export function parsePretrainedConfig(text: string, file?: string): PretrainedConfig {
  const outer = new Fields(parseObject(text, file), '', file)
  const inner = outer.object('pretrained_cfg') ?? outer
  const notes: string[] = []
  const architecture = outer.text('architecture') ?? outer.text('model_name') ?? inner.text('architecture')
  const tag = inner.text('tag')
  const stated = [
    { labels: outer.texts('label_names'), field: 'label_names' },
    { labels: inner.texts('label_names'), field: 'pretrained_cfg.label_names' },
    { labels: outer.labelsById('id2label'), field: 'id2label' },
  ]
  const { labels, field: labelsField } = stated.find((one) => one.labels !== undefined) ?? {}
  const classes = outer.count('num_classes') ?? inner.count('num_classes')
  if (labels !== undefined && classes !== undefined && labels.length !== classes)
    outer.fail(labelsField!, `${classes} names, as num_classes says`, `${labels.length}`)
  return {
    architecture,
    name: architecture === undefined ? undefined : tag === undefined || tag === '' ? architecture : `${architecture}.${tag}`,
    classes,
    labels,
    labelsField,
    file,
    licence: inner.text('license') ?? outer.text('license'),
    preprocessing: preprocessingOf(inner, notes),
    notes,
  }
}

function preprocessingOf(from: Fields, notes: string[]): Preprocessing {
  const input = from.numbers('input_size')
  if (input !== undefined && !(input.length === 3 && input.every((side) => Number.isSafeInteger(side) && side > 0)))
    from.fail('input_size', '[channels, height, width]', `${input}`)
  const [channels = 3, height = 224, width = 224] = input ?? []
  if (channels !== 1 && channels !== 3) from.fail('input_size', '1 or 3 channels', `${channels}`)
  const mode = from.text('crop_mode') ?? 'center'
  const method = from.text('interpolation') ?? 'bicubic'
  if (interpolations[method] === undefined) notes.push(`The weights ask for the interpolation "${method}"; bilinear is taken.`)
  if (mode === 'border') notes.push('The weights ask for crop_mode "border"; pictures are letterboxed to the same size.')
  else if (mode !== 'center' && mode !== 'squash') notes.push(`The weights ask for the crop_mode "${mode}"; the centre is taken.`)
  const mean = from.numbers('mean') ?? imagenetMean
  const std = from.numbers('std') ?? imagenetStd
  const isImagenet = channels === 3 && `${mean}` === `${imagenetMean}` && `${std}` === `${imagenetStd}`
  try {
    return createPreprocessing({
      size: [height, width],
      resize: mode === 'squash' ? 'squash' : mode === 'border' ? 'letterbox' : 'crop',
      cropFraction: from.number('crop_pct') ?? 0.875,
      interpolation: interpolations[method] ?? 'bilinear',
      color: channels === 1 ? 'gray' : 'rgb',
      ...(isImagenet ? { scale: 'imagenet' } : { scale: 'custom', mean: perChannel(mean, channels), std: perChannel(std, channels) }),
    })
  } catch (cause) {
    const { field = '', expected = '', found = '' } = cause instanceof FoveaError ? cause.details : {}
    return from.fail(field, expected, found)
  }
}

/** A file for grey pictures may leave the three figures of colour in place. */
function perChannel(values: readonly number[], channels: number): readonly number[] {
  if (channels !== 1 || values.length !== 3) return values
  return [values.reduce((sum, value) => sum + value, 0) / 3]
}

function parseObject(text: string, file: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new FoveaError('WEIGHTS_CONFIG', { file, expected: 'a JSON object', found: 'something else' })
}

/** The fields of an object, each read as what it must be; absent and null are undefined. */
class Fields {
  readonly #values: Record<string, unknown>
  readonly #path: string
  readonly #file: string | undefined

  constructor(values: Record<string, unknown>, path: string, file: string | undefined) {
    this.#values = values
    this.#path = path
    this.#file = file
  }

  text(key: string): string | undefined {
    return this.#read(key, 'a text', (value) => typeof value === 'string') as string | undefined
  }

  number(key: string): number | undefined {
    return this.#read(key, 'a number', (value) => typeof value === 'number') as number | undefined
  }

  count(key: string): number | undefined {
    return this.#read(key, 'a whole number', (value) => Number.isSafeInteger(value) && (value as number) >= 0) as number | undefined
  }

  numbers(key: string): readonly number[] | undefined {
    const isNumbers = (value: unknown) => Array.isArray(value) && value.length <= 16 && value.every((item) => typeof item === 'number')
    return this.#read(key, 'a list of numbers', isNumbers) as readonly number[] | undefined
  }

  texts(key: string): readonly string[] | undefined {
    const isTexts = (value: unknown) => Array.isArray(value) && value.every((item) => typeof item === 'string')
    return this.#read(key, 'a list of texts', isTexts) as readonly string[] | undefined
  }

  /** Names under their numbers, as transformers writes them; undefined where a number is missing. */
  labelsById(key: string): readonly string[] | undefined {
    const found = this.#values[key]
    if (typeof found !== 'object' || found === null) return undefined
    const names = found as Record<string, unknown>
    const list = Array.from({ length: Object.keys(names).length }, (_, i) => names[i])
    return list.length > 0 && list.every((name) => typeof name === 'string') ? (list as string[]) : undefined
  }

  object(key: string): Fields | undefined {
    const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
    const value = this.#read(key, 'an object', isObject)
    return value === undefined ? undefined : new Fields(value as Record<string, unknown>, `${key}.`, this.#file)
  }

  fail(key: string, expected: string, found: string): never {
    throw new FoveaError('WEIGHTS_CONFIG', { file: this.#file, field: `${this.#path}${key}`, expected, found: clip(found, 100) })
  }

  #read(key: string, expected: string, fits: (value: unknown) => boolean): unknown {
    const value = Object.hasOwn(this.#values, key) ? (this.#values[key] ?? undefined) : undefined
    if (value === undefined || fits(value)) return value
    return this.fail(key, expected, typeof value)
  }
}
