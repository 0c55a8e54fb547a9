import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import { renderSvg } from './encode.ts'
import { loadFont } from './font.ts'
import { covers, fontCoverage, listFonts, systemHas } from './system-fonts.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-fonts-'))
})
afterAll(() => rm(folder, { recursive: true }))

const words = (...values: number[]) => values.flatMap((value) => [value >> 8, value & 255])
const longs = (...values: number[]) => values.flatMap((value) => words(value >>> 16, value & 0xffff))

/** A font of nothing but a table `cmap`. */
function fontOf(subtable: number[], start = 0): Uint8Array {
  const cmap = [...words(0, 1), ...words(3, 10), ...longs(12), ...subtable]
  const directory = [...longs(0x00010000), ...words(1, 0, 0, 0), ...longs(0x636d6170, 0, start + 28, cmap.length)]
  return Uint8Array.from([...directory, ...cmap])
}

const ofSegments = [...words(4, 32, 0, 4, 0, 0, 0), ...words(0x5a, 0xffff), ...words(0), ...words(0x41, 0xffff), ...words(0, 1, 0, 0)]
const ofGroups = [...words(12, 0), ...longs(40, 0, 2), ...longs(0x6f20, 0x6f2f, 1), ...longs(0x1f600, 0x1f601, 20)]

test('the characters of a font are read from its table, also in a collection', async () => {
  const collection = [...longs(0x74746366, 0x00010000, 1, 16), ...fontOf(ofGroups, 16)]
  const files = { 'a.ttf': fontOf(ofSegments), 'b.otf': fontOf(ofGroups), 'c.TTC': Uint8Array.from(collection), 'd.txt': new Uint8Array(9) }
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes)
  const found = listFonts([folder, join(folder, 'none')]).sort()
  expect(found.map((file) => file.slice(-5))).toEqual(['a.ttf', 'b.otf', 'c.TTC'].map((name) => name))
  const [segments, groups, inCollection] = found.map(fontCoverage)
  expect([0x40, 0x41, 0x5a, 0x5b, 0xffff].map((point) => covers(segments!, point))).toEqual([false, true, true, false, false])
  expect([0x6f22, 0x1f601, 0x1f602].map((point) => covers(groups!, point))).toEqual([true, true, false])
  expect(inCollection).toEqual(groups)
})

test('a damaged font has no characters, or some, and nothing worse', async () => {
  const file = join(folder, 'damaged.ttf')
  const random = new Random(1)
  for (let i = 0; i < 200; i++) {
    const bytes = fontOf(i % 2 ? ofSegments : ofGroups).slice(0, random.integer(0, 90))
    for (let k = 0; k < 4 && bytes.length > 0; k++) bytes[random.integer(0, bytes.length)] = random.integer(0, 256)
    await writeFile(file, bytes)
    expect(Array.isArray(fontCoverage(file))).toBe(true)
  }
  expect(fontCoverage(join(folder, 'none.ttf'))).toEqual([])
})

test('text in any script leaves something to read in a picture', async () => {
  const font = await loadFont()
  for (const text of ['漢字', 'قطة', 'कुत्ता', '😀']) {
    const drawn = font.draw(text, 10, 40, { size: 20 })
    // Either a font of this machine draws it, or its code is written out.
    expect(drawn.startsWith('<text')).toBe([...text].some(systemHas))
    const { data } = await renderSvg(`<svg xmlns="http://www.w3.org/2000/svg" width="400" height="60">${drawn}</svg>`)
    expect(data.filter((value, i) => i % 4 === 3 && value > 100).length).toBeGreaterThan(20)
  }
})
