// From stored values to grey: the modality transformation, then the window or table of interest (PS3.3, C.11.1 and C.11.2).

import { FoveaError } from '../../util/errors.ts'
import type { Attributes } from './data-set.ts'
import { type LookupTable, readLookupTable } from './palette.ts'
import type { PixelModule } from './pixel-module.ts'
import type { StoredValues } from './stored-values.ts'

export type WindowFunction = 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID'

/** Which values become black and white, in the units after the rescale (CT: Hounsfield). */
export interface DicomWindow {
  readonly center: number
  readonly width: number
  /** How values between become grey (VOI LUT Function). @default 'LINEAR' */
  readonly function?: WindowFunction
  /** What the file calls it: `BRAIN`, `BONE`. */
  readonly explanation?: string
}

/** A file's own window by its number, one of the caller's, or 'range': from the smallest to the largest value of the frame. */
export type WindowChoice = number | DicomWindow | 'range'

export interface Rescale {
  readonly slope: number
  readonly intercept: number
  /** The unit, where the file states it: `HU`. */
  readonly type?: string
}

/** Of the file, or of a frame's or the shared functional groups of an enhanced file (PS3.3, C.7.6.16.2.9 and .10). */
export interface GrayRules {
  readonly rescale: Rescale | undefined
  readonly modalityTable: LookupTable | undefined
  readonly windows: readonly DicomWindow[]
  readonly interestTable: LookupTable | undefined
  /** Values that stand for "nothing was measured here" (C.7.5.1.1.2), from and to. */
  readonly padding: readonly [number, number] | undefined
  /** Named in errors. */
  readonly file: string | undefined
}

const tags = {
  windowCenter: 'x00281050',
  windowWidth: 'x00281051',
  windowExplanation: 'x00281055',
  windowFunction: 'x00281056',
  rescaleIntercept: 'x00281052',
  rescaleSlope: 'x00281053',
  rescaleType: 'x00281054',
  modalityTables: 'x00283000',
  interestTables: 'x00283010',
  tableDescriptor: 'x00283002',
  tableData: 'x00283006',
  padding: 'x00280120',
  paddingLimit: 'x00280121',
  shared: 'x52009229',
  perFrame: 'x52009230',
  valueTransformation: 'x00289145',
  frameWindow: 'x00289132',
}

export function readGrayRules(attributes: Attributes, { signed }: PixelModule, frame: number): GrayRules {
  const groups = [attributes.items(tags.perFrame)[frame], attributes.items(tags.shared)[0]]
  const group = (tag: string) => groups.flatMap((item) => item?.items(tag) ?? [])[0] ?? attributes
  const table = (tag: string, signedInput: boolean) => {
    const item = attributes.items(tag)[0]
    return item === undefined ? undefined : readLookupTable(item, tags.tableDescriptor, tags.tableData, signedInput)
  }
  const rescale = readRescale(group(tags.valueTransformation))
  const padding = attributes.uint16(tags.padding)
  const number = (word: number) => (signed ? (word << 16) >> 16 : word)
  const limits = padding === undefined ? undefined : [padding, attributes.uint16(tags.paddingLimit) ?? padding].map(number)
  return {
    rescale,
    modalityTable: table(tags.modalityTables, signed),
    windows: readWindows(group(tags.frameWindow)),
    interestTable: table(tags.interestTables, rescale === undefined ? signed : rescale.intercept < 0 || signed),
    padding: limits === undefined ? undefined : [Math.min(...limits), Math.max(...limits)],
    file: attributes.file,
  }
}

function readRescale(from: Attributes): Rescale | undefined {
  const slope = from.decimals(tags.rescaleSlope)[0]
  const intercept = from.decimals(tags.rescaleIntercept)[0]
  if (slope === undefined && intercept === undefined) return undefined
  const type = from.text(tags.rescaleType)
  return { slope: slope ?? 1, intercept: intercept ?? 0, ...(type === undefined ? {} : { type }) }
}

function readWindows(from: Attributes): DicomWindow[] {
  const centers = from.decimals(tags.windowCenter)
  const widths = from.decimals(tags.windowWidth)
  const explanations = from.texts(tags.windowExplanation)
  const stated = from.text(tags.windowFunction)
  const kind = stated === 'LINEAR_EXACT' || stated === 'SIGMOID' ? stated : 'LINEAR'
  return centers.slice(0, widths.length).map((center, i) => ({
    center,
    width: widths[i]!,
    function: kind,
    ...(explanations[i] ? { explanation: explanations[i] } : {}),
  }))
}

/**
 * Grey values of 8 bits. The window is the one that is chosen; without a choice the file's table of interest, else its first window, else,
 * where values of up to 8 bits are not transformed at all, their whole range, else the smallest to the largest value of the frame.
 * @throws DATA_OPTION_INVALID for a window that cannot be or that the file does not have
 */
export function grayOfValues(values: StoredValues, module: PixelModule, rules: GrayRules, choice: WindowChoice | undefined): Uint8Array {
  const modality = modalityOf(rules)
  const toGray = interestOf(values, module, rules, choice, modality)
  const invert = module.photometricInterpretation === 'MONOCHROME1'
  return mapValues(values, (value) => {
    const gray = Math.round(255 * toGray(modality(value)))
    return invert ? 255 - gray : gray
  })
}

type Mapping = (value: number) => number

/** Through a table of all values where there are many pixels and few values. */
function mapValues(values: StoredValues, mapping: Mapping): Uint8Array {
  const out = new Uint8Array(values.length)
  const { BYTES_PER_ELEMENT: size } = values
  if (size > 2 || values.length < 256 ** size) {
    for (let i = 0; i < out.length; i++) out[i] = mapping(values[i]!)
    return out
  }
  const signed = values instanceof Int8Array || values instanceof Int16Array
  const span = 256 ** size
  const first = signed ? -span / 2 : 0
  const table = Uint8Array.from({ length: span }, (_, i) => mapping(first + i))
  for (let i = 0; i < out.length; i++) out[i] = table[values[i]! - first]!
  return out
}

function modalityOf({ rescale, modalityTable }: GrayRules): Mapping {
  if (modalityTable !== undefined) return (value) => lookUp(modalityTable, value)
  if (rescale === undefined) return (value) => value
  return (value) => value * rescale.slope + rescale.intercept
}

/** From the units of the modality to 0 to 1. */
function interestOf(
  values: StoredValues,
  module: PixelModule,
  rules: GrayRules,
  choice: WindowChoice | undefined,
  modality: Mapping,
): Mapping {
  const { interestTable, windows } = rules
  if (choice === undefined && interestTable !== undefined) {
    const top = 2 ** interestTable.bits - 1
    return (value) => Math.min(lookUp(interestTable, value) / top, 1)
  }
  const window =
    typeof choice === 'number' ? chosen(choice, rules) : typeof choice === 'object' ? choice : choice === undefined ? windows[0] : undefined
  if (window !== undefined) return windowMapping(window, typeof choice === 'object', rules.file)
  const plain = rules.rescale === undefined && rules.modalityTable === undefined
  if (choice === undefined && plain && module.bitsStored <= 8 && !module.signed) {
    const top = 2 ** module.bitsStored - 1
    return (value) => value / top
  }
  const [low, high] = rangeOf(values, rules.padding, modality)
  return (value) => (high > low ? clamp((value - low) / (high - low)) : 0)
}

function chosen(index: number, { windows, file }: GrayRules): DicomWindow {
  const window = windows[index]
  if (window !== undefined) return window
  const expected = windows.length === 0 ? 'no number: the file has no window' : `0 to ${windows.length - 1}`
  throw new FoveaError('DATA_OPTION_INVALID', { field: 'window', expected, found: String(index), file })
}

/** The functions of C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2, for outputs 0 to 1. */
function windowMapping({ center, width, function: kind = 'LINEAR' }: DicomWindow, ofCaller: boolean, file: string | undefined): Mapping {
  const least = kind === 'LINEAR' ? 1 : Number.MIN_VALUE
  if (!Number.isFinite(center) || !Number.isFinite(width) || width < least) {
    const expected = kind === 'LINEAR' ? 'a finite center, and a width of at least 1' : 'a finite center, and a width above 0'
    const found = `center ${center}, width ${width}`
    throw ofCaller
      ? new FoveaError('DATA_OPTION_INVALID', { field: 'window', expected, found, file })
      : new FoveaError('DATA_UNREADABLE_IMAGE', {
          field: '(0028,1051)',
          expected,
          found,
          remedy: "Choose a window yourself, or window: 'range'.",
          file,
        })
  }
  if (kind === 'SIGMOID') return (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width))
  if (kind === 'LINEAR_EXACT') return (value) => clamp((value - center) / width + 0.5)
  // A width of 1 is a threshold.
  if (width === 1) return (value) => (value <= center - 0.5 ? 0 : 1)
  return (value) => clamp((value - (center - 0.5)) / (width - 1) + 0.5)
}

function rangeOf(values: StoredValues, padding: readonly [number, number] | undefined, modality: Mapping): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (padding !== undefined && value >= padding[0] && value <= padding[1]) continue
    const measured = modality(value)
    if (measured < low) low = measured
    if (measured > high) high = measured
  }
  return [low, high]
}

function lookUp({ first, entries }: LookupTable, value: number): number {
  return entries[Math.min(Math.max(Math.floor(value) - first, 0), entries.length - 1)]!
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value
}
