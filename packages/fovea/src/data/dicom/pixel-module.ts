// How the pixels of a DICOM image are to be read: the Image Pixel Module (PS3.3, C.7.6.3).

import { FoveaError } from '../../util/errors.ts'
import type { ParsedDicom } from './data-set.ts'
import { type PixelEncoding, pixelEncoding } from './transfer-syntax.ts'

export const photometricInterpretations = ['MONOCHROME1', 'MONOCHROME2', 'PALETTE COLOR', 'RGB', 'YBR_FULL', 'YBR_FULL_422'] as const
export type PhotometricInterpretation = (typeof photometricInterpretations)[number]

export interface PixelModule {
  readonly encoding: PixelEncoding
  readonly rows: number
  readonly columns: number
  readonly frames: number
  readonly samplesPerPixel: 1 | 3
  readonly photometricInterpretation: PhotometricInterpretation
  readonly bitsAllocated: 1 | 8 | 16 | 32
  readonly bitsStored: number
  readonly highBit: number
  /** Pixel Representation: two's complement. */
  readonly signed: boolean
  /** Planar Configuration 1: each colour in a plane of its own. */
  readonly planar: boolean
}

/**
 * @throws DATA_NO_PIXELS where the file describes no picture; DATA_TRANSFER_SYNTAX; DATA_UNREADABLE_IMAGE and DATA_UNSUPPORTED_FORMAT with
 *   the attribute's tag
 */
export function readPixelModule({ attributes, transferSyntax }: ParsedDicom, file: string | undefined): PixelModule {
  const rows = attributes.uint16('x00280010')
  const columns = attributes.uint16('x00280011')
  if (rows === undefined || columns === undefined) {
    throw new FoveaError('DATA_NO_PIXELS', { expected: 'Rows and Columns', found: attributes.text('x00080060') ?? 'neither', file })
  }
  if (rows < 1 || columns < 1) throw attributes.fault('x00280010', 'a size of at least 1x1', `${columns}x${rows}`)
  // Before the attributes: those of compressions that are not read have values of their own.
  const encoding = pixelEncoding(transferSyntax, file)
  const refuse = (tag: string, expected: string, found: string) =>
    new FoveaError('DATA_UNSUPPORTED_FORMAT', { field: `(${tag.slice(1, 5)},${tag.slice(5)})`, expected, found, file })

  const samplesPerPixel = attributes.uint16('x00280002') ?? 1
  const bitsAllocated = attributes.uint16('x00280100')
  if (bitsAllocated === undefined) throw attributes.fault('x00280100', 'Bits Allocated', 'none')
  if (bitsAllocated !== 1 && bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) {
    throw refuse('x00280100', '1, 8, 16 or 32 bits allocated', String(bitsAllocated))
  }
  const bitsStored = attributes.uint16('x00280101') ?? bitsAllocated
  if (bitsStored < 1 || bitsStored > bitsAllocated)
    throw attributes.fault('x00280101', `1 to ${bitsAllocated} bits stored`, String(bitsStored))
  const highBit = attributes.uint16('x00280102') ?? bitsStored - 1
  if (highBit < bitsStored - 1 || highBit >= bitsAllocated) {
    throw attributes.fault('x00280102', `a high bit of ${bitsStored - 1} to ${bitsAllocated - 1}`, String(highBit))
  }
  const photometric = attributes.text('x00280004') ?? (samplesPerPixel === 3 ? 'RGB' : 'MONOCHROME2')
  const photometricInterpretation = photometricInterpretations.find((name) => name === photometric)
  if (photometricInterpretation === undefined) throw refuse('x00280004', photometricInterpretations.join(', '), photometric.slice(0, 40))
  const wanted = /^(RGB|YBR)/.test(photometricInterpretation) ? 3 : 1
  if (samplesPerPixel !== wanted)
    throw attributes.fault('x00280002', `${wanted} samples for ${photometricInterpretation}`, String(samplesPerPixel))
  if (photometricInterpretation === 'YBR_FULL_422' && bitsAllocated !== 8)
    throw refuse('x00280100', '8 bits for YBR_FULL_422', String(bitsAllocated))

  const frames = attributes.decimals('x00280008')[0] ?? 1
  if (!Number.isSafeInteger(frames) || frames < 1) throw attributes.fault('x00280008', 'a number of frames of at least 1', String(frames))
  const signed = attributes.uint16('x00280103') === 1
  if (signed && wanted === 3) throw refuse('x00280103', 'colours without a sign', 'signed ones')
  const planar = attributes.uint16('x00280006') === 1 && samplesPerPixel === 3
  return {
    encoding,
    rows,
    columns,
    frames,
    samplesPerPixel: wanted,
    photometricInterpretation,
    bitsAllocated,
    bitsStored,
    highBit,
    signed,
    planar,
  }
}
