// Palette colours of DICOM (PS3.3, C.7.6.3.1.5, C.7.6.3.1.6 and, for tables in segments, C.7.9.2).

import type { Attributes } from './data-set.ts'

/** What a pixel value maps to. Values below `first` take the first entry, those beyond the last the last. */
export interface LookupTable {
  readonly first: number
  readonly entries: Uint16Array
  /** Bits of an entry. */
  readonly bits: number
}

/** Red, green and blue, 8 bits an entry. */
export interface Palette {
  readonly first: number
  readonly colors: readonly [Uint8Array, Uint8Array, Uint8Array]
}

const channels = ['01', '02', '03'] as const

/** @throws DATA_UNREADABLE_IMAGE where a table is missing or shorter than its descriptor says */
export function readPalette(attributes: Attributes, signed: boolean): Palette {
  const tables = channels.map((channel) => {
    const descriptor = readDescriptor(attributes, `x002811${channel}`, signed)
    const plain = attributes.has(`x002812${channel}`)
    const tag = plain ? `x002812${channel}` : `x002822${channel}`
    const entries = plain ? readEntries(attributes, tag, descriptor) : expandSegments(attributes, tag, descriptor)
    // The high byte is right for tables that fill 16 bits and for those that hold 8 bits times 256.
    return { first: descriptor.first, colors: Uint8Array.from(entries, (entry) => (descriptor.bits === 16 ? entry >> 8 : entry)) }
  })
  const [red, green, blue] = tables.map(({ colors }) => colors)
  return { first: tables[0]!.first, colors: [red!, green!, blue!] }
}

interface Descriptor {
  readonly length: number
  readonly first: number
  readonly bits: number
}

/** Number of entries (0 for 65,536), first value that is mapped, bits of an entry (PS3.3, C.11.1.1.1 and C.7.6.3.1.5). */
function readDescriptor(attributes: Attributes, tag: string, signed: boolean): Descriptor {
  const words = attributes.words(tag)
  if (words === undefined || words.length < 3) throw attributes.fault(tag, 'a table descriptor of three numbers', `${words?.length ?? 0}`)
  const [length, first, bits] = [words[0]! || 65536, words[1]!, words[2]!]
  if (bits < 1 || bits > 16) throw attributes.fault(tag, 'entries of 1 to 16 bits', String(bits))
  return { length, first: signed ? (first << 16) >> 16 : first, bits }
}

/** Entries of 8 bits stand one or two to a word. */
function readEntries(attributes: Attributes, tag: string, { length, bits }: Descriptor): Uint16Array {
  const bytes = attributes.bytes(tag)
  const words = attributes.words(tag)
  if (bytes === undefined || words === undefined) throw attributes.fault(tag, `a table of ${length} entries`, 'none')
  if (words.length >= length) return words.subarray(0, length)
  if (bits > 8 || bytes.length < length) throw attributes.fault(tag, `a table of ${length} entries`, `${bytes.length} bytes`)
  return Uint16Array.from({ length }, (_, i) =>
    words[i >> 1] === undefined ? bytes[i]! : i & 1 ? words[i >> 1]! >> 8 : words[i >> 1]! & 255,
  )
}

/** @throws DATA_UNREADABLE_IMAGE */
export function readLookupTable(attributes: Attributes, descriptorTag: string, dataTag: string, signed: boolean): LookupTable {
  const descriptor = readDescriptor(attributes, descriptorTag, signed)
  return { first: descriptor.first, bits: descriptor.bits, entries: readEntries(attributes, dataTag, descriptor) }
}

/** C.7.9.2: discrete (0), linear (1) and repeated (2) segments. */
function expandSegments(attributes: Attributes, tag: string, { length, bits }: Descriptor): Uint16Array {
  const codes = bits > 8 ? attributes.words(tag) : attributes.bytes(tag)
  if (codes === undefined) throw attributes.fault(tag, 'a palette', 'none')
  const out = new Uint16Array(length)
  let filled = 0
  const fail = (found: string) => attributes.fault(tag, `segments of ${length} entries`, found)
  const put = (value: number) => {
    if (filled === length) throw fail('more')
    out[filled++] = value
  }
  /** Expands `count` segments from `at`, or all; gives where they end. */
  const expand = (at: number, count: number, nested: boolean): number => {
    for (let done = 0; done < count && at + 1 < codes.length && filled < length; done++) {
      const [code, size] = [codes[at]!, codes[at + 1]!]
      if (code === 0) {
        for (let i = 0; i < size; i++) put(codes[at + 2 + i] ?? 0)
        at += 2 + size
      } else if (code === 1) {
        if (filled === 0) throw fail('a linear segment without a start')
        const [from, to] = [out[filled - 1]!, codes[at + 2] ?? 0]
        for (let i = 1; i <= size; i++) put(Math.round(from + ((to - from) * i) / size))
        at += 3
      } else if (code === 2 && !nested) {
        const words = bits > 8
        const offset = words
          ? (codes[at + 2] ?? 0) + (codes[at + 3] ?? 0) * 65536
          : (codes[at + 2] ?? 0) + (codes[at + 3] ?? 0) * 256 + (codes[at + 4] ?? 0) * 65536 + (codes[at + 5] ?? 0) * 2 ** 24
        expand(words ? offset / 2 : offset, size, true)
        at += words ? 4 : 6
      } else throw fail(`a segment of kind ${code}`)
    }
    return at
  }
  expand(0, Number.POSITIVE_INFINITY, false)
  if (filled < length) throw fail(String(filled))
  return out
}
