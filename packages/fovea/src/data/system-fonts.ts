// Which characters the fonts of this machine have: read from the tables of their files, since no library here can be asked.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { homedir } from 'node:os'
import { extname, join } from 'node:path'

/** First and last code point, both included, rising; gaps inside are rare, and a glyph that is missing all the same is drawn as a box. */
export type Coverage = readonly (readonly [first: number, last: number])[]

const limits = { depth: 8, files: 4000, tables: 512, ranges: 100_000, cmapBytes: 4 * 2 ** 20 } as const

function fontFolders(): string[] {
  const home = homedir()
  switch (process.platform) {
    case 'win32':
      return [join(process.env.WINDIR ?? 'C:\\Windows', 'Fonts'), join(home, 'AppData', 'Local', 'Microsoft', 'Windows', 'Fonts')]
    case 'darwin':
      return ['/System/Library/Fonts', '/Library/Fonts', join(home, 'Library', 'Fonts')]
    default:
      return ['/usr/share/fonts', '/usr/local/share/fonts', join(home, '.local', 'share', 'fonts'), join(home, '.fonts')]
  }
}

/** Paths of TrueType and OpenType fonts and collections. */
export function listFonts(folders: readonly string[]): string[] {
  const files: string[] = []
  const walk = (folder: string, depth: number): void => {
    let entries: ReturnType<typeof entriesOf>
    try {
      entries = entriesOf(folder)
    } catch {
      return
    }
    for (const entry of entries) {
      if (files.length >= limits.files) return
      const path = join(folder, entry.name)
      if (entry.isDirectory() && depth < limits.depth) walk(path, depth + 1)
      else if (/^\.(ttf|otf|ttc|otc)$/i.test(extname(entry.name))) files.push(path)
    }
  }
  for (const folder of folders) walk(folder, 0)
  return files
}

function entriesOf(folder: string) {
  return readdirSync(folder, { withFileTypes: true })
}

/** The code points of a font file, of the first font of a collection; none where it cannot be read. */
export function fontCoverage(file: string): Coverage {
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch {
    return []
  }
  try {
    const read = (at: number, length: number): DataView => {
      const bytes = new Uint8Array(length)
      const count = readSync(handle, bytes, 0, length, at)
      if (count < length) throw new RangeError('the file ends')
      return new DataView(bytes.buffer)
    }
    return coverageOf(read)
  } catch {
    return []
  } finally {
    closeSync(handle)
  }
}

function coverageOf(read: (at: number, length: number) => DataView): Coverage {
  const head = read(0, 16)
  // A collection lists where its fonts begin.
  const start = head.getUint32(0) === 0x74746366 ? head.getUint32(12) : 0
  const count = read(start, 12).getUint16(4)
  if (count > limits.tables) return []
  const directory = read(start + 12, count * 16)
  for (let i = 0; i < count; i++) {
    if (directory.getUint32(i * 16) !== 0x636d6170) continue
    const [at, length] = [directory.getUint32(i * 16 + 8), directory.getUint32(i * 16 + 12)]
    return length > limits.cmapBytes ? [] : cmapCoverage(read(at, length))
  }
  return []
}

/** The table `cmap` (OpenType 1.9): its subtable of format 12 for all of Unicode, else of format 4. */
function cmapCoverage(table: DataView): Coverage {
  const places = Array.from({ length: table.getUint16(2) }, (_, i) => table.getUint32(8 + 8 * i))
  const at = places.find((place) => table.getUint16(place) === 12) ?? places.find((place) => table.getUint16(place) === 4)
  if (at === undefined) return []
  const ranges: [number, number][] = []
  if (table.getUint16(at) === 12) {
    const groups = Math.min(limits.ranges, table.getUint32(at + 12))
    for (let i = 0; i < groups; i++) ranges.push([table.getUint32(at + 16 + 12 * i), table.getUint32(at + 20 + 12 * i)])
  } else {
    const segments = table.getUint16(at + 6) / 2
    for (let i = 0; i < segments; i++) ranges.push([table.getUint16(at + 16 + 2 * (segments + i)), table.getUint16(at + 14 + 2 * i)])
    // The last segment is there to end the list.
    if (ranges.at(-1)?.[0] === 0xffff) ranges.pop()
  }
  return ranges
}

export function covers(coverage: Coverage, point: number): boolean {
  return coverage.some(([first, last]) => point >= first && point <= last)
}

let fonts: string[] | undefined
const coverages: Coverage[] = []
const known = new Map<string, boolean>()

/** Whether a font of this machine has the character. The fonts are looked at when first asked, one after another until one has it. */
export function systemHas(character: string): boolean {
  let answer = known.get(character)
  if (answer === undefined) {
    fonts ??= listFonts(fontFolders())
    const point = character.codePointAt(0) ?? 0
    answer = fonts.some((file, i) => {
      coverages[i] ??= fontCoverage(file)
      return covers(coverages[i], point)
    })
    known.set(character, answer)
  }
  return answer
}
