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

/** What a JPEG's frame header states (ITU T.81, B.2.2), the size before its EXIF turns it; undefined where none is found. */
export function jpegFrame(bytes: Uint8Array): { readonly width: number; readonly height: number; readonly components: number } | undefined {
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!
    // Fill bytes may come before a marker.
    if (marker === 0xff) {
      at++
      continue
    }
    // SOF0 to SOF15, but for the tables DHT, JPG and DAC among them.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      const word = (from: number) => (bytes[from]! << 8) + bytes[from + 1]!
      return { height: word(at + 5), width: word(at + 7), components: bytes[at + 9]! }
    }
    at += 2 + (bytes[at + 2]! << 8) + bytes[at + 3]!
  }
  return undefined
}
