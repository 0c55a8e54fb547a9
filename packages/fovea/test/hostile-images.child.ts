// Decodes hostile picture files, and prints what happened as JSON. Run by hostile-images.test.ts.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateRawSync, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { decodeImage } from '../src/data/decode.ts'
import { readDicom } from '../src/data/dicom/read-dicom.ts'
import { imageFormat } from '../src/data/image-format.ts'
import { isFoveaError } from '../src/util/errors.ts'
import { Random } from '../src/util/random.ts'
import { dicomFile, encapsulated, grayElements } from './dicom-file.ts'
import { type Mutation, mutateBytes } from './mutate-bytes.ts'
import { sharedData } from './shared-data-path.ts'

const outcomes: Record<string, number> = {}
const failures: string[] = []
const decoded = new Set<string>()
let count = 0
let slowest = { name: '', milliseconds: 0 }

/** What is decoded of hostile files here; a sound one of the corpus has fewer pixels. */
const maxPixels = 2 ** 20

async function attempt(bytes: Uint8Array, page: number): Promise<string> {
  try {
    await decodeImage(bytes, { maxPixels, page })
    decoded.add(imageFormat(bytes)!)
    if (imageFormat(bytes) === 'dicom') await readDicom(bytes, { maxPixels, identity: true })
    return 'decoded'
  } catch (error) {
    if (isFoveaError(error) && error.code.startsWith('DATA_')) return error.code
    throw error
  }
}

async function run(name: string, bytes: Uint8Array, page = 0): Promise<string> {
  const start = performance.now()
  let outcome = 'failure'
  try {
    outcome = await attempt(bytes, page)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.stack : error}`)
  }
  const milliseconds = performance.now() - start
  if (milliseconds > slowest.milliseconds) slowest = { name, milliseconds }
  count++
  return outcome
}

const lengths = [0, 1, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]

/** Sizes and lengths of 16 and 32 bits in both byte orders; what the check sum of a PNG guards, behind that sum. */
const ofPictures: readonly Mutation[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    if (copy.length < 8) return copy
    const at = random.integer(0, copy.length - 4)
    const value = random.pick(lengths)
    random.pick([
      () => copy.writeUInt32BE(value, at),
      () => copy.writeUInt32LE(value, at),
      () => copy.writeUInt16BE(value & 0xffff, at),
      () => copy.writeUInt16LE(value & 0xffff, at),
    ])()
    return copy
  },
  (bytes) => mendedPng(bytes),
]

function mendedPng(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes)
  if (imageFormat(copy) !== 'png') return copy
  for (let at = 8; at + 12 <= copy.length; ) {
    const end = at + 12 + copy.readUInt32BE(at)
    if (end > copy.length) break
    copy.writeUInt32BE(crc32(copy.subarray(at + 4, end - 4)), end - 4)
    at = end
  }
  return copy
}

/** A picture of every format and kind that can be made here, and real ones where they are at hand. */
async function corpus(): Promise<Uint8Array[]> {
  const raw = Buffer.from(Uint8Array.from({ length: 24 * 20 * 3 }, (_, i) => (i * 7) & 255))
  const picture = sharp(raw, { raw: { width: 24, height: 20, channels: 3 } })
  const made = await Promise.all([
    ...(['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const).map((format) => picture.clone().toFormat(format).toBuffer()),
    picture.clone().tiff({ compression: 'lzw' }).toBuffer(),
    picture.clone().tiff({ compression: 'none', tile: true, tileWidth: 16, tileHeight: 16 }).toBuffer(),
    picture.clone().toColourspace('cmyk').tiff({ compression: 'deflate' }).toBuffer(),
    picture.clone().webp({ lossless: true }).toBuffer(),
    picture.clone().png({ palette: true }).toBuffer(),
    sharp(raw, { raw: { width: 24, height: 10, channels: 3, pageHeight: 5 } })
      .gif()
      .toBuffer(),
    picture
      .clone()
      .jpeg({ progressive: true })
      .withExif({ IFD0: { Orientation: '6' } })
      .toBuffer(),
  ])
  return [...made, bitmap(), ...dicomFiles(await picture.clone().jpeg().toBuffer()), ...realFiles()]
}

function bitmap(): Uint8Array {
  const bytes = Buffer.alloc(54 + 4 * 16)
  bytes.write('BM', 0, 'latin1')
  bytes.writeUInt32LE(54, 10)
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(4, 18)
  bytes.writeInt32LE(4, 22)
  bytes.writeUInt16LE(1, 26)
  bytes.writeUInt16LE(32, 28)
  return bytes
}

function dicomFiles(jpeg: Uint8Array): Uint8Array[] {
  const pixels = Uint8Array.from({ length: 64 }, (_, i) => i * 3)
  const window = { '00281050 DS': '40\\80', '00281051 DS': '400\\20', '00281052 DS': '-10', '00281053 DS': '2' }
  const gray = grayElements(8, 8, pixels, window)
  const { '7FE00010 OW': _, ...rest } = grayElements(20, 24, pixels, { '00280002 US': 3, '00280004 CS': 'YBR_FULL_422' })
  const framed = (fragments: Uint8Array) => ({ ...rest, '7FE00010 OB/fragments': fragments })
  const palette = Object.fromEntries(
    ['01', '02', '03'].flatMap((c) => [
      [`002811${c} US`, [256, 0, 16]],
      [`002812${c} OW`, new Uint8Array(512).fill(7)],
    ]),
  )
  const rle = Buffer.concat([Buffer.from(Uint32Array.of(1, 64, ...new Array<number>(14).fill(0)).buffer), Uint8Array.of(193, 9)])
  const { '7FE00010 OW': __, ...grayRest } = grayElements(8, 8, pixels)
  const plain = dicomFile(gray)
  const deflated = Buffer.from(dicomFile(gray, { syntax: '1.2.840.10008.1.2.1.99' }))
  const head = 132 + 8 + '1.2.840.10008.1.2.1.99'.length
  return [
    plain,
    dicomFile(gray, { syntax: '1.2.840.10008.1.2' }),
    dicomFile(gray, { syntax: '1.2.840.10008.1.2.2' }),
    Buffer.concat([deflated.subarray(0, head), deflateRawSync(deflated.subarray(head))]),
    dicomFile(framed(encapsulated([jpeg])), { syntax: '1.2.840.10008.1.2.4.50' }),
    dicomFile({ ...grayRest, '7FE00010 OB/fragments': encapsulated([rle]) }, { syntax: '1.2.840.10008.1.2.5' }),
    dicomFile(grayElements(8, 8, pixels, { ...palette, '00280004 CS': 'PALETTE COLOR' })),
    dicomFile(grayElements(2, 2, pixels, { '00280008 IS': '16', '52009229 SQ': [{ '00289132 SQ': [window] }] })),
  ]
}

function realFiles(): Uint8Array[] {
  const suite = sharedData('pngsuite/in')
  const dicom = sharedData('dicom/test_files')
  const read = (folder: string, names: readonly string[]) => names.map((name) => new Uint8Array(readFileSync(join(folder, name))))
  const names = suite === undefined ? [] : readdirSync(suite).filter((name) => name.endsWith('.png'))
  const files = ['MR_small_RLE.dcm', 'SC_rgb_small_odd_jpeg.dcm', 'image_dfl.dcm', 'rtdose_rle_1frame.dcm', 'SC_rgb_dcmtk_+eb+cy+np.dcm']
  return [
    ...(suite === undefined
      ? []
      : read(
          suite,
          names.filter((_, i) => i % 8 === 0),
        )),
    ...(dicom === undefined ? [] : read(dicom, files)),
  ]
}

/** An item of undefined length, and in it a sequence of undefined length. */
const openSequence = Buffer.from('feff00e0ffffffff' + '080015115351' + '0000ffffffff', 'hex')

/** Files that are small for what they claim or unpack to. */
function bombs(): Record<string, Uint8Array> {
  const png = (width: number, height: number) => {
    const chunk = (name: string, content: Uint8Array) => {
      const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(name), content, Buffer.alloc(4)])
      bytes.writeUInt32BE(content.length, 0)
      return bytes
    }
    const header = Buffer.alloc(13)
    header.writeUInt32BE(width, 0)
    header.writeUInt32BE(height, 4)
    header.set([8, 2, 0, 0, 0], 8)
    const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10)
    const bytes = [signature, chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(2 ** 24))), chunk('IEND', new Uint8Array(0))]
    return mendedPng(Buffer.concat(bytes))
  }
  const gif = Buffer.concat([
    Buffer.from('GIF89a'),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x80, 0, 0),
    new Uint8Array(6),
    Uint8Array.of(0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 2, 0, 0x3b),
  ])
  const bmp = Buffer.from(bitmap())
  bmp.writeInt32LE(2 ** 30, 18)
  const rows = { '00280010 US': 0xffff, '00280011 US': 0xffff }
  const manyFrames = { '00280010 US': 1000, '00280011 US': 1000, '00280008 IS': '2147483647' }
  const syntax = '1.2.840.10008.1.2.1.99'
  const head = Buffer.from(dicomFile({}, { syntax }))
  return {
    'a PNG of 2^31 x 2^31': png(2 ** 31 - 1, 2 ** 31 - 1),
    'a PNG of 60,000 x 60,000': png(60_000, 60_000),
    'a GIF of 65,535 x 65,535': gif,
    'a BMP of 2^30 x 4': bmp,
    'a DICOM of 65,535 x 65,535': dicomFile(grayElements(1, 1, new Uint8Array(2), rows)),
    'a DICOM of 2^31 frames': dicomFile(grayElements(1, 1, new Uint8Array(2), manyFrames)),
    'a DICOM that inflates without end': Buffer.concat([head, deflateRawSync(Buffer.alloc(2 ** 28 + 1))]),
    'a DICOM of sequences without end': dicomFile({ '00081110 SQ': Buffer.alloc(20_000 * openSequence.length, openSequence) }),
    'a DICOM of a million elements': Buffer.concat([dicomFile({}, { syntax: '1.2.840.10008.1.2' }), emptyElements(2 ** 20 + 1)]),
  }
}

function emptyElements(number: number): Buffer {
  const bytes = Buffer.alloc(8 * number)
  for (let i = 0; i < number; i++) {
    bytes.writeUInt16LE(0x11 + 2 * (i >> 16), 8 * i)
    bytes.writeUInt16LE(i & 0xffff, 8 * i + 2)
  }
  return bytes
}

/** One changed byte or number, which most decoders only notice late. */
function changeLittle(file: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.5)) return mendedPng(ofPictures[0]!(file, random, files))
  const copy = file.slice()
  copy[random.integer(0, copy.length)] = random.integer(0, 256)
  return mendedPng(copy)
}

const [wanted = 1000, seed = 1] = process.argv.slice(2).map(Number)
const files = await corpus()
// The corpus itself is sound: all but the corrupt files of the suite are decoded.
const sound = { decoded: 0, all: files.length }
for (const [i, file] of files.entries()) if ((await run(`file ${i}`, file)) === 'decoded') sound.decoded++
const refused: Record<string, string> = {}
for (const [name, bytes] of Object.entries(bombs())) refused[name] = await run(name, bytes)
const random = new Random('hostile images', seed)
while (count < wanted) {
  const file = random.pick(files)
  const bytes = random.chance(0.5) ? changeLittle(file, random) : mutateBytes(file, files, random, ofPictures)
  await run(`mutation ${count} of seed ${seed}`, bytes, random.chance(0.1) ? 1 : 0)
}
const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024)
const report = { count, outcomes, sound, refused, decoded: [...decoded].sort(), failures: failures.slice(0, 5), slowest, peakMegabytes }
console.log(JSON.stringify(report))
