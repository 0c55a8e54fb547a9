// From a table of labels, several a picture, to a model that names them all.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { encodePng } from '../../src/data/encode.ts'
import { Random } from '../../src/util/random.ts'
import { createImage } from '../../src/vision/image.ts'
import { fovea, temporaryFolder } from './cli.ts'

const folder = await temporaryFolder('multilabel')
const data = join(folder, 'data')
const model = join(folder, 'run', 'model.onnx')
const classes = ['blue', 'green', 'red']

beforeAll(async () => {
  await mkdir(join(data, 'images'), { recursive: true })
  const lines = ['image,red,green,blue']
  for (let i = 0; i < 60; i++) {
    const random = new Random(i, 'multilabel')
    const present = [0, 1, 2].filter(() => random.chance(0.5))
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.integer(100, 140))
    for (const label of present) {
      const [x, y] = [random.integer(0, 22), random.integer(0, 22)]
      for (let dy = 0; dy < 10; dy++)
        for (let dx = 0; dx < 10; dx++) for (let c = 0; c < 3; c++) pixels[3 * ((y + dy) * 32 + x + dx) + c] = c === label ? 240 : 20
    }
    await writeFile(join(data, 'images', `${i}.png`), await encodePng(createImage(32, 32, 3, pixels)))
    lines.push(`images/${i}.png,${[0, 1, 2].map((label) => (present.includes(label) ? 1 : 0)).join(',')}`)
  }
  await writeFile(join(data, 'labels.csv'), `${lines.join('\n')}\n`)
})

test('train, evaluate, thresholds of a sweep, predict', async () => {
  const flags =
    '--task multilabel --model small-cnn --from-scratch --imgsz 32 --batch 8 --epochs 14 --lr 0.003 --augment none --threads 2 --json'
  const trained = await fovea(['train', data, ...flags.split(' '), '--out', join(folder, 'run')])
  expect(trained.code, trained.stderr).toBe(0)
  const { heads } = JSON.parse(trained.stdout)
  expect(heads.multilabel.task).toBe('multilabel')
  expect(heads.multilabel.averagePrecision).toBeGreaterThan(0.8)

  const target = join(folder, 'tuned.onnx')
  const evaluated = await fovea(['evaluate', model, data, '--sweep', 'f1', '--write-thresholds', target, '--bootstrap', '0', '--json'])
  expect(evaluated.code, evaluated.stderr).toBe(0)
  const { split, task, sweep, figures } = JSON.parse(evaluated.stdout)
  expect([split, task]).toEqual(['held out at training', 'multilabel'])
  expect(Object.keys(figures)).toEqual(expect.arrayContaining(['averagePrecision', 'f1', 'microF1', 'exactMatch']))
  const again = JSON.parse((await fovea(['evaluate', target, data, '--bootstrap', '0', '--json'])).stdout)
  for (const [i, one] of sweep.perClass.entries()) expect(again.perClass[i].f1).toBeCloseTo(one.f1, 5)

  const drawn = join(folder, 'drawn')
  const predicted = await fovea(['predict', target, join(data, 'images', '0.png'), '--draw', drawn, '--json'])
  expect(predicted.code, predicted.stderr).toBe(0)
  const answer = JSON.parse(predicted.stdout)
  expect(answer).toMatchObject({ task: 'multilabel', probabilities: [expect.any(Number), expect.any(Number), expect.any(Number)] })
  for (const { label } of answer.present) expect(classes).toContain(label)
  const all = await fovea(['predict', target, join(data, 'images', '0.png'), '--confidence', '0'])
  expect(all.stdout).toMatch(/(\w+ [\d.]+ %, ){2}\w+ [\d.]+ %/)
  expect((await fovea(['evaluate', model, data, '--calibrate'])).stderr).toContain('EVALUATE_TASK')
})
