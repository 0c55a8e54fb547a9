// How a user says what a foreign model expects of its pixels: in one word, or as a whole contract.

import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { createPreprocessing, type Preprocessing, preprocessingFields } from '../vision/preprocessing.ts'

/**
 * `raw` 0 to 255, `unit` 0 to 1, `imagenet` mean and deviation of ImageNet, `symmetric` -1 to 1 (MobileNet of Keras, Inception),
 * `caffe` BGR minus ImageNet's mean in 0 to 255 (VGG and ResNet of Keras).
 */
export const inputWords = ['raw', 'unit', 'imagenet', 'symmetric', 'caffe'] as const
export type InputWord = (typeof inputWords)[number]

/** One of the words, or the parts of a preprocessing that are known. */
export type InputSpec = InputWord | Partial<Preprocessing>

/** What a user says of a model's input. */
export interface GivenInput {
  readonly input?: InputSpec
  /** Height and width of the pictures, the same as `size` of `input`. */
  readonly imageSize?: readonly [height: number, width: number]
}

/**
 * What is given as parts of a preprocessing, for a model of so many channels.
 *
 * @throws FoveaError PREPROCESSING_INVALID where the size is given twice and differs, for a field that there is not, and for the layout
 *   of pictures, which is always nhwc
 */
export function givenParts({ input, imageSize }: GivenInput, channels: 1 | 3): Partial<Preprocessing> {
  const parts = Object.fromEntries(
    Object.entries(input === undefined ? {} : partsOf(input, channels)).filter(([, value]) => value !== undefined),
  ) as Partial<Preprocessing>
  if (parts.layout !== undefined && parts.layout !== 'nhwc') throw invalid('the layout nhwc, which pictures have', `${parts.layout}`)
  if (imageSize === undefined) return parts
  if (parts.size !== undefined && `${parts.size}` !== `${imageSize}`)
    throw invalid(`the size ${imageSize.join('x')}, which imageSize names`, parts.size.join('x'))
  return { ...parts, size: imageSize }
}

/**
 * A stated preprocessing with what is given over it: what is given wins, and a note says what it replaced. A size is a choice, not a
 * fact about the model, and goes without a note.
 *
 * @param whose what stated it, for the note
 */
export function withGiven(
  stated: Preprocessing,
  given: Partial<Preprocessing>,
  whose: string,
): { readonly preprocessing: Preprocessing; readonly notes: readonly string[] } {
  const { mean: _, std: __, ...unscaled } = stated
  const base = given.scale === undefined || given.scale === stated.scale ? stated : unscaled
  return { preprocessing: createPreprocessing({ ...base, ...given }), notes: replacedNotes(stated, given, whose) }
}

/** Says what is given against what is stated. */
export function replacedNotes(stated: Partial<Preprocessing>, given: Partial<Preprocessing>, whose: string): string[] {
  const changes = differing(stated, given).filter((key) => key !== 'size' && stated[key] !== undefined)
  if (changes.length === 0) return []
  const told = changes.map((key) => `${key} ${JSON.stringify(stated[key])} by ${JSON.stringify(given[key])}`)
  return [`What was given of the input replaces what ${whose} states: ${told.join(', ')}.`]
}

/** The fields that are given and not the same as stated. */
export function differing(stated: Partial<Preprocessing>, given: Partial<Preprocessing>): (keyof Preprocessing)[] {
  return (Object.keys(given) as (keyof Preprocessing)[]).filter((key) => JSON.stringify(stated[key]) !== JSON.stringify(given[key]))
}

/**
 * The parts of a preprocessing that the word stands for, for a model of so many channels. Of an object, fields that are null are left out.
 *
 * @throws FoveaError PREPROCESSING_INVALID for a word or a field that is none
 */
export function partsOf(spec: InputSpec, channels: 1 | 3): Partial<Preprocessing> {
  if (typeof spec !== 'string') return knownParts(spec)
  if (!isWord(spec)) throw invalid(expectedSpec, `"${clip(spec, 80)}"`)
  const perChannel = (value: number) => new Array<number>(channels).fill(value)
  if (spec === 'symmetric') return { scale: 'custom', mean: perChannel(0.5), std: perChannel(0.5) }
  if (spec === 'caffe' && channels === 3)
    return { scale: 'custom', color: 'bgr', mean: [103.939, 116.779, 123.68].map((value) => value / 255), std: perChannel(1 / 255) }
  if (spec === 'caffe') throw invalid('a model of three channels for caffe', '1 channel')
  return { scale: spec }
}

const expectedSpec = `${inputWords.join(', ')}, or fields of a preprocessing such as {"scale":"unit","resize":"letterbox"}`

function isWord(text: string): text is InputWord {
  return (inputWords as readonly string[]).includes(text)
}

/** A field that is spelt wrong must not leave a guess in its place. */
function knownParts(spec: unknown): Partial<Preprocessing> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec))
    throw invalid(expectedSpec, clip(JSON.stringify(spec) ?? typeof spec, 80))
  const parts = Object.entries(spec).filter(([, value]) => value !== undefined && value !== null)
  const unknown = parts.find(([field]) => !(preprocessingFields as readonly string[]).includes(field))
  if (unknown !== undefined) throw invalid(`the fields ${preprocessingFields.join(', ')}`, `"${clip(unknown[0], 80)}"`)
  return Object.fromEntries(parts)
}

/**
 * Reads the spec as a command line gives it: a word, or JSON with the fields of a preprocessing.
 *
 * @throws FoveaError PREPROCESSING_INVALID
 */
export function parseInputSpec(text: string): InputSpec {
  if (isWord(text)) return text
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Partial<Preprocessing>
  } catch {
    // Told below.
  }
  throw invalid(expectedSpec, clip(text, 80))
}

function invalid(expected: string, found: string): FoveaError {
  return new FoveaError('PREPROCESSING_INVALID', { field: 'input', expected, found })
}
