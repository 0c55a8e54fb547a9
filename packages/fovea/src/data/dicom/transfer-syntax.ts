// How a DICOM file's pixels are stored, by its transfer syntax (PS3.5 Annex A; the identifiers are listed in PS3.6 Annex A).

import { FoveaError } from '../../util/errors.ts'

/** Ways of storing pixels that are unpacked here. */
export type PixelEncoding = 'native' | 'rle' | 'jpeg'

const base = '1.2.840.10008.1.2'
export const deflated = `${base}.1.99`
export const bigEndian = `${base}.2`

const read: Readonly<Record<string, PixelEncoding>> = {
  [base]: 'native', // implicit little endian
  [`${base}.1`]: 'native', // explicit little endian
  [deflated]: 'native',
  [bigEndian]: 'native', // explicit big endian, retired
  [`${base}.5`]: 'rle',
  [`${base}.4.50`]: 'jpeg', // baseline
}

const known: Readonly<Record<string, string>> = {
  '4.51': 'JPEG Extended, 12 bits',
  '4.57': 'JPEG Lossless',
  '4.70': 'JPEG Lossless, first-order prediction',
  '4.80': 'JPEG-LS Lossless',
  '4.81': 'JPEG-LS Near-Lossless',
  '4.90': 'JPEG 2000 Lossless',
  '4.91': 'JPEG 2000',
  '4.92': 'JPEG 2000 Part 2 Lossless',
  '4.93': 'JPEG 2000 Part 2',
  '4.94': 'JPIP Referenced',
  '4.95': 'JPIP Referenced Deflate',
  '4.100': 'MPEG-2 video',
  '4.101': 'MPEG-2 video, high level',
  '4.102': 'MPEG-4 video',
  '4.103': 'MPEG-4 video, BD-compatible',
  '4.104': 'MPEG-4 video for 2D',
  '4.105': 'MPEG-4 video for 3D',
  '4.106': 'MPEG-4 stereo video',
  '4.107': 'HEVC video',
  '4.108': 'HEVC video, 10 bits',
  '4.110': 'JPEG XL Lossless',
  '4.111': 'JPEG XL JPEG Recompression',
  '4.112': 'JPEG XL',
  '4.201': 'High-Throughput JPEG 2000 Lossless',
  '4.202': 'High-Throughput JPEG 2000 RPCL Lossless',
  '4.203': 'High-Throughput JPEG 2000',
}

/** @throws DATA_TRANSFER_SYNTAX, which names the syntax */
export function pixelEncoding(uid: string, file: string | undefined): PixelEncoding {
  const encoding = read[uid]
  if (encoding !== undefined) return encoding
  const name = uid.startsWith(`${base}.`) ? known[uid.slice(base.length + 1)] : undefined
  throw new FoveaError('DATA_TRANSFER_SYNTAX', {
    expected: 'uncompressed, deflated, RLE Lossless or JPEG Baseline',
    found: name === undefined ? `the transfer syntax ${uid}` : `${name} (${uid})`,
    file,
  })
}
