// The components of a JPEG as they were coded, without any conversion of colours: what DICOM calls stored values.

import sharp from 'sharp'
import { FoveaError } from '../../util/errors.ts'
import { jpegFrame } from '../image-format.ts'
import { tooManyPixels } from '../limits.ts'

/** A marker of Adobe (transform 0): "the components are colours as they are". */
const noTransform = Uint8Array.of(0xff, 0xee, 0, 14, ...new TextEncoder().encode('Adobe'), 0, 100, 0, 0, 0, 0, 0)

export interface CodedComponents {
  readonly data: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
  /** What Adobe's marker says of the colours: 0 none, 1 YCbCr; undefined where there is none. */
  readonly adobeTransform: number | undefined
}

/** @throws DATA_IMAGE_TOO_LARGE, DATA_TRUNCATED, DATA_UNREADABLE_IMAGE */
export async function codedComponents(jpeg: Uint8Array, maxPixels: number, file: string | undefined): Promise<CodedComponents> {
  const channels = jpegFrame(jpeg)?.components
  if (channels !== 1 && channels !== 3) {
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected: 'a JPEG of 1 or 3 components', found: String(channels ?? 'none'), file })
  }
  const { bytes, adobeTransform } = withoutColors(jpeg)
  try {
    const pipeline = sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels, ignoreIcc: true, sequentialRead: true })
    const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    // Grey may come repeated.
    const step = info.channels / channels
    const values = step === 1 ? new Uint8Array(data) : Uint8Array.from({ length: data.length / step }, (_, i) => data[i * step]!)
    return { data: values, width: info.width, height: info.height, channels, adobeTransform }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    if (/pixel limit/i.test(text)) throw tooManyPixels(maxPixels, 'more', file, error)
    const code = /premature end|truncated|end of file/i.test(text) ? 'DATA_TRUNCATED' : 'DATA_UNREADABLE_IMAGE'
    throw new FoveaError(code, { found: `JPEG in DICOM: ${text.split('\n')[0]}`, file, cause: error })
  }
}

/** The same JPEG without the application segments that speak of colours, profiles or orientation, and with `noTransform`. */
function withoutColors(jpeg: Uint8Array): { bytes: Uint8Array; adobeTransform: number | undefined } {
  const parts: Uint8Array[] = [Uint8Array.of(0xff, 0xd8), noTransform]
  let adobeTransform: number | undefined
  let at = 2
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff && jpeg[at + 1] !== 0xda) {
    const marker = jpeg[at + 1]!
    if (marker === 0xff) {
      at++
      continue
    }
    const end = at + 2 + (jpeg[at + 2]! << 8) + jpeg[at + 3]!
    if (marker === 0xee && end - at >= 16) adobeTransform = jpeg[at + 15]
    if (marker < 0xe0 || marker > 0xef) parts.push(jpeg.subarray(at, end))
    at = end
  }
  return { bytes: Buffer.concat([...parts, jpeg.subarray(at)]), adobeTransform }
}
