import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readJsonLists } from './json-lists.ts'
import { SpilledLists } from './spilled-lists.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-json-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The wanted lists of a text, and what stands in their place. */
async function listsOf(text: string, wanted: (key: string) => boolean, chunkBytes: number): Promise<Record<string, unknown> | undefined> {
  const path = join(folder, 'a.json')
  await writeFile(path, text)
  const found: Record<string, unknown> = Object.create(null)
  const isObject = await readJsonLists(
    path,
    'a.json',
    {
      wants: wanted,
      element: (key, i, value, bytes) => {
        if (!Array.isArray(found[key]) || i === 0) found[key] = []
        expect(bytes).toBeGreaterThan(0)
        expect((found[key] as unknown[]).push(value)).toBe(i + 1)
      },
      other: (key, value) => {
        found[key] = value
      },
    },
    { chunkBytes },
  )
  return isObject ? found : undefined
}

describe('readJsonLists', () => {
  const layout = fc.constantFrom<[unknown, string]>([undefined, ''], [1, '\r\n'], ['\t', '\ufeff'])
  test('finds what JSON.parse finds, wherever chunks end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.oneof(fc.array(fc.jsonValue({ maxDepth: 3 })), fc.jsonValue())),
        layout,
        fc.integer({ min: 1, max: 9 }),
        async (value, [space, start], chunkBytes) => {
          const isWanted = (key: string) => key.length < 3
          const text = JSON.stringify(value, null, space as number | string)
          const found = await listsOf(start === '\ufeff' ? start + text : `${text}${start}`, isWanted, start === '\ufeff' ? 16 : chunkBytes)
          const all = JSON.parse(text) as Record<string, unknown>
          const wanted = Object.entries(all).filter(([key, one]) => isWanted(key) && !(Array.isArray(one) && one.length === 0))
          const byKey = (entries: [string, unknown][]) => entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
          expect(byKey(Object.entries(found!))).toEqual(byKey(wanted))
        },
      ),
      { numRuns: 60 },
    )
  })

  test.each(['[1, 2]', '7', '', '   ', '"x"', 'null'])('nothing is read of %s, or it is refused', async (text) => {
    if (text.trim() === '') await expect(listsOf(text, () => true, 8)).rejects.toMatchObject({ code: 'DATASET_MALFORMED' })
    else expect(await listsOf(text, () => true, 8)).toBeUndefined()
  })

  test.each([
    '{"a":[1,]}',
    '{"a":[1 2]}',
    '{"a":[,1]}',
    '{"a":[1]',
    '{"a":[1]}}',
    '{"a" [1]}',
    '{"a":[1],}',
    '{a:[1]}',
    '{"a":[tru]}',
    '{"a":["x]}',
    '{"a":[{"b":]}]}',
    '{,}',
    '{"a":}',
    '{"a":[1]} x',
  ])('%s is malformed', async (text) => {
    for (const chunkBytes of [1, 3, 100])
      await expect(listsOf(text, () => true, chunkBytes)).rejects.toMatchObject({ code: 'DATASET_MALFORMED' })
  })

  test('what is too deep is refused, wanted or not', async () => {
    for (const wanted of [true, false])
      await expect(listsOf(`{"a":[${'['.repeat(100)}`, () => wanted, 16)).rejects.toMatchObject({ code: 'DATASET_TOO_LARGE' })
  })
})

/** JSON has no -0. */
const jsonValue = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)

test('SpilledLists: what went to the disk comes back with the rest, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 30_000 }), jsonValue), { maxLength: 60 }), (values) => {
      const [inMemory, onDisk] = [new SpilledLists<unknown>(), new SpilledLists<unknown>(folder, 50)]
      for (const [list, value] of values) for (const lists of [inMemory, onDisk]) lists.add(list, value, JSON.stringify(value).length)
      const expected = [...Map.groupBy(values, ([list]) => list)].sort(([a], [b]) => a - b)
      for (const lists of [inMemory, onDisk])
        for (let again = 0; again < 2; again++)
          expect([...lists.lists()]).toEqual(expected.map(([list, ones]) => [list, ones.map(([, value]) => value)]))
    }),
    { numRuns: 30 },
  )
})
