import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadImage } from '../../src/data/decode.ts'
import { encodePng } from '../../src/data/encode.ts'
import { writeDataset } from '../../src/data/formats/dataset-files.ts'
import { drawnSquares, squareClasses, squareSide } from '../drawn-squares.ts'
import { filesIn, fovea, temporaryFolder } from './cli.ts'

const folder = await temporaryFolder('tasks')
const [data, out, model] = [join(folder, 'data'), join(folder, 'run'), join(folder, 'run', 'model.onnx')]
const picture = join(folder, 'pictures', '0.png')

beforeAll(async () => {
  await mkdir(join(folder, 'pictures'))
  const pictures = await Promise.all(
    drawnSquares(30, 5).map(async ({ image, annotations, path }) => {
      const file = join(folder, 'pictures', `${path}.png`)
      await writeFile(file, await encodePng(image))
      const boxes = annotations.map(({ label, box }) => ({ label, box: box! }))
      return { name: `${path}.png`, file, width: squareSide, height: squareSide, labels: [], captions: [], annotations: boxes }
    }),
  )
  await writeDataset({ classes: squareClasses.map((name) => ({ name })), pictures }, data, { format: 'yolo' })
})

describe('a detector, from the command line', () => {
  it('is trained on a data set without splits, and leaves a model, a log, plots and a report', async () => {
    const flags = '--task detect --model deepseek-vision-tiny --imgsz 64 --batch 8 --epochs 16 --lr 0.003 --augment none --threads 2 --json'
    const { code, stdout, stderr } = await fovea(['train', data, ...flags.split(' '), '--out', out])
    expect(code, stderr).toBe(0)
    const result = JSON.parse(stdout)
    expect([result.model, result.epochs, result.heads.detect.task]).toEqual([model, 16, 'detect'])
    expect(await readdir(out)).toEqual(expect.arrayContaining(['model.onnx', 'log.jsonl', 'curves.png', 'loss.png', 'report.txt']))
    expect(stderr).toContain('24 pictures to train on, 6 held out')
    expect(result.history.at(-1).loss).toBeLessThan(0.6 * result.history[0].loss)
  })

  it('finds what it has learnt, in numbers and in a picture', async () => {
    const drawn = join(folder, 'drawn')
    const { code, stdout, stderr } = await fovea(['predict', model, picture, '--confidence', '0.05', '--draw', drawn, '--json'])
    expect(code, stderr).toBe(0)
    const { task, image, detections } = JSON.parse(stdout)
    expect([task, image]).toEqual(['detect', { width: squareSide, height: squareSide }])
    expect(detections.length).toBeGreaterThan(0)
    expect(squareClasses).toContain(detections[0].name)
    // Small pictures are enlarged, so that names can be read.
    expect((await loadImage(join(drawn, '0.png'))).width).toBeGreaterThan(400)
  })

  it('is measured on the pictures held out', async () => {
    const report = join(folder, 'report.html')
    const { code, stdout, stderr } = await fovea(['evaluate', model, data, '--bootstrap', '20', '--report', report, '--json'])
    expect(code, stderr).toBe(0)
    const { task, split, samples, figures } = JSON.parse(stdout)
    expect([task, split, samples]).toEqual(['detect', 'held out at training', 6])
    expect(figures.ap50).toBeGreaterThan(0.3)
    expect(await readdir(folder)).toContain('report.html')
  })

  it('is measured on a data set whose format is stated, and problems are told and left out', async () => {
    const damaged = join(folder, 'damaged')
    await cp(data, damaged, { recursive: true })
    const label = (await filesIn(damaged)).find((file) => /labels.*\.txt$/.test(file))!
    await writeFile(label, '0 0.5 0.5 nowhere 0.2\n')
    const flags = ['--format', 'yolo', '--bootstrap', '0', '--json']
    const { code, stdout, stderr } = await fovea(['evaluate', model, damaged, ...flags])
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout).split).toBe('held out at training')
    expect(stderr).toMatch(/has problems, and what they concern is left out \(1 malformed-/)
    const refused = await fovea(['evaluate', model, damaged, ...flags, '--class-from-name', '(.)'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/a folder of pictures, found yolo.*DATA_CLASS_RULE/s)])
  })

  it.each([
    [['train', data, '--task', 'segment'], 'TRAIN_OPTION', 'pictures that teach to segment'],
    [['train', data, '--task', 'detect', '--mixup', '0.2'], 'TRAIN_OPTION', 'no such option with --task detect'],
    [['train', data, '--task', 'detect', '--imgsz', '8'], 'TRAIN_OPTION', '32 to 4096'],
    [['train', data, '--task', 'detect', '--out', out], 'TRAIN_EXISTS', 'model.onnx'],
    [['predict', model, picture, '--confidence', '2'], 'MODEL_OPTION', '0 to 1'],
    [['predict', model, picture, '--draw', join(folder, 'x'), '--explain'], 'MODEL_TASK', 'a model that classifies'],
    [['evaluate', model, data, '--head', 'other'], 'MODEL_OPTION', 'one of detect'],
    [['evaluate', model, data, '--in-place'], 'EVALUATE_SWEEP', '--write-thresholds beside it'],
  ])('a first mistake is told: %j', async (args, error, words) => {
    const { code, stderr } = await fovea(args, { cwd: folder })
    expect(code).toBe(1)
    expect(stderr).toContain(error)
    expect(stderr).toContain(words)
  })
})
