// What the command line says to those who mistype, repeat a command, or interrupt it.

import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { listImages } from '../../src/data/image-folder.ts'
import { readNpz } from '../../src/data/numpy-file.ts'
import { writeSurfaces } from '../../src/data/synthetic/surfaces.ts'
import { filesIn, fovea, temporaryFolder } from './cli.ts'

let work = ''
let data = ''
let out = ''
const small = ['--model', 'small-cnn', '--imgsz', '32', '--epochs', '2', '--batch', '8', '--lr', '0.01', '--patience', '1']

beforeAll(async () => {
  work = await temporaryFolder('command line')
  data = join(work, 'my pictures')
  out = join(work, 'a run')
  await mkdir(data)
  await writeSurfaces(data, { perClass: 10, size: 32, seed: 3, classes: ['good', 'pit'] })
  expect((await fovea(['train', data, ...small, '--out', out])).code).toBe(0)
})

/** A refusal is a sentence on stderr and a code: no stack, nothing on stdout. */
async function refused(args: readonly string[], said: RegExp): Promise<void> {
  const { code, stdout, stderr } = await fovea(args)
  expect(stderr).toMatch(said)
  expect(stderr).not.toMatch(/^ +at /m)
  expect(stdout).toBe('')
  expect(code).toBe(1)
}

describe('options that cannot be', () => {
  test.each([
    ['--optimizer', 'foo', /Allowed choices are adamw/],
    ['--schedule', 'foo', /Allowed choices/],
    ['--loss', 'foo', /Allowed choices/],
    ['--balance', 'foo', /Allowed choices/],
    ['--augment', 'foo', /Allowed choices/],
    ['--on-error', 'foo', /Allowed choices/],
    ['--epochs', 'abc', /must be a number/],
    ['--epochs', '0', /TRAIN_OPTION/],
    ['--lr', '-1', /TRAIN_OPTION/],
    ['--val-fraction', '-1', /below 1/],
    ['--class-from-name', '(', /Invalid regular expression/],
    ['--device', 'gpu', /RUNTIME_UNKNOWN_DEVICE/],
  ])('train %s %s', async (option, value, said) => {
    const fresh = join(work, `refused ${option}`)
    await refused(['train', data, ...small, '--out', fresh, option, value], said)
    // No empty folder is left behind.
    await expect(filesIn(fresh)).rejects.toThrow(/ENOENT/)
  })

  test('evaluate, predict, road', async () => {
    const model = join(out, 'model.onnx')
    await refused(['evaluate', model, data, '--class-from-name', '('], /Invalid regular expression/)
    await refused(['evaluate', model, data, '--split', 'test'], /DATA_NO_IMAGES/)
    await refused(['predict', model, data, '--top-k', '0'], /whole number/)
    await refused(['predict', model, data, '--explain'], /--draw/)
    await refused(['road', '--epochs', 'x'], /must be a number/)
  })
})

describe('models and pictures that cannot be', () => {
  test('a folder with pictures to validate on but none to train on', async () => {
    const folder = join(work, 'only val')
    await cp(data, join(folder, 'val'), { recursive: true })
    await refused(['train', folder, ...small, '--out', join(work, 'x')], /DATA_NO_IMAGES.*|a train folder/)
  })

  test('other classes than the model has are not taken for its own because they are as many', async () => {
    const folder = join(work, 'other')
    await cp(join(data, 'good'), join(folder, 'cats'), { recursive: true })
    await cp(join(data, 'pit'), join(folder, 'dogs'), { recursive: true })
    await refused(['evaluate', join(out, 'model.onnx'), folder], /EVALUATE_CLASSES/)
  })

  test('no model, a folder, no model at all inside', async () => {
    const broken = join(work, 'broken.onnx')
    await writeFile(broken, 'not a model')
    for (const command of ['inspect', 'predict', 'evaluate'])
      for (const [file, said] of [
        [join(work, 'none.onnx'), /MODEL_NOT_FOUND/],
        [work, /MODEL_NOT_FOUND/],
        [broken, /ONNX_MALFORMED/],
      ] as const)
        await refused([command, file, ...(command === 'inspect' ? [] : [data])], said)
  })

  test('an unreadable picture: evaluation leaves it out and knows the others that were held out', async () => {
    const folder = join(work, 'with empty file')
    await cp(data, folder, { recursive: true })
    await writeFile((await listImages(folder))[0]!, '')
    const { code, stdout } = await fovea(['evaluate', join(out, 'model.onnx'), folder, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ split: 'held out at training' })
  })
})

describe('a folder that holds a training', () => {
  test('is refused, unless resumed or overwritten', async () => {
    const before = await readFile(join(out, 'model.onnx'))
    await refused(['train', data, ...small, '--out', out], /TRAIN_EXISTS/)
    expect((await readFile(join(out, 'model.onnx'))).equals(before)).toBe(true)
    await refused(['train', data, ...small, '--out', out, '--resume', '--overwrite'], /cannot be used with/)
    const copy = join(work, 'overwritten')
    await cp(out, copy, { recursive: true })
    expect((await fovea(['train', data, ...small, '--seed', '5', '--out', copy, '--overwrite'])).code).toBe(0)
    expect((await readFile(join(copy, 'model.onnx'))).equals(before)).toBe(false)
  })

  test('resumed at its end it reports the best model, not the last weights', async () => {
    const first = await fovea(['train', data, ...small, '--epochs', '6', '--out', join(work, 'ended'), '--json'])
    const again = await fovea(['train', data, ...small, '--epochs', '6', '--out', join(work, 'ended'), '--json', '--resume'])
    expect(again.code).toBe(0)
    const { accuracy, bestEpoch, history, stoppedEarly } = JSON.parse(first.stdout) as Record<string, unknown>
    // Bad learning rates make the last epoch differ from the best, and patience stops the training; neither changes.
    expect(JSON.parse(again.stdout)).toMatchObject({ accuracy, bestEpoch, history, stoppedEarly })
    expect(await readFile(join(work, 'ended', 'report.txt'), 'utf8')).toContain(`accuracy ${(100 * (accuracy as number)).toFixed(2)}`)
  })

  test('--resume without a checkpoint says that it begins', async () => {
    const result = await fovea(['train', data, ...small, '--epochs', '1', '--resume', '--out', join(work, 'begun')])
    expect(result.code).toBe(0)
    expect(result.stderr).toMatch(/no checkpoint/)
  })
})

test('drawings never replace the pictures that were asked about, nor each other', async () => {
  const folder = join(work, 'drawn')
  await cp(join(data, 'good'), folder, { recursive: true })
  const pictures = await listImages(folder)
  const before = await Promise.all(pictures.map((file) => readFile(file)))
  const { code, stdout } = await fovea(['predict', join(out, 'model.onnx'), folder, '--draw', folder, '--json'])
  expect(code).toBe(0)
  const drawn = stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { drawn: string }).drawn)
  expect(new Set([...drawn, ...pictures]).size).toBe(2 * pictures.length)
  for (const [i, file] of pictures.entries()) expect((await readFile(file)).equals(before[i]!)).toBe(true)
  await rm(folder, { recursive: true })
})

describe('features', () => {
  test('are printed, saved, drawn and mapped; an unreadable picture is told and left out', async () => {
    const folder = join(work, 'looked into')
    await cp(data, folder, { recursive: true })
    await writeFile(join(folder, 'good', 'broken.png'), 'no picture')
    const model = join(out, 'model.onnx')
    const [saved, map, drawings] = [join(work, 'features.npz'), join(work, 'maps', 'map.png'), join(work, 'heat')]
    const picked = ['--layer', 'conv2,embedding', '--layer', 'conv3']
    const run = await fovea(['features', model, folder, ...picked, '--save', saved, '--map', map, '--method', 'pca', '--json'])
    expect(run.stderr).toMatch(/broken\.png.*DATA_UNSUPPORTED_FORMAT/)
    expect(run.code).toBe(1)
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines).toHaveLength(60)
    expect(lines[0]).toMatchObject({ layer: 'conv2', stride: 4, mean: expect.any(Number), norm: expect.any(Number) })
    expect(lines[0]!.values).toBeUndefined()
    const arrays = await readNpz(saved)
    expect(Object.keys(arrays)).toEqual(['conv2', 'embedding', 'conv3', 'files'])
    expect(arrays.files!.strings).toEqual(lines.filter(({ layer }) => layer === 'conv3').map(({ file }) => file))
    expect(arrays.conv3!.shape.slice(1)).toEqual(lines[2]!.shape)
    expect((await readFile(map)).subarray(1, 4).toString()).toBe('PNG')

    const [picture] = await listImages(join(folder, 'pit'))
    const one = await fovea([
      'features',
      model,
      picture!,
      '--layer',
      'conv2',
      '--draw',
      drawings,
      '--json',
      '--values',
      '--save',
      join(work, 'one.npy'),
    ])
    expect(one.code).toBe(0)
    const { values, drawn, shape } = JSON.parse(one.stdout) as { values: number[]; drawn: string; shape: number[] }
    expect(values).toHaveLength(shape.reduce((a, b) => a * b, 1))
    expect(await filesIn(drawings)).toEqual([drawn])
    expect(drawn.endsWith('.conv2.png')).toBe(true)
    // Another layer goes beside it, and what has no places is told.
    const more = await fovea(['features', model, picture!, '--layer', 'conv3,embedding', '--draw', drawings])
    expect(more.code).toBe(0)
    expect(more.stderr).toMatch(/embedding: one value a channel, nothing to draw/)
    expect(await filesIn(drawings)).toEqual([drawn, drawn.replace('conv2', 'conv3')])
  })

  test('are refused where there is no such layer, no map to draw, or no name to save under', async () => {
    const model = join(out, 'model.onnx')
    await refused(['features', model, data, '--layer', 'conv9'], /one of the stages.*spelt alike.*MODEL_LAYER/)
    await refused(['features', model, data, '--draw', join(work, 'none')], /DRAWING_INVALID/)
    await refused(['features', model, data, '--save', join(work, 'x.csv')], /\.npy or \.npz.*NUMPY_MALFORMED/)
    await refused(['features', model, data, '--map', join(work, 'x.txt')], /ends in \.png, found \.txt.*DRAWING_INVALID/)
    await refused(['features', model, data, '--imgsz', '7'], /which the model is fixed to, found 7x7.*PREPROCESSING_INVALID/)
    const empty = join(work, 'no pictures')
    await mkdir(empty)
    for (const command of ['features', 'predict'])
      await refused([command, model, empty], /Name pictures, or folders that hold some\. \[DATA_NO_IMAGES\]/)
    await refused(['features', model, data, '--layer', 'conv2,'], /names with commas/)
    await refused(['features', model, data, '--method', 'tsne'], /Allowed choices are umap, pca/)
  })

  test('stop at Ctrl-C, and leave no map behind', async () => {
    const broken = join(work, 'broken.png')
    await writeFile(broken, 'no picture')
    const map = join(work, 'stopped.png')
    // The broken picture is told at once, with hundreds still to come.
    const pictures = [broken, ...new Array<string>(20).fill(data)]
    let interrupted = false
    const { code, stderr } = await fovea(['features', join(out, 'model.onnx'), ...pictures, '--map', map, '--batch', '1'], {
      onStderr: (_, child) => {
        if (!interrupted) interrupted = child.kill('SIGINT')
      },
    })
    expect(stderr).toMatch(/CANCELLED/)
    expect(code).toBe(130)
    await expect(readFile(map)).rejects.toThrow(/ENOENT/)
  })
})
