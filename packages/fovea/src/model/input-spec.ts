// How a user says what a foreign model expects of its pixels: in one word, or as a whole contract.

import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { type Preprocessing, preprocessingFields } from '../vision/preprocessing.ts'

/**
 * `raw` 0 to 255, `unit` 0 to 1, `imagenet` mean and deviation of ImageNet, `symmetric` -1 to 1 (MobileNet of Keras, Inception),
 * `caffe` BGR minus ImageNet's mean in 0 to 255 (VGG and ResNet of Keras).
 */
export const inputWords = ['raw', 'unit', 'imagenet', 'symmetric', 'caffe'] as const
export type InputWord = (typeof inputWords)[number]

/** One of the words, or the parts of a preprocessing that are known. */
export type InputSpec = InputWord | Partial<Preprocessing>

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
