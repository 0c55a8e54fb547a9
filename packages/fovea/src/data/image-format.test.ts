import { expect, test } from 'vitest'
import { decodeImage } from './decode.ts'
import { imageFormat, refusedFormat } from './image-format.ts'

const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const brands = (...names: string[]) => {
  const size = 16 + 4 * (names.length - 1)
  return ascii(`\0\0\0${String.fromCharCode(size)}ftyp${names[0]}\0\0\0\0${names.slice(1).join('')}${'x'.repeat(40)}`)
}

test('AVIF is told from HEIC by its brands, wherever they stand', () => {
  expect(imageFormat(brands('avif'))).toBe('avif')
  expect(imageFormat(brands('mif1', 'miaf', 'avif'))).toBe('avif')
  expect(imageFormat(brands('heic', 'mif1'))).toBeUndefined()
  expect(imageFormat(brands('isom', 'mp42'))).toBeUndefined()
})

test.each([
  ['HEIC', brands('heic', 'mif1', 'heic')],
  ['HEIC', brands('mif1', 'heic')],
  ['JPEG XL', Uint8Array.of(0xff, 0x0a, 0, 0)],
  ['JPEG XL', ascii('\0\0\0\x0cJXL \r\n\x87\n')],
  ['JPEG 2000', ascii('\0\0\0\x0cjP  \r\n\x87\n')],
  ['JPEG 2000', Uint8Array.of(0xff, 0x4f, 0xff, 0x51)],
  ['a Photoshop document', ascii('8BPS\0\x01')],
  ['OpenEXR', Uint8Array.of(0x76, 0x2f, 0x31, 0x01)],
  ['PDF', ascii('%PDF-1.7')],
  ['Netpbm (PBM, PGM, PPM)', ascii('P6\n2 2\n255\n')],
  ['SVG or other XML', ascii('<?xml version="1.0"?><svg/>')],
])('%s is refused by its name, with a remedy', async (name, bytes) => {
  const { remedy } = refusedFormat(bytes)!
  const work = decodeImage(bytes, { name: 'a.jpg' })
  await expect(work).rejects.toMatchObject({ code: 'DATA_UNSUPPORTED_FORMAT', details: { found: name, remedy, file: 'a.jpg' } })
})
