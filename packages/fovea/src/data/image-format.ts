// Telling an image's format from its first bytes, never from its name.

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'tiff' | 'gif' | 'avif' | 'bmp'

/** File name endings that folders are searched for, in lower case. */
export const imageExtensions: readonly string[] = ['.jpg', '.jpeg', '.jfif', '.png', '.webp', '.tif', '.tiff', '.gif', '.avif', '.bmp']

/** The format that the signature states, or undefined. SVG, PDF and other programs in disguise are no images here. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg'
  if (bytes[0] === 0x89 && text(1, 8) === 'PNG\r\n\x1a\n') return 'png'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  if (text(0, 4) === 'II*\0' || text(0, 4) === 'MM\0*' || text(0, 4) === 'II+\0' || text(0, 4) === 'MM\0+') return 'tiff'
  if (text(0, 6) === 'GIF87a' || text(0, 6) === 'GIF89a') return 'gif'
  if (text(4, 8) === 'ftyp' && /avif|avis|mif1/.test(text(8, 32))) return 'avif'
  if (text(0, 2) === 'BM' && bytes.length > 26) return 'bmp'
  return undefined
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
