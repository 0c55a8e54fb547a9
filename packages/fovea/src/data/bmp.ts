// Windows bitmaps, which industrial cameras still write and libvips does not read: uncompressed 1, 4, 8, 24 and 32 bits a pixel.

import { FoveaError } from '../util/errors.ts'
import { createImage, type Image } from '../vision/image.ts'
import { tooManyPixels } from './limits.ts'

/**
 * Decodes a BMP (BITMAPCOREHEADER to BITMAPV5HEADER, BI_RGB) to RGB. A fourth byte per pixel is padding in BI_RGB and is ignored.
 * @throws DATA_UNREADABLE_IMAGE, DATA_TRUNCATED, DATA_IMAGE_TOO_LARGE
 */
export function decodeBmp(bytes: Uint8Array, maxPixels: number, file?: string): Image {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fail = (found: string) => new FoveaError('DATA_UNREADABLE_IMAGE', { expected: 'an uncompressed BMP', found, file })
  const headerSize = view.getUint32(14, true)
  const core = headerSize === 12
  if (!core && headerSize < 40) throw fail(`a header of ${headerSize} bytes`)
  if (bytes.length < 14 + headerSize) throw new FoveaError('DATA_TRUNCATED', { found: `BMP of ${bytes.length} bytes`, file })
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true)
  const signedHeight = core ? view.getUint16(20, true) : view.getInt32(22, true)
  const bits = view.getUint16(core ? 24 : 28, true)
  const compression = core ? 0 : view.getUint32(30, true)
  const height = Math.abs(signedHeight)
  if (width < 1 || height < 1) throw fail(`a size of ${width}x${signedHeight}`)
  if (width * height > maxPixels) throw tooManyPixels(maxPixels, `${width}x${height}`, file)
  if (compression !== 0 || ![1, 4, 8, 24, 32].includes(bits)) throw fail(`compression ${compression} at ${bits} bits a pixel`)
  const start = view.getUint32(10, true)
  const stride = Math.ceil((width * bits) / 32) * 4
  if (start + stride * height > bytes.length) {
    throw new FoveaError('DATA_TRUNCATED', { expected: `${start + stride * height} bytes`, found: String(bytes.length), file })
  }
  const entry = core ? 3 : 4
  const palette = 14 + headerSize
  const out = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const row = start + (signedHeight < 0 ? y : height - 1 - y) * stride
    for (let x = 0; x < width; x++) {
      let at = row + x * (bits >> 3)
      if (bits <= 8) {
        const shift = 8 - bits - ((x * bits) & 7)
        const index = (bytes[row + ((x * bits) >> 3)]! >> shift) & ((1 << bits) - 1)
        at = palette + index * entry
        if (at + 3 > start) throw fail(`a colour index of ${index}, outside the palette`)
      }
      const to = (y * width + x) * 3
      out[to] = bytes[at + 2]!
      out[to + 1] = bytes[at + 1]!
      out[to + 2] = bytes[at]!
    }
  }
  return createImage(width, height, 3, out, file)
}
