// Telling an image's format from its first bytes, never from its name.

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'tiff' | 'gif' | 'avif' | 'bmp' | 'dicom'

/** File name endings that folders are searched for, in lower case. */
export const imageExtensions: readonly string[] = [
  '.jpg',
  '.jpeg',
  '.jfif',
  '.png',
  '.webp',
  '.tif',
  '.tiff',
  '.gif',
  '.avif',
  '.bmp',
  '.dcm',
  '.dicom',
]

/** The format that the signature states, or undefined. SVG, PDF and other programs in disguise are no images here. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  // First, since the 128 bytes before this mark may be the head of another format (PS3.10, 7.1).
  if (isDicom(bytes)) return 'dicom'
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  const text = (from: number, to: number) => latin1(bytes, from, to)
  if (bytes[0] === 0x89 && text(1, 8) === 'PNG\r\n\x1a\n') return 'png'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*' || text(0, 4) === 'II+\0' || text(0, 4) === 'MM\0+') return 'tiff'
  if (text(0, 6) === 'GIF87a' || text(0, 6) === 'GIF89a') return 'gif'
  if (heifBrands(bytes).some((brand) => brand === 'avif' || brand === 'avis')) return 'avif'
  if (text(0, 2) === 'BM' && bytes.length > 26) return 'bmp'
  return undefined
}

/** The mark of a DICOM file after its preamble (PS3.10, 7.1). */
export function isDicom(bytes: Uint8Array): boolean {
  return bytes[128] === 0x44 && bytes[129] === 0x49 && bytes[130] === 0x43 && bytes[131] === 0x4d
}

/** A format that is known and not read. */
export interface RefusedFormat {
  readonly name: string
  readonly remedy: string
}

/** What a file is that is no picture for us, where its signature tells; undefined for all others. */
export function refusedFormat(bytes: Uint8Array): RefusedFormat | undefined {
  const starts = (...signature: number[]) => signature.every((byte, i) => bytes[i] === byte)
  const convert = 'Convert it to PNG, TIFF or JPEG.'
  const box = starts(0, 0, 0, 12) ? latin1(bytes, 4, 8) : ''
  if (heifBrands(bytes).some((brand) => /^(he[ivm][csx]|hev[cx]|hei[mc]|mif1|msf1)$/.test(brand))) {
    return { name: 'HEIC', remedy: 'Convert it to JPEG, for example with `heif-convert in.heic out.jpg`; phones can be set to write JPEG.' }
  }
  if (starts(0xff, 0x0a) || box === 'JXL ') return { name: 'JPEG XL', remedy: 'Convert it to PNG, for example with `djxl in.jxl out.png`.' }
  if (starts(0xff, 0x4f, 0xff, 0x51) || box === 'jP  ') {
    return { name: 'JPEG 2000', remedy: 'Convert it to PNG, for example with `opj_decompress -i in.jp2 -o out.png`.' }
  }
  if (latin1(bytes, 0, 4) === '8BPS') return { name: 'a Photoshop document', remedy: 'Export it as PNG or TIFF.' }
  if (starts(0x76, 0x2f, 0x31, 0x01)) return { name: 'OpenEXR', remedy: 'Choose a range for its values and convert it to a 16-bit PNG.' }
  if (latin1(bytes, 0, 4) === '%PDF') return { name: 'PDF', remedy: 'Draw its pages, for example with `pdftoppm -png in.pdf page`.' }
  if (/^P[1-7][\s#]/.test(latin1(bytes, 0, 3))) return { name: 'Netpbm (PBM, PGM, PPM)', remedy: convert }
  if (/^(\u00ef\u00bb\u00bf)?\s*<(\?xml|svg|!DOCTYPE svg)/i.test(latin1(bytes, 0, 64))) {
    return { name: 'SVG or other XML', remedy: 'Draw it as PNG; a drawing is a program and is not run.' }
  }
  return undefined
}

/** The brands of an ISO base media file (ISO/IEC 14496-12, 4.3), the major one first. */
function heifBrands(bytes: Uint8Array): string[] {
  if (latin1(bytes, 4, 8) !== 'ftyp') return []
  const size = (bytes[2]! << 8) | bytes[3]!
  const brands = [latin1(bytes, 8, 12)]
  for (let at = 16; at + 4 <= Math.min(size, bytes.length); at += 4) brands.push(latin1(bytes, at, at + 4))
  return brands
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to))
}

export interface JpegFrame {
  /** Before EXIF turns the picture. */
  readonly width: number
  readonly height: number
  readonly components: number
  /** Bits of a sample. */
  readonly precision: number
  /** The last four bits of the frame's marker: 0 baseline, 1 extended, 2 progressive, 3 lossless, from 9 on arithmetic coding. */
  readonly process: number
}

/** What a JPEG's frame header states (ITU T.81, B.2.2); undefined where none is found. */
export function jpegFrame(bytes: Uint8Array): JpegFrame | undefined {
  for (const { marker, at } of jpegSegments(bytes)) {
    // SOF0 to SOF15, but for the tables DHT, JPG and DAC among them.
    if (marker < 0xc0 || marker > 0xcf || marker === 0xc4 || marker === 0xc8 || marker === 0xcc) continue
    if (at + 6 > bytes.length) return undefined
    const word = (from: number) => (bytes[from]! << 8) + bytes[from + 1]!
    return { precision: bytes[at]!, height: word(at + 1), width: word(at + 3), components: bytes[at + 5]!, process: marker & 15 }
  }
  return undefined
}

/** Where the first scan of a JPEG begins (ITU T.81, B.2.3); undefined where there is none. */
export function jpegScan(bytes: Uint8Array): number | undefined {
  for (const { marker, at } of jpegSegments(bytes)) if (marker === 0xda) return at
  return undefined
}

/** The mean step of the finest quantization table of a JPEG (ITU T.81, B.2.4.1): the smaller, the finer; NaN where there is none. */
export function finestStep(bytes: Uint8Array): number {
  let finest = Number.NaN
  for (const { marker, at, end } of jpegSegments(bytes)) {
    if (marker === 0xda) break
    if (marker !== 0xdb) continue
    for (let table = at; table < end; ) {
      const wide = bytes[table]! >> 4 > 0
      const length = wide ? 128 : 64
      if (table + 1 + length > Math.min(end, bytes.length)) return Number.NaN
      let sum = 0
      for (let i = 0; i < length; i++) sum += bytes[table + 1 + i]! * (wide && i % 2 === 0 ? 256 : 1)
      finest = Math.min(Number.isNaN(finest) ? sum / 64 : finest, sum / 64)
      table += 1 + length
    }
  }
  return finest
}

/** How EXIF turns a JPEG, 1 to 8 (TIFF 6.0, tag 274): 1 where it says nothing, undefined where it says it in an unusual way. */
export function jpegOrientation(bytes: Uint8Array): number | undefined {
  for (const { marker, at, end } of jpegSegments(bytes)) {
    if (marker === 0xda) break
    if (marker === 0xe1 && latin1(bytes, at, at + 6) === 'Exif\0\0') return tiffOrientation(bytes.subarray(at + 6, end))
  }
  return 1
}

function tiffOrientation(tiff: Uint8Array): number | undefined {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  const order = latin1(tiff, 0, 2)
  if (tiff.length < 8 || (order !== 'II' && order !== 'MM')) return undefined
  const little = order === 'II'
  const directory = view.getUint32(4, little)
  if (directory + 2 > tiff.length) return undefined
  const entries = view.getUint16(directory, little)
  for (let i = 0, at = directory + 2; i < entries && at + 12 <= tiff.length; i++, at += 12) {
    if (view.getUint16(at, little) !== 274) continue
    // One SHORT, as the standard has it; readers differ in what they make of anything else.
    const [type, count, value] = [view.getUint16(at + 2, little), view.getUint32(at + 4, little), view.getUint16(at + 8, little)]
    return type === 3 && count === 1 && value >= 1 && value <= 8 ? value : undefined
  }
  return 1
}

interface Segment {
  readonly marker: number
  /** The segment's content, from `at` to before `end`, which may lie beyond a file that was cut. */
  readonly at: number
  readonly end: number
}

/** The segments of a JPEG up to the first that is none: after the header of a scan its coded data follows. */
function* jpegSegments(bytes: Uint8Array): Generator<Segment> {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!
    // Fill bytes may come before a marker.
    if (marker === 0xff) {
      at++
      continue
    }
    // Markers without content: TEM, RST, SOI, EOI. None belongs before a scan.
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd9)) return
    const end = at + 2 + (bytes[at + 2]! << 8) + bytes[at + 3]!
    yield { marker, at: at + 4, end }
    at = end
  }
}
