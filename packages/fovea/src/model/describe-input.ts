// The whole preprocessing contract of an imported model: from what the user says, what its metadata say, and guesses that are told.

import { FoveaError } from '../util/errors.ts'
import { createPreprocessing, type Preprocessing } from '../vision/preprocessing.ts'
import type { CleanModel } from './clean-up.ts'
import { fieldOf, guessInput, numbersIn } from './guess-input.ts'
import { type GivenInput, givenParts, inputWords, replacedNotes } from './input-spec.ts'

export interface DescribedInput {
  readonly preprocessing: Preprocessing
  readonly notes: readonly string[]
  /** Neither user nor file state the scaling of pixels. */
  readonly scaleIsGuessed: boolean
}

/** Side of the picture where nothing tells. */
const usualSide = 224
const ultralyticsSide = 640

/**
 * What is given wins over what the file states, and that over a guess. A note says what was guessed, and what stated facts were replaced.
 *
 * @throws FoveaError PREPROCESSING_INVALID where what is given is not valid, or not for a model of this shape
 */
export function describeInput(body: CleanModel, options: GivenInput): DescribedInput {
  const given = givenParts(options, body.channels)
  const found = guessInput(body.model, body)
  const guess = given.scale === undefined ? found : undefined
  const notes = found.stated ? replacedNotes(found.parts, given, 'the file') : []
  if (guess !== undefined)
    notes.push(
      `Pixel scaling guessed as "${guess.scaling}", since ${guess.reason}; the option input (--input) states it: ${inputWords.join('|')}.`,
    )
  const size = sizeOf(body, given)
  if (size.note !== undefined) notes.push(size.note)
  const preprocessing = createPreprocessing({
    color: body.channels === 1 ? 'gray' : 'rgb',
    ...guess?.parts,
    ...given,
    size: size.size,
    // The front turns bytes with the channels last into what the model takes.
    layout: 'nhwc',
  })
  return { preprocessing, notes, scaleIsGuessed: guess?.stated === false }
}

function sizeOf(body: CleanModel, given: Partial<Preprocessing>): { size: readonly [number, number]; note?: string } {
  const { height, width } = body
  const { size } = given
  if (size !== undefined) {
    const fits = (height ?? size[0]) === size[0] && (width ?? size[1]) === size[1]
    if (fits) return { size }
    throw new FoveaError('PREPROCESSING_INVALID', {
      field: 'size',
      expected: `${height}x${width}, which the model is fixed to`,
      found: size.join('x'),
    })
  }
  if (height !== undefined && width !== undefined) return { size: [height, width] }
  const { metadata } = body.model
  const chosen = (size: readonly [number, number], reason: string) => {
    const whole = [height ?? size[0], width ?? size[1]] as const
    return { size: whole, note: `The model takes pictures of any size; ${whole.join('x')} was chosen, since ${reason}.` }
  }
  const stated = numbersIn(metadata.get('imgsz'))?.filter(isSide)
  if (stated !== undefined && stated.length > 0) return chosen([stated[0]!, stated.at(-1)!], 'its metadata state imgsz')
  const config = numbersIn(fieldOf(metadata.get('pretrained_cfg') ?? metadata.get('data_config'), 'input_size'))?.filter(isSide)
  if (config?.length === 3) return chosen([config[1]!, config[2]!], 'its metadata state input_size')
  if (metadata.has('stride') && metadata.has('names')) return chosen([ultralyticsSide, ultralyticsSide], 'Ultralytics trains at that')
  return chosen([usualSide, usualSide], 'nothing in the file tells and that is the usual one')
}

function isSide(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 4096
}
