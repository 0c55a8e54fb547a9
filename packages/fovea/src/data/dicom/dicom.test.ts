import { deflateRawSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { dicomFile, encapsulated, grayElements, type Items } from '../../../test/dicom-file.ts'
import { decodeImage } from '../decode.ts'
import { readDicom } from './read-dicom.ts'

const bytesOf = (...values: number[]) => Uint8Array.from(values)
const words = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer)
/** The grey values of a picture. */
const gray = async (file: Uint8Array, options = {}) => Array.from((await decodeImage(file, options)).data).filter((_, i) => i % 3 === 0)
const rgb = async (file: Uint8Array, options = {}) => Array.from((await decodeImage(file, options)).data)
const deep = (stored: number, more: Items = {}): Items => ({ '00280100 US': 16, '00280101 US': stored, '00280102 US': stored - 1, ...more })

describe('transfer syntaxes', () => {
  const pixels = words(1, 300, 65_535, 0, 7, 8)
  const elements = grayElements(2, 3, pixels, deep(16))
  const expected = [1, 300, 65_535, 0, 7, 8]

  test.each([
    ['implicit little endian', dicomFile(elements, { syntax: '1.2.840.10008.1.2' })],
    ['explicit little endian', dicomFile(elements)],
    ['implicit, where explicit is stated', dicomFile(elements, { explicit: false })],
    ['explicit, where implicit is stated', dicomFile(elements, { syntax: '1.2.840.10008.1.2', explicit: true })],
    ['explicit big endian', dicomFile(grayElements(2, 3, Buffer.from(pixels).swap16(), deep(16)), { syntax: '1.2.840.10008.1.2.2' })],
    [
      'RLE',
      rleFile(elements, [
        [0, 1, 255, 0, 0, 0],
        [1, 44, 255, 0, 7, 8],
      ]),
    ],
    ['deflated', deflatedFile(elements)],
  ])('%s', async (_, file) => {
    const { data, shape } = await readDicom(file)
    expect(data).toBeInstanceOf(Uint16Array)
    expect(Array.from(data)).toEqual(expected)
    expect(shape).toEqual([1, 2, 3, 1])
  })

  test('8-bit values in the words of big endian', async () => {
    const file = dicomFile(grayElements(1, 4, bytesOf(2, 1, 4, 3)), { syntax: '1.2.840.10008.1.2.2' })
    expect(Array.from((await readDicom(file)).data)).toEqual([1, 2, 3, 4])
  })

  test.each([
    ['1.2.840.10008.1.2.4.70', 'JPEG Lossless, first-order prediction'],
    ['1.2.840.10008.1.2.4.80', 'JPEG-LS Lossless'],
    ['1.2.840.10008.1.2.4.90', 'JPEG 2000 Lossless'],
    ['1.2.840.10008.1.2.4.201', 'High-Throughput JPEG 2000 Lossless'],
    ['1.2.3', 'the transfer syntax'],
  ])('%s is refused by name', async (syntax, name) => {
    const file = dicomFile(elements, { syntax })
    await expect(readDicom(file)).rejects.toMatchObject({ code: 'DATA_TRANSFER_SYNTAX', details: { found: expect.stringContaining(name) } })
    await expect(decodeImage(file, { name: 'a.dcm' })).rejects.toMatchObject({
      details: { found: expect.stringContaining(syntax), file: 'a.dcm' },
    })
  })
})

describe('stored values', () => {
  test('take the stored bits with their sign, and nothing that lies beside them', async () => {
    const more = (signed: number) => deep(12, { '00280102 US': 13, '00280103 US': signed })
    // Bits 2 to 13 hold -1 and 5; bits 0, 1, 14 and 15 hold something else.
    const pixels = words(0xffff, 0x8003 | (5 << 2))
    const signed = (await readDicom(dicomFile(grayElements(1, 2, pixels, more(1))))).data
    expect(signed).toEqual(Int16Array.of(-1, 5))
    expect((await readDicom(dicomFile(grayElements(1, 2, pixels, more(0))))).data).toEqual(Uint16Array.of(4095, 5))
  })

  test('of 32 bits', async () => {
    const pixels = new Uint8Array(Uint32Array.of(4_000_000_000, 1).buffer)
    const more = { '00280100 US': 32, '00280101 US': 32, '00280102 US': 31 }
    expect((await readDicom(dicomFile(grayElements(1, 2, pixels, more)))).data).toEqual(Uint32Array.of(4_000_000_000, 1))
    expect((await readDicom(dicomFile(grayElements(1, 2, pixels, { ...more, '00280103 US': 1 })))).data).toEqual(
      Int32Array.of(-294_967_296, 1),
    )
  })

  test('of single bits, the lowest first, frames without padding between them', async () => {
    const more = { '00280100 US': 1, '00280101 US': 1, '00280102 US': 0, '00280008 IS': '2' }
    const file = dicomFile(grayElements(1, 3, bytesOf(0b110_101, 0), more))
    expect(Array.from((await readDicom(file)).data)).toEqual([1, 0, 1, 0, 1, 1])
    expect(await gray(file, { page: 1 })).toEqual([0, 255, 255])
  })

  test('of planes become colours of pixels', async () => {
    const more = { '00280002 US': 3, '00280004 CS': 'RGB', '00280006 US': 1 }
    expect(Array.from((await readDicom(dicomFile(grayElements(1, 2, bytesOf(1, 2, 3, 4, 5, 6), more)))).data)).toEqual([1, 3, 5, 2, 4, 6])
  })

  test('one frame or all, and the number of frames', async () => {
    const file = dicomFile(grayElements(1, 2, bytesOf(1, 2, 3, 4, 5, 6), { '00280008 IS': '3' }))
    expect(await readDicom(file)).toMatchObject({ shape: [3, 1, 2, 1], attributes: { frames: 3 } })
    expect(await readDicom(file, { frame: 1 })).toMatchObject({ shape: [1, 1, 2, 1], data: bytesOf(3, 4) })
    await expect(readDicom(file, { frame: 3 })).rejects.toMatchObject({ code: 'DATA_NO_SUCH_PAGE', details: { expected: '0 to 2' } })
    await expect(decodeImage(file, { page: 3 })).rejects.toMatchObject({ code: 'DATA_NO_SUCH_PAGE' })
    await expect(readDicom(file, { maxPixels: 5 })).rejects.toMatchObject({ code: 'DATA_IMAGE_TOO_LARGE' })
    expect((await readDicom(file, { maxPixels: 2, frame: 0 })).data).toEqual(bytesOf(1, 2))
  })
})

describe('grey', () => {
  test('of up to 8 bits without any window is taken as it is; MONOCHROME1 is inverted', async () => {
    expect(await gray(dicomFile(grayElements(1, 3, bytesOf(0, 100, 255))))).toEqual([0, 100, 255])
    expect(await gray(dicomFile(grayElements(1, 3, bytesOf(0, 100, 255), { '00280004 CS': 'MONOCHROME1' })))).toEqual([255, 155, 0])
    expect(await gray(dicomFile(grayElements(1, 2, bytesOf(0, 15), { '00280101 US': 4, '00280102 US': 3 })))).toEqual([0, 255])
  })

  test('of more bits without a window goes from its smallest to its largest value, padding left out', async () => {
    const pixels = words(65_535, 100, 150, 200)
    expect(await gray(dicomFile(grayElements(1, 4, pixels, deep(16, { '00280120 US': 65_535 }))))).toEqual([255, 0, 128, 255])
    expect(await gray(dicomFile(grayElements(1, 4, words(5, 5, 5, 5), deep(16))))).toEqual([0, 0, 0, 0])
  })

  test('goes through rescale and window, by the functions of PS3.3 C.11.2.1', async () => {
    const values = [0, 50, 100, 101, 150]
    const rescale = { '00281052 DS': '-100', '00281053 DS': '1' }
    const window = { '00281050 DS': '0', '00281051 DS': '100' }
    const file = (kind?: string) =>
      dicomFile(
        grayElements(1, 5, words(...values), deep(16, { ...rescale, ...window, ...(kind === undefined ? {} : { '00281056 CS': kind }) })),
      )
    const [c, w] = [0, 100]
    const measured = values.map((value) => value - 100)
    const clamp = (value: number) => Math.min(Math.max(value, 0), 1)
    expect(await gray(file())).toEqual(measured.map((x) => Math.round(255 * clamp((x - (c - 0.5)) / (w - 1) + 0.5))))
    expect(await gray(file('LINEAR_EXACT'))).toEqual(measured.map((x) => Math.round(255 * clamp((x - c) / w + 0.5))))
    expect(await gray(file('SIGMOID'))).toEqual(measured.map((x) => Math.round(255 / (1 + Math.exp((-4 * (x - c)) / w)))))
  })

  test('takes the window that is chosen', async () => {
    const windows = { '00281050 DS': '100\\1000', '00281051 DS': '1\\2000', '00281055 LO': 'NARROW\\WIDE' }
    const file = dicomFile(grayElements(1, 2, words(99, 100), deep(16, windows)))
    expect(await gray(file)).toEqual([0, 255])
    expect(await gray(file, { window: 1 })).toEqual([13, 13])
    expect(await gray(file, { window: 'range' })).toEqual([0, 255])
    expect(await gray(file, { window: { center: 99, width: 2, function: 'LINEAR_EXACT' } })).toEqual([128, 255])
    expect((await readDicom(file)).attributes.windows).toEqual([
      { center: 100, width: 1, function: 'LINEAR', explanation: 'NARROW' },
      { center: 1000, width: 2000, function: 'LINEAR', explanation: 'WIDE' },
    ])
    for (const window of [2, -1, { center: 1, width: 0 }, { center: Number.NaN, width: 9 }]) {
      await expect(decodeImage(file, { window })).rejects.toMatchObject({ code: 'DATA_OPTION_INVALID' })
    }
  })

  test('goes through tables of the modality and of interest', async () => {
    const modality = { '00283000 SQ': [{ '00283002 US': [3, 10, 16], '00283006 US': [0, 1, 2] }] }
    const interest = { '00283010 SQ': [{ '00283002 US': [3, 0, 12], '00283006 US': [0, 4095, 1000] }] }
    const file = dicomFile(grayElements(1, 5, words(9, 10, 11, 12, 13), deep(16, { ...modality, ...interest })))
    expect(await gray(file)).toEqual([0, 0, 255, 62, 62])
  })

  test("takes each frame's own window from the functional groups", async () => {
    const frame = (center: string) => ({ '00289132 SQ': [{ '00281050 DS': center, '00281051 DS': '1' }] })
    const shared = { '52009229 SQ': [{ '00289145 SQ': [{ '00281052 DS': '0', '00281053 DS': '2' }] }] }
    const groups = { ...shared, '52009230 SQ': [frame('10'), frame('30')], '00280008 IS': '2' }
    const file = dicomFile(grayElements(1, 2, words(5, 15, 5, 15), deep(16, groups)))
    expect(await gray(file, { page: 0 })).toEqual([255, 255])
    expect(await gray(file, { page: 1 })).toEqual([0, 255])
  })

  test('of many pixels, by a table, is the same as by each', async () => {
    const values = Uint16Array.from({ length: 65_536 }, (_, i) => i)
    const more = deep(16, { '00281050 DS': '30000', '00281051 DS': '20001', '00280103 US': 0 })
    const many = await gray(dicomFile(grayElements(256, 256, new Uint8Array(values.buffer), more)))
    const few = await gray(dicomFile(grayElements(1, 4, words(20_000, 25_000, 30_000, 39_999), more)))
    expect([20_000, 25_000, 30_000, 39_999].map((value) => many[value])).toEqual(few)
  })
})

describe('colours', () => {
  const color = (photometric: string, more: Items = {}) => ({ '00280002 US': 3, '00280004 CS': photometric, '00280006 US': 0, ...more })

  test('RGB, of 8 and of more bits', async () => {
    expect(await rgb(dicomFile(grayElements(1, 1, bytesOf(1, 2, 3), color('RGB'))))).toEqual([1, 2, 3])
    expect(await rgb(dicomFile(grayElements(1, 1, words(0, 2048, 4095), deep(12, color('RGB')))))).toEqual([0, 128, 255])
  })

  test('YBR_FULL and YBR_FULL_422', async () => {
    const full = dicomFile(grayElements(1, 2, bytesOf(76, 85, 255, 128, 128, 128), color('YBR_FULL')))
    expect(await rgb(full)).toEqual([254, 0, 0, 128, 128, 128])
    expect(Array.from((await readDicom(full)).data)).toEqual([254, 0, 0, 128, 128, 128])
    expect(Array.from((await readDicom(full, { color: 'stored' })).data)).toEqual([76, 85, 255, 128, 128, 128])
    const shared = dicomFile(grayElements(1, 2, bytesOf(10, 20, 128, 128), color('YBR_FULL_422')))
    expect(await rgb(shared)).toEqual([10, 10, 10, 20, 20, 20])
  })

  const palette = (tables: Items) => ({ '00280004 CS': 'PALETTE COLOR', ...tables })
  const table = (descriptor: number[], tag: string, entries: (channel: number) => Uint8Array) =>
    Object.fromEntries(
      [1, 2, 3].flatMap((c) => [
        [`0028110${c} US`, descriptor],
        [`0028${tag}0${c} OW`, entries(c)],
      ]),
    )

  test('palettes of 16 bits, of packed 8 bits, with an offset', async () => {
    const sixteen = table([2, 5, 16], '12', (c) => words(c * 256, 0xff00))
    expect(await rgb(dicomFile(grayElements(1, 4, bytesOf(0, 5, 6, 9), palette(sixteen))))).toEqual([
      1, 2, 3, 1, 2, 3, 255, 255, 255, 255, 255, 255,
    ])
    const packed = table([3, 0, 8], '12', (c) => bytesOf(c, 10 * c, 20 * c))
    expect(await rgb(dicomFile(grayElements(1, 3, bytesOf(0, 1, 2), palette(packed))))).toEqual([1, 2, 3, 10, 20, 30, 20, 40, 60])
  })

  test('palettes in segments', async () => {
    // One entry of 0, then four in a line up to 0x4000, then the line once more.
    const segments = table([9, 0, 16], '22', () => words(0, 1, 0, 1, 4, 0x4000, 2, 1, 6, 0))
    expect(await gray(dicomFile(grayElements(1, 9, bytesOf(0, 1, 2, 3, 4, 5, 6, 7, 8), palette(segments))))).toEqual([
      0, 16, 32, 48, 64, 64, 64, 64, 64,
    ])
  })

  test('JPEG in fragments: one frame in two, and two frames', async () => {
    const jpeg = (value: number) =>
      sharp({ create: { width: 8, height: 8, channels: 3, background: { r: value, g: value, b: value } } })
        .jpeg()
        .toBuffer()
    const [a, b] = [await jpeg(50), await jpeg(200)]
    const { '7FE00010 OW': _, ...rest } = grayElements(8, 8, bytesOf(), color('YBR_FULL_422', { '00280008 IS': '2' }))
    const file = dicomFile(
      { ...rest, '7FE00010 OB/fragments': encapsulated([a.subarray(0, 100), a.subarray(100), b]) },
      { syntax: '1.2.840.10008.1.2.4.50' },
    )
    expect((await rgb(file)).slice(0, 3)).toEqual([50, 50, 50])
    expect((await rgb(file, { page: 1 })).slice(0, 3)).toEqual([200, 200, 200])
  })
})

describe('refuses', () => {
  const pixels = bytesOf(1, 2, 3, 4)
  test.each<[string, string, Items]>([
    ['pixels that are cut off', 'DATA_TRUNCATED', grayElements(3, 3, pixels)],
    ['no rows', 'DATA_UNREADABLE_IMAGE', grayElements(0, 2, pixels)],
    ['64 bits', 'DATA_UNSUPPORTED_FORMAT', grayElements(2, 2, pixels, { '00280100 US': 64 })],
    ['more bits stored than allocated', 'DATA_UNREADABLE_IMAGE', grayElements(2, 2, pixels, { '00280101 US': 12 })],
    ['retired colours', 'DATA_UNSUPPORTED_FORMAT', grayElements(2, 2, pixels, { '00280004 CS': 'YBR_PARTIAL_422', '00280002 US': 3 })],
    ['grey of three samples', 'DATA_UNREADABLE_IMAGE', grayElements(1, 1, pixels, { '00280002 US': 3 })],
    ['a number of frames that is none', 'DATA_UNREADABLE_IMAGE', grayElements(2, 2, pixels, { '00280008 IS': '1A' })],
    ['a palette that is missing', 'DATA_UNREADABLE_IMAGE', grayElements(2, 2, pixels, { '00280004 CS': 'PALETTE COLOR' })],
    ['a window of no width', 'DATA_UNREADABLE_IMAGE', grayElements(2, 2, pixels, { '00281050 DS': '1', '00281051 DS': '0' })],
    ['no picture', 'DATA_NO_PIXELS', { '00080060 CS': 'SR' }],
    ['a picture without pixels', 'DATA_NO_PIXELS', Object.fromEntries(Object.entries(grayElements(1, 1, pixels)).slice(0, -1))],
  ])('%s: %s', async (_, code, elements) => {
    await expect(decodeImage(dicomFile(elements), { name: 'a.dcm' })).rejects.toMatchObject({ code, details: { file: 'a.dcm' } })
  })

  test('what has no header of PS3.10', async () => {
    await expect(readDicom(bytesOf(1, 2, 3))).rejects.toMatchObject({ code: 'DATA_UNSUPPORTED_FORMAT' })
  })
})

test('tells nobody who was examined unless asked to', async () => {
  const person = {
    '00080005 CS': 'ISO_IR 144',
    '00100010 PN': Buffer.from([0xbb, 0xee, 0xda, 0x20]),
    '00100020 LO': 'ID 7',
    '00080060 CS': 'MR',
  }
  const file = dicomFile(grayElements(1, 2, bytesOf(1, 2), { ...person, '00280030 DS': '0.5\\0.25' }))
  const quiet = await readDicom(file)
  expect(quiet).not.toHaveProperty('identity')
  expect(JSON.stringify(quiet.attributes)).not.toContain('ID 7')
  expect(quiet.attributes).toMatchObject({ modality: 'MR', pixelSpacing: [0.5, 0.25], lossy: false })
  expect((await readDicom(file, { identity: true })).identity).toEqual({ patientName: 'Люк', patientId: 'ID 7' })
})

/** One frame of RLE segments, each written as a literal run. */
function rleFile(elements: Items, segments: readonly number[][]): Uint8Array {
  const runs = segments.map((values) => Uint8Array.of(values.length - 1, ...values))
  const offsets = new Uint32Array(16)
  offsets[0] = runs.length
  let at = 64
  for (const [i, run] of runs.entries()) {
    offsets[i + 1] = at
    at += run.length
  }
  const { '7FE00010 OW': _, ...rest } = elements
  const frame = Buffer.concat([new Uint8Array(offsets.buffer), ...runs])
  return dicomFile({ ...rest, '7FE00010 OB/fragments': encapsulated([frame]) }, { syntax: '1.2.840.10008.1.2.5' })
}

function deflatedFile(elements: Items): Uint8Array {
  const syntax = '1.2.840.10008.1.2.1.99'
  const plain = dicomFile(elements, { syntax })
  const head = dicomFile({}, { syntax }).length
  return Buffer.concat([plain.subarray(0, head), deflateRawSync(plain.subarray(head))])
}
