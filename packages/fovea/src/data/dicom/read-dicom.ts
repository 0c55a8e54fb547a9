// The stored values of a DICOM file, and what must be known of them.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import { defaultMaxPixels, noSuchPage, tooManyPixels } from '../limits.ts'
import { readFileBytes } from '../source.ts'
import { type DicomAttributes, type DicomIdentity, readAttributes, readIdentity } from './attributes.ts'
import { rgbOfYbr } from './color.ts'
import { parseDicom } from './data-set.ts'
import { frameReader, joinFrames } from './frame-values.ts'
import { readPixelModule } from './pixel-module.ts'
import type { StoredValues } from './stored-values.ts'

export interface ReadDicomOptions {
  /** One frame, from 0; default all. */
  readonly frame?: number
  /** Rows x columns x frames that are unpacked at most. Default 2^27. */
  readonly maxPixels?: number
  /** 'stored' keeps YBR_FULL as it is. Default 'rgb': it is converted. */
  readonly color?: 'rgb' | 'stored'
  /** Also give what tells who was examined, and when. Default false: none of it leaves the file. */
  readonly identity?: boolean
}

export interface DicomPixels {
  /**
   * Values as they are stored, before any rescale or window: of 8, 16 or 32 bits, with or without a sign. Single bits take a byte each.
   * Colours are interleaved, whatever their planes in the file, and with chroma for every pixel; a palette is not applied.
   */
  readonly data: StoredValues
  readonly shape: readonly [frames: number, rows: number, columns: number, samples: number]
  readonly attributes: DicomAttributes
  /** Only where it was asked for. */
  readonly identity?: DicomIdentity
}

/**
 * Reads a DICOM file (PS3.10) by its path or bytes: uncompressed in any byte order, deflated, RLE Lossless or JPEG Baseline.
 * @throws DATA_FILE_NOT_FOUND; DATA_UNSUPPORTED_FORMAT where it is no DICOM file or uses what is not read; DATA_TRANSFER_SYNTAX for other
 *   compressions; DATA_NO_PIXELS; DATA_TRUNCATED, DATA_UNREADABLE_IMAGE, DATA_IMAGE_TOO_LARGE, DATA_TOO_MANY_BYTES, DATA_NO_SUCH_PAGE
 */
export async function readDicom(source: string | Uint8Array, options: ReadDicomOptions = {}): Promise<DicomPixels> {
  if (typeof options !== 'object' || options === null)
    throw new FoveaError('DATA_OPTION_INVALID', { field: 'options', expected: 'an object', found: said(options) })
  if (typeof source !== 'string' && !(source instanceof Uint8Array))
    throw new FoveaError('DATA_OPTION_INVALID', { field: 'source', expected: 'a path or the bytes of a file', found: said(source) })
  const { frame, maxPixels = defaultMaxPixels, identity = false, color = 'rgb' } = options
  const file = typeof source === 'string' ? source : undefined
  const dicom = parseDicom(typeof source === 'string' ? await readFileBytes(source) : source, file)
  const module = readPixelModule(dicom, file)
  const { rows, columns, samplesPerPixel, frames } = module
  if (frame !== undefined && !(Number.isSafeInteger(frame) && frame >= 0 && frame < frames)) throw noSuchPage(frame, frames, file)
  const count = frame === undefined ? frames : 1
  if (rows * columns * count > maxPixels) throw tooManyPixels(maxPixels, `${columns}x${rows}, ${count} frames`, file)
  const readFrame = frameReader(dicom, module, file)
  const read = async (index: number) => {
    const { values, ybr } = await readFrame(index)
    return ybr && color === 'rgb' ? rgbOfYbr(values, module.bitsStored) : values
  }
  const data = frame === undefined ? await joinFrames(module, read) : await read(frame)
  return {
    data,
    shape: [count, rows, columns, samplesPerPixel],
    attributes: readAttributes(dicom, module, frame ?? 0),
    ...(identity ? { identity: readIdentity(dicom.attributes) } : {}),
  }
}
