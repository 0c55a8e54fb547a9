// Small DICOM files made by hand, for tests (PS3.5, 7.1; PS3.10, 7.1).

type Value = string | number | readonly number[] | Uint8Array | readonly Items[]
/** Elements by `GGGGEEEE VR`, in the order of their tags; sequences hold items. */
export type Items = Readonly<Record<string, Value>>

export const explicitLittle = '1.2.840.10008.1.2.1'

interface FileOptions {
  readonly syntax?: string
  /** How the elements are written; the meta header is always explicit and little endian. @default what the syntax says */
  readonly explicit?: boolean
  readonly littleEndian?: boolean
}

/** A file of PS3.10 with these elements. */
export function dicomFile(elements: Items, options: FileOptions = {}): Uint8Array {
  const { syntax = explicitLittle } = options
  const { explicit = syntax !== '1.2.840.10008.1.2', littleEndian = syntax !== '1.2.840.10008.1.2.2' } = options
  const meta = writeElements({ '00020010 UI': syntax }, true, true)
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), meta, writeElements(elements, explicit, littleEndian)])
}

/** The Image Pixel Module of a grey picture; `more` adds to it or replaces. */
export function grayElements(rows: number, columns: number, pixels: Uint8Array, more: Items = {}): Items {
  return sorted({
    '00280002 US': 1,
    '00280004 CS': 'MONOCHROME2',
    '00280010 US': rows,
    '00280011 US': columns,
    '00280100 US': 8,
    '00280101 US': 8,
    '00280102 US': 7,
    '00280103 US': 0,
    ...more,
    '7FE00010 OW': pixels,
  })
}

/** Fragments as the value of encapsulated pixel data: an empty offset table, the fragments, the end. */
export function encapsulated(fragments: readonly Uint8Array[]): Uint8Array {
  const item = (bytes: Uint8Array) => [Buffer.from([0xfe, 0xff, 0x00, 0xe0]), uint32(bytes.length, true), bytes]
  return Buffer.concat([new Uint8Array(0), ...fragments].flatMap(item).concat(Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])))
}

function sorted(elements: Items): Items {
  return Object.fromEntries(Object.entries(elements).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function writeElements(elements: Items, explicit: boolean, littleEndian: boolean): Buffer {
  return Buffer.concat(Object.entries(elements).flatMap(([key, value]) => writeElement(key, value, explicit, littleEndian)))
}

function writeElement(key: string, value: Value, explicit: boolean, littleEndian: boolean): Uint8Array[] {
  const [tag = '', vr = ''] = key.split(' ')
  const head = [uint16(Number.parseInt(tag.slice(0, 4), 16), littleEndian), uint16(Number.parseInt(tag.slice(4), 16), littleEndian)]
  // Pixels in fragments have no length of their own.
  const fragments = vr === 'OB/fragments'
  const content = fragments ? (value as Uint8Array) : writeValue(vr, value, explicit, littleEndian)
  const length = fragments ? 0xffffffff : content.length
  if (!explicit) return [...head, uint32(length, littleEndian), content]
  const letters = Buffer.from(vr.slice(0, 2))
  const long = /^(OB|OW|OF|SQ|UN|UT)/.test(vr)
  const size = long ? [Buffer.alloc(2), uint32(length, littleEndian)] : [uint16(length, littleEndian)]
  return [...head, letters, ...size, content]
}

function writeValue(vr: string, value: Value, explicit: boolean, littleEndian: boolean): Buffer {
  if (value instanceof Uint8Array) return Buffer.concat([value, Buffer.alloc(value.length & 1)])
  if (typeof value === 'string') return Buffer.from(value + (value.length % 2 === 0 ? '' : vr === 'UI' ? '\0' : ' '), 'latin1')
  if (vr === 'SQ') {
    return Buffer.concat(
      (value as readonly Items[]).flatMap((item) => {
        const content = writeElements(item, explicit, littleEndian)
        return [uint16(0xfffe, littleEndian), uint16(0xe000, littleEndian), uint32(content.length, littleEndian), content]
      }),
    )
  }
  const numbers = typeof value === 'number' ? [value] : (value as readonly number[])
  return Buffer.concat(numbers.map((number) => uint16(number & 0xffff, littleEndian)))
}

function uint16(value: number, littleEndian: boolean): Buffer {
  const bytes = Buffer.alloc(2)
  littleEndian ? bytes.writeUInt16LE(value) : bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number, littleEndian: boolean): Buffer {
  const bytes = Buffer.alloc(4)
  littleEndian ? bytes.writeUInt32LE(value) : bytes.writeUInt32BE(value)
  return bytes
}
