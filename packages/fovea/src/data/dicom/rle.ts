// RLE Lossless compression of DICOM (PS3.5 Annex G): a run-length code for each byte of a sample, in planes.

import { FoveaError } from '../../util/errors.ts'

/**
 * Unpacks a frame.
 * @param pixels rows x columns
 * @param samples per pixel
 * @param sampleBytes bytes of a sample: 1, 2 or 4
 * @returns samples interleaved by pixel, each with its low byte first
 * @throws DATA_TRUNCATED, DATA_UNREADABLE_IMAGE
 */
export function decodeRle(frame: Uint8Array, pixels: number, samples: number, sampleBytes: number, file?: string): Uint8Array<ArrayBuffer> {
  const planes = samples * sampleBytes
  if (frame.length < 64)
    throw new FoveaError('DATA_TRUNCATED', { expected: 'an RLE header of 64 bytes', found: String(frame.length), file })
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  const segments = view.getUint32(0, true)
  if (segments !== planes)
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected: `${planes} RLE segments`, found: String(segments), file })
  const out = new Uint8Array(pixels * planes)
  for (let plane = 0; plane < planes; plane++) {
    const start = view.getUint32(4 + 4 * plane, true)
    const end = plane + 1 < planes ? view.getUint32(8 + 4 * plane, true) : frame.length
    if (start < 64 || start > end || end > frame.length) {
      throw new FoveaError('DATA_UNREADABLE_IMAGE', {
        expected: `RLE segments inside ${frame.length} bytes`,
        found: `${start} to ${end}`,
        file,
      })
    }
    // G.2: the planes of a sample come with its most significant byte first.
    const sample = Math.floor(plane / sampleBytes)
    const offset = sample * sampleBytes + (sampleBytes - 1 - (plane % sampleBytes))
    const written = unpackSegment(frame, start, end, out, offset, planes)
    if (written < pixels)
      throw new FoveaError('DATA_TRUNCATED', { expected: `${pixels} bytes in an RLE segment`, found: String(written), file })
  }
  return out
}

/** G.3.1 and G.3.2, into every `stride`th byte; the number of bytes that were there, those beyond the last pixel left out. */
function unpackSegment(from: Uint8Array, start: number, end: number, out: Uint8Array, offset: number, stride: number): number {
  let to = offset
  let at = start
  while (at < end && to < out.length) {
    const code = from[at++]!
    if (code < 128) {
      for (let i = 0; i <= code && at < end && to < out.length; i++, to += stride) out[to] = from[at++]!
    } else if (code > 128 && at < end) {
      const value = from[at++]!
      for (let i = 257 - code; i > 0 && to < out.length; i--, to += stride) out[to] = value
    }
  }
  return (to - offset) / stride
}
