// One step of dataset-index.bench.ts: `node dataset-index-step.ts make|index|open|whole FOLDER IMAGES` prints a line of JSON.

import { closeSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { readDataset } from '../src/data/formats/dataset-files.ts'
import { indexDataset } from '../src/data/formats/index-dataset.ts'
import { openIndexedDataset } from '../src/data/formats/indexed-dataset.ts'
import { Random } from '../src/util/random.ts'

const [what = '', folder = '', count = ''] = process.argv.slice(2)
const images = Number(count)
const root = join(folder, 'set')
const labels = join(root, 'annotations', 'instances_train.json')
const index = join(folder, 'set.fovea-index')

const mebibytes = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10
const peak = () => mebibytes(process.resourceUsage().maxRSS * 1024)
const print = (report: Record<string, number>) => console.log(JSON.stringify(report))

/** In the order of COCO's own files: images, then annotations of any image, categories last. The pictures themselves are not there. */
function make(): void {
  mkdirSync(join(root, 'annotations'), { recursive: true })
  const file = openSync(labels, 'w')
  const random = new Random(1)
  const list = (length: number, entry: (i: number) => string) => {
    for (let i = 0; i < length; i += 10_000)
      writeSync(file, Array.from({ length: Math.min(10_000, length - i) }, (_, k) => `${i + k === 0 ? '' : ',\n'}${entry(i + k)}`).join(''))
  }
  writeSync(file, '{"info":{},"images":[')
  list(
    images,
    (i) =>
      `{"license":3,"file_name":"${String(i).padStart(12, '0')}.jpg","height":427,"width":640,"date_captured":"2013-11-14 17:02:52","id":${i}}`,
  )
  writeSync(file, '],"annotations":[')
  list(3 * images, (i) => {
    const [x, y, w, h] = [600, 400, 40, 27].map((end) => random.uniform(0, end).toFixed(2))
    return `{"segmentation":[],"area":${random.uniform(1, 900).toFixed(3)},"iscrowd":0,"image_id":${random.integer(0, images)},"bbox":[${x},${y},${w},${h}],"category_id":${random.integer(1, 81)},"id":${i}}`
  })
  writeSync(file, '],"categories":[')
  list(80, (i) => `{"supercategory":"thing","id":${i + 1},"name":"class ${i}"}`)
  writeSync(file, ']}')
  closeSync(file)
  print({ megabytes: Math.round(statSync(labels).size / 1e6) })
}

async function makeIndex(): Promise<void> {
  const begin = performance.now()
  const { pictures } = await indexDataset(root, { onProblem: () => {} })
  if (pictures !== images) throw new Error(`${pictures} pictures`)
  const { user, system } = process.cpuUsage()
  const cpuSeconds = Math.round((user + system) / 1e5) / 10
  print({ seconds: (performance.now() - begin) / 1000, cpuSeconds, peak: peak(), megabytes: Math.round(statSync(index).size / 1e6) })
}

async function openIndex(): Promise<void> {
  const memory = () => {
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    return { heapUsed, external }
  }
  const before = memory()
  const begin = performance.now()
  const dataset = await openIndexedDataset(index)
  const milliseconds = performance.now() - begin
  const after = memory()
  const random = new Random(2)
  const reads = Math.min(images, 20_000)
  let boxes = 0
  const start = performance.now()
  for (let i = 0; i < reads; i++) boxes += dataset.at(random.integer(0, images)).annotations.length
  const middle = performance.now()
  for await (const { annotations } of dataset.pictures) boxes += annotations.length
  const end = performance.now()
  const chosen = dataset.indices({ class: 3, split: 'train' })
  const last = performance.now()
  if (boxes < 3 * images || chosen.length === 0) throw new Error(`${boxes} boxes, ${chosen.length} pictures of a class`)
  print({
    milliseconds,
    heap: mebibytes(after.heapUsed - before.heapUsed),
    outside: mebibytes(after.external - before.external),
    random: (1000 * (middle - start)) / reads,
    inOrder: (1000 * (end - middle)) / images,
    indices: last - end,
    peak: peak(),
  })
}

async function readWhole(): Promise<void> {
  const begin = performance.now()
  const { pictures } = await readDataset(root, { onProblem: () => {} })
  const seconds = (performance.now() - begin) / 1000
  globalThis.gc?.()
  print({ seconds, heap: mebibytes(process.memoryUsage().heapUsed), peak: peak() })
  if (pictures.length !== images) throw new Error(`${pictures.length} pictures`)
}

const steps: Readonly<Record<string, () => void | Promise<void>>> = { make, index: makeIndex, open: openIndex, whole: readWhole }
await steps[what]!()
