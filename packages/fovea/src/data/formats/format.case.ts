// The suite that every format of data sets is held to: round trip, losses, hostile files.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join, relative } from 'node:path'
import fc from 'fast-check'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mutate } from '../../../test/hostile-labels.ts'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import { Random } from '../../util/random.ts'
import type { Annotation } from '../../vision/annotation.ts'
import type { LabelledPicture, LabelledSet } from '../../vision/labelled-set.ts'
import { imageExtensions } from '../image-format.ts'
import { readDataset, writeDataset } from './dataset-files.ts'
import { fitClasses, fitPicture, Losses } from './fit.ts'
import type { DatasetFormat } from './format.ts'
import type { DatasetProblem } from './problems.ts'
import { detectFormat } from './table.ts'

/** Broken files for each format; FOVEA_FUZZ_RUNS makes it more. */
const mutations = Number(process.env.FOVEA_FUZZ_RUNS ?? 25)

const [width, height] = [24, 16]

/** A data set with labels by the names of classes, in an order of its own, numbers rounded to what any format keeps. */
export function canonical({ classes, pictures }: LabelledSet): unknown {
  const className = (label: number) => (label < 0 ? null : classes[label]?.name)
  const plain = (value: unknown): unknown => {
    if (typeof value === 'number') return Number(value.toFixed(4)) + 0
    if (Array.isArray(value)) return value.map(plain)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).flatMap(([key, one]) => (one === undefined ? [] : [[key, plain(one)]])))
  }
  return pictures
    .map(({ file, id: _, labels, annotations, ...rest }) => ({
      ...(plain(rest) as object),
      hasFile: file !== undefined,
      labels: labels.map(className).sort(),
      annotations: annotations.map(({ label, id, ...one }) => ({ class: className(label), ...(plain(one) as object) })),
    }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

/** Quarters of a pixel: rounding of formats cannot tip them over. */
const quarter = (end: number) => fc.integer({ min: 0, max: 4 * end }).map((value) => value / 4)
const point = fc.tuple(quarter(width), quarter(height))
const outline = fc.array(point, { minLength: 3, maxLength: 6 }).map((points) => points.flat())
// At least two pixels wide: narrower boxes are tested by themselves.
const box = fc
  .tuple(quarter(width - 2), quarter(height - 2), quarter(width), quarter(height))
  .map(([x1, y1, x, y]) => ({ x1, y1, x2: Math.max(x1 + 2, x), y2: Math.max(y1 + 2, y) }))
const mask = fc
  .uniqueArray(fc.integer({ min: 1, max: width * height - 1 }), { minLength: 1, maxLength: 6 })
  .map((ends) => [0, ...ends.sort((a, b) => a - b), width * height])
  .map((ends) => ({ width, height, counts: ends.slice(1).map((end, i) => end - ends[i]!) }))
const keypoint = fc.record({ x: quarter(width), y: quarter(height), visibility: fc.constantFrom(0 as const, 1 as const, 2 as const) })
const turned = fc
  .tuple(fc.constantFrom(0, 90), box)
  .map(([turn, { x1, y1, x2, y2 }]) => (turn === 0 ? [x1, y1, x2, y1, x2, y2, x1, y2] : [x2, y1, x2, y2, x1, y2, x1, y1]))
const attributes = fc.dictionary(
  fc.constantFrom('colour', 'state of it', 'Größe'),
  fc.oneof(fc.constantFrom('red', 'a "b" <c> & d', 'x,y;z'), fc.integer(), fc.boolean()),
  { minKeys: 1 },
)

const classes = ['cat', 'dog & "co"', 'Gerät, groß', 'never'].map((name) => ({ name }))

const annotation: fc.Arbitrary<Annotation> = fc
  .record(
    {
      label: fc.integer({ min: 0, max: classes.length - 2 }),
      box,
      orientedBox: turned,
      polygons: fc.array(outline, { minLength: 1, maxLength: 2 }),
      mask,
      keypoints: fc.oneof(
        fc.array(keypoint, { minLength: 1, maxLength: 3 }),
        fc.array(
          keypoint.map((one) => ({ ...one, visibility: 2 as const })),
          { minLength: 1, maxLength: 3 },
        ),
      ),
      isCrowd: fc.constant(true),
      isDifficult: fc.constant(true),
      area: quarter(100),
      attributes,
    },
    { requiredKeys: ['label'] },
  )
  .filter((one) => one.box !== undefined || one.mask !== undefined || one.polygons !== undefined || one.orientedBox !== undefined)

const pictureParts = fc.record(
  {
    group: fc.constantFrom('line 1', 'line 2'),
    labels: fc.uniqueArray(fc.integer({ min: 0, max: classes.length - 2 }), { maxLength: 2 }),
    annotations: fc.array(annotation, { maxLength: 4 }),
    captions: fc.array(fc.constantFrom('a cat', 'two dogs, "asleep"\nin the sun', 'Ein Gerät'), { maxLength: 2 }),
  },
  { requiredKeys: ['labels', 'annotations', 'captions'] },
)

/** Pictures of every kind of content, in splits or in none. */
export function setOf(file: string): fc.Arbitrary<LabelledSet> {
  const splits = fc.constantFrom<(string | undefined)[]>([undefined], ['train', 'val'], ['train', 'val', 'test'])
  return fc.tuple(splits, fc.array(pictureParts, { minLength: 1, maxLength: 5 })).map(([names, parts]) => ({
    classes,
    pictures: parts.map((part, i) => {
      const split = names[i % names.length]
      const name = i % 2 === 0 ? `part ${i}.png` : `more/ü-${i}.png`
      return { name, file, width, height, ...(split === undefined ? {} : { split }), ...part }
    }),
  }))
}

/** The data set as it should come back. */
function fitted(set: LabelledSet, format: DatasetFormat, losses = new Losses()): LabelledSet {
  return {
    classes: fitClasses(set.classes, format, losses),
    pictures: set.pictures.map((picture) => fitPicture(picture, format, set.classes, losses)),
  }
}

/** Everything that the second has not got, or has otherwise. */
function missing(whole: unknown, part: unknown): boolean {
  if (Array.isArray(whole)) return !Array.isArray(part) || whole.length !== part.length || whole.some((one, i) => missing(one, part[i]))
  if (typeof whole === 'object' && whole !== null)
    return (
      typeof part !== 'object' ||
      part === null ||
      Object.entries(whole).some(([key, one]) => missing(one, (part as Record<string, unknown>)[key]))
    )
  return typeof whole === 'number' && typeof part === 'number' ? Math.abs(whole - part) > 1e-9 : String(whole) !== String(part)
}

export function datasetFormatCases(format: DatasetFormat): void {
  describe(`the format ${format.name}`, () => {
    let base = ''
    let image = ''
    let runs = 0
    const folder = () => join(base, String(runs++))
    beforeAll(async () => {
      base = await mkdtemp(join(tmpdir(), `fovea-${format.name}-`))
      image = join(base, 'picture.png')
      await writeFile(
        image,
        await sharp({ create: { width, height, channels: 3, background: '#456' } })
          .png()
          .toBuffer(),
      )
    })
    afterAll(() => rm(base, { recursive: true }))

    const read = (path: string) => readDataset(path, { format: format.name })

    test('what it can hold comes back as it was', async () => {
      await fc.assert(
        fc.asyncProperty(setOf(image), async (any) => {
          const set = fitted(any, format)
          const path = folder()
          const { losses, pictures } = await writeDataset(set, path, { format: format.name })
          expect(losses.filter(({ what }) => what !== 'class that no picture has')).toEqual([])
          expect(pictures).toBe(set.pictures.length)
          const back = await read(path)
          expect(canonical(back)).toEqual(canonical(withSizes(set, format)))
          if (format.holds.unusedClasses) expect(back.classes.map(({ id: _, ...one }) => one)).toEqual(set.classes)
        }),
        { numRuns: 12, seed: 1 },
      )
    })

    test('what it cannot hold is listed, and nothing else changes', async () => {
      await fc.assert(
        fc.asyncProperty(setOf(image), async (set) => {
          const path = folder()
          const { losses } = await writeDataset(set, path, { format: format.name })
          const expected = withSizes(fitted(set, format), format)
          expect(canonical(await read(path))).toEqual(canonical(expected))
          const lost = missing({ pictures: withSizes(set, format).pictures }, { pictures: expected.pictures })
          if (lost) expect(losses).not.toEqual([])
          for (const { what, count, example } of losses) expect([what, count, example].every(Boolean)).toBe(true)
        }),
        { numRuns: 12, seed: 2 },
      )
    })

    test('it is recognised', async () => {
      const [set] = fc.sample(setOf(image), { numRuns: 1, seed: 6 })
      const path = folder()
      await writeDataset(fullSet(set!), path, { format: format.name })
      const [first] = await detectFormat(path)
      expect(first).toMatchObject({ format: format.name })
      expect(first!.reason).not.toBe('')
    })

    test('an empty folder and a folder of other things are not of it, or hold nothing', async () => {
      const path = folder()
      await mkdir(path)
      await writeFile(join(path, 'notes.md'), 'nothing')
      expect((await detectFormat(path)).map((one) => one.format)).not.toContain(format.name)
    })

    test(
      'broken files give coded errors, or problems where these are asked for',
      async () => {
        const path = folder()
        await writeDataset(fullSet(fc.sample(setOf(image), { numRuns: 1, seed: 9 })[0]!), path, { format: format.name })
        const files = (await labelFiles(path)).slice(0, 8)
        const random = new Random(5, format.name)
        for (let i = 0; i < mutations && files.length > 0; i++) {
          const file = random.pick(files)
          const bytes = await readFile(file)
          await writeFile(file, mutate(bytes, random))
          await expectCoded(() => read(path))
          const problems: DatasetProblem[] = []
          await expectCoded(() => readDataset(path, { format: format.name, onProblem: (problem) => problems.push(problem) }))
          for (const { code, file: place, detail } of problems)
            expect([code, place, detail].every((text) => typeof text === 'string')).toBe(true)
          await writeFile(file, bytes)
        }
      },
      60_000 + 1000 * mutations,
    )

    test('a folder that is not empty is not written to', async () => {
      const path = folder()
      await mkdir(path)
      await writeFile(join(path, 'mine.txt'), '')
      await expect(writeDataset({ classes, pictures: [] }, path, { format: format.name })).rejects.toMatchObject({ code: 'DATASET_EXISTS' })
    })

    test('no picture is written outside of the folder', async () => {
      const picture = { name: '../out.png', file: image, width, height, labels: [0], annotations: [], captions: [] }
      await expect(writeDataset({ classes, pictures: [picture] }, folder(), { format: format.name })).rejects.toMatchObject({
        code: 'DATASET_PATH',
      })
      expect(await readdir(base)).not.toContain('out.png')
    })
  })

  async function expectCoded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!isFoveaError(error)) throw error
      expect(error).toBeInstanceOf(FoveaError)
    }
  }
}

/** Formats that state no sizes take those of the pictures, where they need them. */
function withSizes({ classes: kept, pictures }: LabelledSet, format: DatasetFormat): LabelledSet {
  if (format.holds.sizes || format.needsSize) return { classes: kept, pictures }
  return { classes: kept, pictures: pictures.map(({ width: _w, height: _h, ...rest }): LabelledPicture => rest) }
}

/** With one picture at least that has something of everything. */
export function fullSet({ classes: kept, pictures }: LabelledSet): LabelledSet {
  const full = { x1: 2, y1: 3, x2: 9, y2: 11 }
  const one: LabelledPicture = {
    ...pictures[0]!,
    name: 'full.png',
    labels: [1],
    captions: ['a dog'],
    annotations: [
      { label: 1, box: full, attributes: { colour: 'red' } },
      { label: 1, polygons: [[2, 3, 9, 3, 9, 11]] },
      { label: 1, orientedBox: [2, 3, 9, 3, 9, 11, 2, 11] },
      { label: 1, mask: { width, height, counts: [40, 6, width * height - 46] } },
      { label: 1, box: full, keypoints: [{ x: 3, y: 4, visibility: 2 }] },
    ],
  }
  return { classes: kept, pictures: [one, ...pictures] }
}

async function labelFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile() && (!imageExtensions.includes(extname(entry.name)) || /mask/i.test(relative(root, entry.parentPath))))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
