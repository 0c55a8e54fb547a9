import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { writeDataset } from '../packages/fovea/src/data/formats/dataset-files.ts'
import { writeSurfaces } from '../packages/fovea/src/data/synthetic/surfaces.ts'

const folder = mkdtempSync(join(tmpdir(), 'fovea-examples-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('train-and-predict.ts', async () => {
  const photos = join(folder, 'photos')
  await writeSurfaces(photos, { perClass: 10, size: 32, seed: 3, classes: ['good', 'stain'] })
  const args = [join(import.meta.dirname, 'train-and-predict.ts'), photos, join(photos, 'good/good_0001.png'), join(folder, 'out'), '1']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
  expect(stderr).toBe('')
  expect(stdout).toMatch(/accuracy: [\d.]+/)
  expect(stdout).toMatch(/label: '(good|stain)',\s+probability: 0\.\d+/)
  expect(stdout).toMatch(/features: \d{3,}/)
})

test('the program in the README is this one', () => {
  const read = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8')
  const shown = /```ts\n([\s\S]*?)```/.exec(read('../README.md'))![1]!
  const lines = shown.split('\n').filter((line) => line.trim() !== '')
  expect(lines.length).toBeGreaterThan(6)
  const program = read('train-and-predict.ts').split('\n')
  // The README writes the arguments out.
  const written = {
    'fromFolder(photos)': "fromFolder('photos/')",
    'predict(photo)': "predict('photo.jpg')",
    'extractFeatures(photo,': "extractFeatures('photo.jpg',",
    'epochs: Number(epochs), out': "epochs: 10, out: 'runs/example'",
  }
  const filled = program.map((line) => Object.entries(written).reduce((text, [name, value]) => text.replace(name, value), line))
  for (const line of lines) expect(filled).toContain(line)
})

test('the programs in docs/loader.md run as they stand', async () => {
  const photos = join(folder, 'loaded')
  await writeSurfaces(photos, { perClass: 10, size: 48, seed: 3, classes: ['good', 'stain'] })
  const pictures = [1, 2, 3].map((i) => ({
    name: `${i}.png`,
    file: join(photos, `good/good_000${i}.png`),
    width: 48,
    height: 48,
    labels: [],
    annotations: [{ label: 0, box: { x1: 3, y1: 6, x2: 15, y2: 12 * i } }],
    captions: [],
  }))
  await writeDataset({ classes: [{ name: 'cell' }], pictures }, join(folder, 'cells'), { format: 'coco' })
  const text = readFileSync(join(import.meta.dirname, '../docs/loader.md'), 'utf8')
  const programs = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program]) =>
    program!.replace("'photos'", JSON.stringify(photos)).replace("'cells'", JSON.stringify(join(folder, 'cells'))),
  )
  const outputs = await Promise.all(
    programs.map(async (program) => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', program], {
        cwd: join(import.meta.dirname, '..'),
      })
      expect(stderr).toBe('')
      return stdout
    }),
  )
  expect(outputs.map((output) => output.match(/^\[/gm)?.length)).toEqual([3, 2])
  expect(outputs[0]).toContain('[ 4, 224, 224, 3 ] 602112 4')
  expect(outputs[1]).toContain('[ 2, 256, 256, 3 ]')
  expect(outputs[1]).toMatch(/\[ 0, \{ x1: 16, y1: 32, x2: 80, y2: 64 \} \]/)
})
