import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadImage } from '../../src/data/decode.ts'
import { encodePng } from '../../src/data/encode.ts'
import { writeDataset } from '../../src/data/formats/dataset-files.ts'
import { ffmpeg } from '../../src/data/video/tools.ts'
import { numbersOf } from '../../src/graph/tensor-values.ts'
import type { DetectHead } from '../../src/model/heads/head.ts'
import { openSource } from '../../src/model/open-source.ts'
import { filledImage } from '../../src/vision/image.ts'
import { drawnSquares, squareClasses, squareSide } from '../drawn-squares.ts'
import { describeWithFfmpeg } from '../ffmpeg.ts'
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

  it('is given thresholds by a sweep, of suppression too, and answers by them', async () => {
    const swept = join(folder, 'swept.onnx')
    const flags = ['--sweep', '--nms', '0.3,0.6', '--write-thresholds', swept, '--bootstrap', '0', '--json']
    const { code, stdout, stderr } = await fovea(['evaluate', model, data, ...flags])
    expect(code, stderr).toBe(0)
    const { nms } = JSON.parse(stdout).sweep
    expect([0.3, 0.6]).toContain(nms.iou)
    const { metadata, model: graph } = await openSource(swept)
    const [head] = metadata.heads as [DetectHead]
    const stored = (name: string) => [...numbersOf(graph.graph.initializers.get(name)!)]
    expect(metadata.thresholds!.nmsIoU).toBe(nms.iou)
    expect(stored(head.thresholds.iou)[0]).toBeCloseTo(nms.iou, 6)
    for (const [i, threshold] of metadata.thresholds!.perClass!.entries())
      if (threshold !== null) expect(stored(head.thresholds.confidence)[i]).toBeCloseTo(threshold, 6)
    const refused = await fovea(['evaluate', model, data, '--nms', '0.3'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("'--nms' needs '--sweep'")])
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

  it('is trained beside a classifier that other pictures teach', async () => {
    const states = join(folder, 'states')
    for (const [name, light] of [
      ['dim', 60],
      ['lit', 190],
    ] as const) {
      await mkdir(join(states, name), { recursive: true })
      for (let i = 0; i < 10; i++) {
        const level = light + 3 * i
        await writeFile(join(states, name, `${i}.png`), await encodePng(filledImage(squareSide, squareSide, [level, level, level])))
      }
    }
    const both = join(folder, 'both')
    const flags =
      '--task multi --model deepseek-vision-tiny --imgsz 64 --batch 8 --epochs 6 --lr 0.003 --augment none --threads 2 --loss-weights uncertainty --json'
    const { code, stdout, stderr } = await fovea(['train', data, states, ...flags.split(' '), '--out', both])
    expect(code, stderr).toBe(0)
    const { heads, history, recipe } = JSON.parse(stdout)
    expect(Object.keys(heads)).toEqual(['detect', 'classify'])
    expect([heads.detect.labels, heads.classify.labels]).toEqual([squareClasses, ['dim', 'lit']])
    expect([heads.detect.samples, heads.classify.samples, recipe.lossWeights]).toEqual([6, 4, 'uncertainty'])
    // What is learnt at once counts more and more.
    expect(history.at(-1).terms.classify_weight).toBeGreaterThan(history.at(-1).terms.detect_weight)
    const answer = await fovea(['predict', join(both, 'model.onnx'), join(states, 'lit', '9.png'), '--json'])
    expect(JSON.parse(answer.stdout).heads.classify.task).toBe('classify')
    const measured = await fovea(['evaluate', join(both, 'model.onnx'), states, '--bootstrap', '0', '--json'])
    expect(measured.code, measured.stderr).toBe(0)
    expect(JSON.parse(measured.stdout).heads.classify.figures.accuracy).toBeGreaterThan(0.5)
    expect(measured.stderr).toMatch(/detect \(detect\) is not measured/)
    const mirrored = await fovea([
      'evaluate',
      join(both, 'model.onnx'),
      states,
      '--bootstrap',
      '0',
      '--head',
      'classify',
      '--flip',
      '--json',
    ])
    expect(mirrored.code, mirrored.stderr).toBe(0)
    expect(JSON.parse(mirrored.stdout).figures.accuracy).toBeGreaterThan(0.5)
    const all = await fovea(['evaluate', join(both, 'model.onnx'), states, '--bootstrap', '0', '--tile', '48', '--json'])
    expect([all.code, all.stderr]).toEqual([0, expect.stringMatching(/classify \(classify\) is measured without --tile/)])
    const one = await fovea(['evaluate', join(both, 'model.onnx'), states, '--sweep'])
    expect([one.code, one.stderr]).toEqual([1, expect.stringMatching(/one head, named with --head.*--sweep/s)])
  })

  it('writes detections as other tools do', async () => {
    const few = ['--confidence', `${squareClasses[0]}=0.1`, '--limit', '2']
    const lines = await Promise.all(
      ['coco', 'roboflow', 'transformers', 'ultralytics'].map(async (format) => {
        const { code, stdout, stderr } = await fovea(['predict', model, picture, '--format', format, ...few])
        expect(code, stderr).toBe(0)
        return JSON.parse(stdout)
      }),
    )
    const [coco, roboflow, transformers, ultralytics] = lines
    expect(coco.length).toBeLessThanOrEqual(2)
    expect(roboflow.image).toEqual({ width: squareSide, height: squareSide })
    expect([roboflow.predictions.length, transformers.length, ultralytics.length]).toEqual([coco.length, coco.length, coco.length])
    for (const [i, { bbox, score }] of coco.entries()) {
      expect([transformers[i].score, ultralytics[i].confidence]).toEqual([score, score])
      expect(ultralytics[i].box.x1).toBe(bbox[0])
    }
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
    [['predict', model, picture, '--track'], 'are for frames'],
    [['predict', model, picture, '--frames', '4'], 'are for frames'],
    [['predict', model, picture, '--top-k', '3'], 'a model that classifies'],
    [['predict', model, picture, '--confidence', 'zebra=0.4'], 'found zebra'],
    [['predict', model, 'testpattern://?frames=2', '--format', 'coco', '--line', '1,2,3,4'], 'no place for lines'],
    [['predict', model, picture, '--draw', 'out.mp4'], 'takes a folder for pictures'],
    [['predict', model, 'a.mp4', '--draw', './a.mp4'], 'would write over the source'],
    [['predict', model, 'a.mp4', '--line', '1,2,3'], 'four numbers'],
    [['predict', model, 'testpattern://?frames=2', '--track', '--line', '5,5,5,5'], 'TRACKING_INVALID'],
  ])('a mistake of tracking is told: %j', async (args, words) => {
    const { code, stderr } = await fovea(args, { cwd: folder })
    expect(stderr).toContain(words)
    expect(code).toBe(1)
  })

  it.each([
    [['predict', model, picture, '--labels', 'nowhere.txt'], '', 'There is no such file'],
    [['train', data, data], '', 'several data sets need --task multi'],
    [['train', data, '--dice', '1'], 'TRAIN_OPTION', 'a --task that has it'],
    [['train', data, '--task', 'detect', '--boundary', '1'], 'TRAIN_OPTION', 'a head that segments'],
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

describeWithFfmpeg('a detector on a video', () => {
  it('follows what it finds through a video, counts, and draws a video of it', async () => {
    const video = join(folder, 'still.mp4')
    const image = await loadImage(picture)
    await ffmpeg.writeVideo(Array(12).fill(image), video, { fps: 10, quality: 1 })
    const drawn = join(folder, 'tracked.mp4')
    const zone = `0,0,${squareSide},0,${squareSide},${squareSide},0,${squareSide}`
    const tracked = ['--track', '--confidence', '0.05', '--zone', zone, '--line', `0,1,${squareSide},1`, '--anchor', 'center']
    const { code, stdout, stderr } = await fovea(['predict', model, video, ...tracked, '--draw', drawn, '--json'])
    expect(code, stderr).toBe(0)
    const frames = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
    expect(frames.length).toBe(12)
    // Nothing moves: who has a number in the first frame keeps it.
    const ids = frames.map(({ detections }) =>
      detections.map(({ attributes }: { attributes: { trackId: number } }) => attributes.trackId).sort(),
    )
    expect(ids[0].length).toBeGreaterThan(0)
    expect(ids[11]).toEqual(expect.arrayContaining([ids[0][0]]))
    expect(frames[11].zones).toMatchObject([{ count: ids[11].length }])
    expect(frames[11].zones[0].dwell[0].seconds).toBeCloseTo(1.1, 2)
    expect(frames[11].lines).toMatchObject([{ in: 0, out: 0 }])
    const info = await ffmpeg.probe(drawn)
    expect(info.duration).toBeCloseTo(1.2, 1)
    const folderOfFrames = join(folder, 'frames')
    const some = await fovea(['predict', model, video, '--track', '--frames', '2', '--draw', folderOfFrames])
    expect(some.code, some.stderr).toBe(0)
    expect(await readdir(folderOfFrames)).toEqual(['00000000.png', '00000001.png'])
  })
})
