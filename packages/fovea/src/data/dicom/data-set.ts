// A DICOM file's attributes by their tags: the adapter of dicom-parser, whose errors are strings and whose limits are none.

import { inflateRawSync } from 'node:zlib'
import dicomParser, { type ByteArrayParser, type DataSet, type Element } from 'dicom-parser'
import { FoveaError } from '../../util/errors.ts'
import { isDicom } from '../image-format.ts'
import { tooManyBytes } from '../limits.ts'
import { bigEndian, deflated } from './transfer-syntax.ts'

/** Attributes that stand before the pixels are read this far: their parsed form takes many times the bytes. */
const maxHeadBytes = 2 ** 25
/** Numbers of 16 bits that parsing may read: two or three an attribute, at any depth. A parsed attribute takes half a kilobyte. */
const maxParserReads = 2 ** 21
/** A deflated file may unpack to this. */
const maxInflatedBytes = 2 ** 28

const pixelDataTag = 'x7fe00010'
const undefinedLength = 0xffffffff

/** Where the value of Pixel Data (7FE0,0010) lies. */
export interface PixelData {
  /** From the value's first byte: the value, or the items of an encapsulated one. */
  readonly bytes: Uint8Array
  readonly encapsulated: boolean
  readonly vr: string | undefined
}

export interface ParsedDicom {
  readonly attributes: Attributes
  readonly transferSyntax: string
  readonly pixelData: PixelData | undefined
}

/**
 * Parses a file of PS3.10, up to its pixels.
 * @throws DATA_UNSUPPORTED_FORMAT where it is no DICOM file; DATA_TRUNCATED, DATA_UNREADABLE_IMAGE, DATA_TOO_MANY_BYTES
 */
export function parseDicom(bytes: Uint8Array, file: string | undefined): ParsedDicom {
  if (!isDicom(bytes)) {
    throw new FoveaError('DATA_UNSUPPORTED_FORMAT', {
      expected: 'a DICOM file, with DICM after 128 bytes',
      found: `${bytes.length} bytes without it`,
      remedy: 'Add a header of PS3.10, for example with `dcmconv in.dcm out.dcm` of DCMTK.',
      file,
    })
  }
  return guard(file, bytes.length > maxHeadBytes, () => {
    // Its type leaves out where the header ends.
    const meta = dicomParser.readPart10Header(bytes.subarray(0, maxHeadBytes)) as DataSet & { readonly position: number }
    const transferSyntax = new Attributes(meta, file).text('x00020010')
    if (transferSyntax === undefined) throw 'no Transfer Syntax UID (0002,0010)'
    const whole = transferSyntax === deflated ? inflate(bytes, meta.position, file) : bytes
    const elements = parseElements(whole.subarray(0, maxHeadBytes), meta.position, transferSyntax)
    const element = elements.elements[pixelDataTag]
    return {
      attributes: new Attributes(elements, file),
      transferSyntax,
      pixelData: element === undefined ? undefined : pixelDataOf(element, whole, file),
    }
  })
}

function parseElements(byteArray: Uint8Array, position: number, transferSyntax: string): Elements {
  const parser = transferSyntax === bigEndian ? dicomParser.bigEndianByteArrayParser : dicomParser.littleEndianByteArrayParser
  const dataSet: Elements = { byteArray, byteArrayParser: parser, elements: {} }
  if (position >= byteArray.length) return dataSet
  let reads = 0
  const counting: ByteArrayParser = {
    ...parser,
    readUint16: (bytes, at) => {
      if (++reads > maxParserReads) throw 'more attributes than any picture has'
      return parser.readUint16(bytes, at)
    },
  }
  const stream = new dicomParser.ByteStream(counting, byteArray, position)
  // Some writers state one form and use the other. The letters of a type are seen where it is the explicit one (PS3.5, 7.1.2).
  const explicit = /^[A-Z]{2}$/.test(String.fromCharCode(...byteArray.subarray(position + 4, position + 6)))
  const parse = explicit ? dicomParser.parseDicomDataSetExplicit : dicomParser.parseDicomDataSetImplicit
  // Of a data set the parser fills these parts, and its warnings, which nobody reads.
  parse({ ...dataSet, warnings: [] } as unknown as DataSet, stream, byteArray.length, { untilTag: pixelDataTag })
  // Items keep the counting parser, and tables are read through it.
  reads = Number.NEGATIVE_INFINITY
  return dataSet
}

function pixelDataOf({ dataOffset, length, vr }: Element, whole: Uint8Array, file: string | undefined): PixelData {
  const encapsulated = length === undefinedLength
  if (!encapsulated && dataOffset + length > whole.length) {
    const found = `${whole.length - dataOffset}`
    throw new FoveaError('DATA_TRUNCATED', { expected: `${length} bytes of pixels`, found, file })
  }
  return { bytes: whole.subarray(dataOffset, encapsulated ? whole.length : dataOffset + length), encapsulated, vr }
}

/** What is used of a `DataSet`. */
type Elements = Pick<DataSet, 'byteArray' | 'byteArrayParser' | 'elements'>

/** The attributes of a file or of an item of a sequence. Tags are written as `x00280010`. */
export class Attributes {
  readonly #dataSet: Elements
  /** Named in errors. */
  readonly file: string | undefined

  constructor(dataSet: Elements, file: string | undefined) {
    this.#dataSet = dataSet
    this.file = file
  }

  has(tag: string): boolean {
    return (this.#dataSet.elements[tag]?.length ?? 0) > 0
  }

  /** The first value of a text, without padding; undefined where it is empty or not there. */
  text(tag: string): string | undefined {
    return this.texts(tag)[0] || undefined
  }

  /** All values of a text, which backslashes part (PS3.5, 6.4). */
  texts(tag: string): string[] {
    const raw = this.bytes(tag)
    if (raw === undefined || raw.length === 0 || raw.length > 2 ** 20) return []
    return Buffer.from(raw)
      .toString('latin1')
      .split('\\')
      .map((value) => value.replace(/[\0\s]+$/, '').trimStart())
  }

  /** Numbers written as text, DS or IS. @throws DATA_UNREADABLE_IMAGE where one is not finite */
  decimals(tag: string): number[] {
    const texts = this.texts(tag)
    if (texts.length === 1 && texts[0] === '') return []
    return texts.map((value) => {
      const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN
      if (!Number.isFinite(number)) throw this.fault(tag, 'decimal numbers', value.slice(0, 40))
      return number
    })
  }

  /** One number of 16 bits without a sign. */
  uint16(tag: string): number | undefined {
    return this.has(tag) ? this.words(tag)![0] : undefined
  }

  /** A value as 16-bit words in the file's byte order; an odd last byte is left out. */
  words(tag: string): Uint16Array | undefined {
    const element = this.#dataSet.elements[tag]
    const bytes = this.bytes(tag)
    if (element === undefined || bytes === undefined) return undefined
    const parser = element.parser ?? this.#dataSet.byteArrayParser
    return Uint16Array.from({ length: bytes.length >> 1 }, (_, i) => parser.readUint16(bytes, 2 * i))
  }

  bytes(tag: string): Uint8Array | undefined {
    const element = this.#dataSet.elements[tag]
    if (element === undefined || element.items !== undefined) return undefined
    const { byteArray } = this.#dataSet
    if (element.dataOffset + element.length > byteArray.length) throw this.fault(tag, `${element.length} bytes`, 'the end of the file')
    return byteArray.subarray(element.dataOffset, element.dataOffset + element.length)
  }

  /** The items of a sequence; none where it is not there. */
  items(tag: string): Attributes[] {
    const items = this.#dataSet.elements[tag]?.items ?? []
    return items.flatMap(({ dataSet }) => (dataSet === undefined ? [] : [new Attributes(dataSet, this.file)]))
  }

  /** The error of an attribute that cannot be. */
  fault(tag: string, expected: string, found: string): FoveaError {
    return new FoveaError('DATA_UNREADABLE_IMAGE', { field: `(${tag.slice(1, 5)},${tag.slice(5)})`, expected, found, file: this.file })
  }
}

function inflate(bytes: Uint8Array, position: number, file: string | undefined): Uint8Array {
  try {
    const rest = inflateRawSync(bytes.subarray(position), { maxOutputLength: maxInflatedBytes })
    return Buffer.concat([bytes.subarray(0, position), rest])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooManyBytes(maxInflatedBytes, file)
    throw error
  }
}

function guard<T>(file: string | undefined, headCut: boolean, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof FoveaError) throw error
    // The parser throws plain strings.
    const text = (error instanceof Error ? error.message : String(error)).replace(/^dicomParser[.:]\w+: /, '')
    const ended = /past end|overread|overrun|unexpected end|greater than or equal|maxP ?osition/i.test(text)
    if (ended && headCut)
      throw new FoveaError('DATA_UNREADABLE_IMAGE', {
        found: `DICOM: more than ${maxHeadBytes} bytes before the pixels`,
        file,
        cause: error,
      })
    throw new FoveaError(ended ? 'DATA_TRUNCATED' : 'DATA_UNREADABLE_IMAGE', { found: `DICOM: ${text}`, file, cause: error })
  }
}
