// Encapsulated pixel data: which fragments make a frame (PS3.5, A.4 and 8.2).

import { FoveaError } from '../../util/errors.ts'

interface Fragment {
  /** From the first byte after the Basic Offset Table: what offsets count from. */
  readonly offset: number
  readonly bytes: Uint8Array
}

const itemTag = 0xfffee000
const endTag = 0xfffee0dd

/**
 * The bytes of one frame.
 * @param value the value of Pixel Data, from its first item on
 * @throws DATA_TRUNCATED, DATA_UNREADABLE_IMAGE
 */
export function frameOfFragments(value: Uint8Array, frame: number, frames: number, file?: string): Uint8Array {
  const { offsets, fragments } = readFragments(value, file)
  const groups = groupFragments(fragments, offsets, frames)
  if (groups === undefined) {
    const found = `${fragments.length} fragments, and nothing that tells their frames`
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected: `${frames} frames`, found, file })
  }
  const parts = groups[frame] ?? []
  if (parts.length === 0) throw new FoveaError('DATA_TRUNCATED', { expected: `${frames} frames`, found: `no data of frame ${frame}`, file })
  return parts.length === 1 ? parts[0]!.bytes : Buffer.concat(parts.map(({ bytes }) => bytes))
}

function readFragments(value: Uint8Array, file: string | undefined): { offsets: number[]; fragments: Fragment[] } {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const fragments: Fragment[] = []
  let offsets: number[] | undefined
  let base = 0
  for (let at = 0; at + 8 <= value.length; ) {
    const tag = view.getUint16(at, true) * 65536 + view.getUint16(at + 2, true)
    const length = view.getUint32(at + 4, true)
    if (tag === endTag) break
    if (tag !== itemTag) {
      throw new FoveaError('DATA_UNREADABLE_IMAGE', {
        expected: 'an item of pixels',
        found: `the tag ${tag.toString(16).padStart(8, '0')}`,
        file,
      })
    }
    if (at + 8 + length > value.length) {
      throw new FoveaError('DATA_TRUNCATED', { expected: `${length} bytes of a fragment`, found: String(value.length - at - 8), file })
    }
    if (offsets === undefined) {
      offsets = Array.from({ length: length >> 2 }, (_, i) => view.getUint32(at + 8 + 4 * i, true))
      base = at + 8 + length
    } else {
      fragments.push({ offset: at - base, bytes: value.subarray(at + 8, at + 8 + length) })
    }
    at += 8 + length
  }
  return { offsets: offsets ?? [], fragments }
}

/** By number, by the Basic Offset Table, or by the mark that ends a JPEG (ITU T.81, B.1.1.3), in this order; undefined where none tells. */
function groupFragments(fragments: readonly Fragment[], offsets: readonly number[], frames: number): Fragment[][] | undefined {
  if (frames === 1) return [[...fragments]]
  if (fragments.length === frames) return fragments.map((fragment) => [fragment])
  if (offsets.length === frames) {
    return offsets.map((start, i) =>
      fragments.filter(({ offset }) => offset >= start && offset < (offsets[i + 1] ?? Number.POSITIVE_INFINITY)),
    )
  }
  const groups: Fragment[][] = [[]]
  for (const fragment of fragments) {
    groups.at(-1)!.push(fragment)
    if (endsJpeg(fragment.bytes)) groups.push([])
  }
  groups.pop()
  return groups.length === frames ? groups : undefined
}

function endsJpeg(bytes: Uint8Array): boolean {
  // A byte of padding may follow.
  for (const end of [bytes.length, bytes.length - 1]) if (bytes[end - 2] === 0xff && bytes[end - 1] === 0xd9) return true
  return false
}
