import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadImage } from '../../src/data/decode.ts'
import { encodePng } from '../../src/data/encode.ts'
import { writeDataset } from '../../src/data/formats/dataset-files.ts'
import { generateSurfaces, type SurfaceClass } from '../../src/data/synthetic/surfaces.ts'
import { encodeMask } from '../../src/vision/run-lengths.ts'
import { fovea, temporaryFolder } from './cli.ts'

const folder = await temporaryFolder('anomaly')
const [data, out, model] = [join(folder, 'data'), join(folder, 'run'), join(folder, 'run', 'model.onnx')]
const classes = ['good', 'inclusion', 'stain'] as const
const side = 64
const [odd, sound] = ['inclusion_0001', 'good_0001'].map((name) => join(folder, 'drawn', 'test', `${name}.png`)) as [string, string]

async function draw(split: string, surfaceClass: SurfaceClass, perClass: number, seed: number) {
  const pictures = join(folder, 'drawn', split)
  await mkdir(pictures, { recursive: true })
  const drawn = [...generateSurfaces({ seed, perClass, size: side, classes: [surfaceClass] })]
  return Promise.all(
    drawn.map(async ({ image, mask, name }) => {
      const file = join(pictures, `${name}.png`)
      await writeFile(file, await encodePng(image))
      const label = classes.indexOf(surfaceClass as (typeof classes)[number])
      const annotations = label === 0 ? [] : [{ label, mask: encodeMask(mask.data, side, side) }]
      return { name: `${name}.png`, file, split, width: side, height: side, labels: [label], captions: [], annotations }
    }),
  )
}

let train: Awaited<ReturnType<typeof draw>>

beforeAll(async () => {
  train = await draw('train', 'good', 60, 1)
  const parts = [train, await draw('test', 'good', 12, 2), await draw('test', 'inclusion', 8, 2), await draw('test', 'stain', 8, 2)]
  await writeDataset({ classes: classes.map((name) => ({ name })), pictures: parts.flat() }, data, { format: 'anomaly-folder' })
})

describe('a detector of anomalies, from the command line', () => {
  it('is fitted to the good pictures alone, and measured on the others', async () => {
    const flags = '--task anomaly --candidates 6000 --false-alarm-rate 0.02 --threads 2 --json'
    const { code, stdout, stderr } = await fovea(['train', data, ...flags.split(' '), '--out', out])
    expect(code, stderr).toBe(0)
    const { model: file, task, figures, evaluation, recipe } = JSON.parse(stdout)
    expect([file, task, figures.samples, figures.patches]).toEqual([model, 'anomaly', 60, 600])
    expect([recipe.imageSize, recipe.falseAlarmRate]).toEqual([[128, 128], 0.02])
    expect(stderr).toContain('60 good pictures of "good" to learn from, 28 held out')
    expect(evaluation.figures.imageAuroc).toBeGreaterThan(0.9)
    expect(evaluation.figures.pixelAuroc).toBeGreaterThan(0.85)
    expect(await readdir(out)).toEqual(expect.arrayContaining(['model.onnx', 'report.txt']))
    const inspected = await fovea(['inspect', model])
    expect(inspected.stdout).toMatch(/task +anomaly, above a score of [\d.]+ \(2 % of good pictures, by 60 of them\)/)
  })

  it('tells good from odd, in numbers and as a heat map over the picture', async () => {
    const drawn = join(folder, 'heat')
    const { code, stdout, stderr } = await fovea(['predict', model, sound, odd, '--draw', drawn, '--json'])
    expect(code, stderr).toBe(0)
    const [first, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect([first.task, first.isAnomalous, second.isAnomalous]).toEqual(['anomaly', false, true])
    expect(second.score).toBeGreaterThan(second.threshold)
    expect(second.regions[0]).toMatchObject({ box: expect.any(Object), mask: { size: [side, side] } })
    // Drawn larger than the picture where something is marked, and warm where it is.
    const picture = await loadImage(second.drawn)
    expect(picture.width).toBeGreaterThanOrEqual(side)
    const { stdout: text } = await fovea(['predict', model, odd, '--threshold', '1000', '--pixel-threshold', '1000'])
    expect(text).toMatch(/good {2}[\d.]+ \(threshold 1\.00e\+3\)/)
  })

  it('is measured on data of its own, with figures of pictures and pixels', async () => {
    const report = join(folder, 'report.html')
    const { code, stdout, stderr } = await fovea(['evaluate', model, data, '--bootstrap', '20', '--report', report, '--json'])
    expect(code, stderr).toBe(0)
    const { task, split, samples, figures } = JSON.parse(stdout)
    expect([task, split, samples]).toEqual(['anomaly', 'test', 28])
    expect(figures.aupro).toBeGreaterThan(0.5)
    expect(await readdir(folder)).toContain('report.html')
  })

  it('takes any class as the good one, and a folder of nothing but good pictures', async () => {
    const plain = join(folder, 'drawn', 'train')
    const quick = ['--imgsz', '64', '--candidates', '600', '--model', 'deepseek-vision-tiny', '--threads', '2']
    const first = await fovea(['train', plain, '--task', 'anomaly', ...quick, '--out', join(folder, 'plain')])
    expect(first.code, first.stderr).toBe(0)
    expect(first.stdout).toContain('No odd pictures were held out')
    const second = await fovea(['predict', join(folder, 'plain', 'model.onnx'), sound])
    expect(second.stdout).toMatch(/(good|anomalous) {2}[\d.]+ \(threshold/)
  })

  it('says that several categories are learnt as one', async () => {
    const both = join(folder, 'both')
    const parts = ['nuts', 'bolts'].map((group) => train.map((picture) => ({ ...picture, group })))
    await writeDataset({ classes: classes.map((name) => ({ name })), pictures: parts.flat() }, both, { format: 'anomaly-folder' })
    const quick = ['--imgsz', '64', '--candidates', '600', '--model', 'deepseek-vision-tiny', '--threads', '2']
    const { code, stderr } = await fovea(['train', both, '--task', 'anomaly', ...quick, '--out', join(folder, 'both-model')])
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(
      `2 categories (bolts, nuts) are learnt as one. For a detector of each, give the folder of one: ${join(both, 'bolts')}`,
    )
  })

  it.each([
    [['train', data, '--task', 'anomaly', '--epochs', '3'], 'TRAIN_OPTION', 'no such option with --task anomaly'],
    [['train', data, '--coreset', '0.2'], 'TRAIN_OPTION', 'no such option with --task classify'],
    [['train', data, '--task', 'anomaly', '--good-class', 'fine'], 'TRAIN_OPTION', 'good, inclusion, stain'],
    [['train', data, '--task', 'anomaly', '--layers', 'conv9'], 'MODEL_LAYER', 'conv2'],
    [['train', data, '--task', 'anomaly', '--out', out], 'TRAIN_EXISTS', 'model.onnx'],
    [['predict', model, odd, '--confidence', '0.5'], 'MODEL_OPTION', 'a model that detects'],
  ])('a first mistake is told: %j', async (args, error, words) => {
    const { code, stderr } = await fovea(args, { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toContain(error)
    expect(stderr).toContain(words)
  })
})
