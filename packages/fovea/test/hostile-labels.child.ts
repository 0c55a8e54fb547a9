// Reads hostile label files of every format, and prints what happened as JSON. Run by hostile-labels.test.ts.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, extname, join, sep } from 'node:path'
import sharp from 'sharp'
import { readDataset, writeDataset } from '../src/data/formats/dataset-files.ts'
import { problemCatalogue } from '../src/data/formats/problems.ts'
import { datasetFormats } from '../src/data/formats/table.ts'
import { isFoveaError } from '../src/util/errors.ts'
import { Random } from '../src/util/random.ts'
import type { Annotation } from '../src/vision/annotation.ts'
import type { LabelledSet } from '../src/vision/labelled-set.ts'
import { bombs, mutate } from './hostile-labels.ts'

const outcomes: Record<string, number> = {}
const failures: string[] = []
let count = 0
let slowest = { name: '', milliseconds: 0 }
const base = await mkdtemp(join(tmpdir(), 'fovea-hostile-labels-'))
const image = join(base, 'picture.png')
await sharp({ create: { width: 24, height: 16, channels: 3, background: '#456' } })
  .png()
  .toFile(image)

/** Reads a data set as commands do, and looks at what comes of it. */
async function attempt(root: string, format: string): Promise<string> {
  const codes = new Set<string>()
  try {
    const { pictures, classes } = await readDataset(root, {
      format,
      onProblem: ({ code, file, detail }) => {
        if (!Object.hasOwn(problemCatalogue, code) || typeof file !== 'string' || detail.length > 2000)
          throw new Error(`a problem ${code}: ${detail.slice(0, 200)}`)
        codes.add(code)
      },
    })
    for (const { file, annotations, labels } of pictures) {
      if (file !== undefined && !file.startsWith(root + sep)) throw new Error(`a picture outside: ${file}`)
      if (labels.some((label) => !(label in classes))) throw new Error(`a label without a class: ${labels}`)
      for (const annotation of annotations) checkAnnotation(annotation, classes.length)
    }
    if ('polluted' in {}) throw new Error('the prototype of all objects was changed')
    return codes.size === 0 ? 'sound' : [...codes][0]!
  } catch (error) {
    if (isFoveaError(error)) return error.code
    throw error
  }
}

function checkAnnotation({ label, box, polygons, orientedBox, keypoints }: Annotation, classes: number): void {
  if (!(Number.isInteger(label) && label >= -1 && label < classes)) throw new Error(`a label ${label} of ${classes}`)
  const numbers = [
    ...Object.values(box ?? {}),
    ...(orientedBox ?? []),
    ...(polygons ?? []).flat(),
    ...(keypoints ?? []).flatMap(({ x, y }) => [x, y]),
  ]
  const wrong = numbers.find((value) => typeof value !== 'number' || Number.isNaN(value))
  if (wrong !== undefined) throw new Error(`a position ${wrong}`)
}

async function run(name: string, root: string, format: string): Promise<void> {
  const start = process.cpuUsage()
  try {
    const outcome = await attempt(root, format)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.stack : error}`)
  }
  // Of the processor, since the machine may be busy otherwise.
  const { user, system } = process.cpuUsage(start)
  const milliseconds = Math.round((user + system) / 1000)
  if (milliseconds > slowest.milliseconds) slowest = { name, milliseconds }
  count++
}

/** A data set with everything in it. */
function soundSet(): LabelledSet {
  const box = { x1: 2, y1: 3, x2: 9, y2: 11 }
  const annotations: Annotation[] = [
    { label: 0, box, id: 3, isCrowd: true, attributes: { colour: 'red' } },
    { label: 1, polygons: [[2, 3, 9, 3, 9, 11]], isDifficult: true },
    { label: 1, orientedBox: [2, 3, 9, 3, 9, 11, 2, 11] },
    { label: 0, mask: { width: 24, height: 16, counts: [40, 6, 338] } },
    { label: 1, box, keypoints: [{ x: 3, y: 4, visibility: 2 }] },
  ]
  const picture = { file: image, width: 24, height: 16, group: 'g', labels: [1], captions: ['a dog'], annotations }
  return {
    classes: [{ name: 'cat' }, { name: 'big dog' }],
    pictures: [
      { ...picture, name: 'a.png', split: 'train' },
      { ...picture, name: 'more/b.png', split: 'val', labels: [0] },
    ],
  }
}

async function labelFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const labels = files.filter((file) => extname(file) !== '.png' || /mask|panoptic|ground_truth/.test(file.slice(root.length)))
  // Folders alone are labels too: their pictures are broken instead.
  return (labels.length > 0 ? labels : files).sort()
}

const [wanted = 1000, seed = 1] = process.argv.slice(2).map(Number)
for (const { name, format, files } of bombs()) {
  const root = join(base, `bomb-${count}`)
  for (const [path, content] of Object.entries({ ...files, 'a.png': '', 'images/a.png': '' })) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content === '' && path.endsWith('.png') ? await readFile(image) : content)
  }
  await run(`${format}: ${name}`, root, format)
  await rm(root, { recursive: true })
}
const random = new Random('hostile labels', seed)
const share = Math.ceil((wanted - count) / datasetFormats.length)
for (const { name } of datasetFormats) {
  const root = join(base, name)
  await writeDataset(soundSet(), root, { format: name })
  const files = await labelFiles(root)
  for (let i = 0; i < share; i++) {
    const file = random.pick(files)
    const bytes = await readFile(file)
    // Up to three changes, so that what the first lets through meets the next.
    let changed: Uint8Array = bytes
    for (let k = random.integer(1, 4); k > 0; k--) changed = mutate(changed, random)
    await writeFile(file, changed)
    await run(`${name}: change ${i} of seed ${seed}, ${file.slice(root.length + 1)}`, root, name)
    await writeFile(file, bytes)
  }
}
await rm(base, { recursive: true })
const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(JSON.stringify({ count, outcomes, failures: failures.slice(0, 5), slowest, peakMegabytes }))
