import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeModel } from '../graph/codec/encode.ts'
import { createImage } from '../vision/image.ts'
import { buildClassifier } from './build-classifier.ts'
import { buildFeatures } from './build-features.ts'
import { readMetadata } from './metadata.ts'
import { openSource, type SourceOptions } from './open-source.ts'
import { DeepSeekVision } from './vision-model.ts'

let folder = ''
const at = (name: string) => join(folder, name)
const files = { features: 'features.onnx', classifier: 'classifier.onnx' } as const

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-options-'))
  await writeFile(at(files.features), encodeModel(buildFeatures('small-cnn', { imageSize: [64, 64] })))
  await writeFile(at(files.classifier), encodeModel(buildClassifier('small-cnn', { labels: ['x', 'y'], imageSize: [64, 64] })))
})
afterAll(() => rm(folder, { recursive: true }))

describe('a model of ours', () => {
  it('of any size sees pictures at the one that is asked for, by either option', async () => {
    for (const options of [{ imageSize: [96, 32] }, { input: { size: [96, 32] } }] satisfies SourceOptions[]) {
      await using model = await DeepSeekVision.load(at(files.features), { ...options, worker: false })
      expect(model.metadata.preprocessing.size).toEqual([96, 32])
      expect(readMetadata(model.model).preprocessing.size).toEqual([96, 32])
      expect(model.notes).toEqual([])
      const { shape } = await model.extractFeatures(createImage(50, 40, 3), { layer: 'pixels' })
      expect(shape).toEqual([1, 3, 96, 32])
    }
  })

  it('resizes as is given, and a note says what that replaced', async () => {
    const { metadata, notes } = await openSource(at(files.features), { input: { resize: 'letterbox', padValue: 114, scale: 'imagenet' } })
    expect(metadata.preprocessing).toMatchObject({ resize: 'letterbox', size: [64, 64] })
    expect(notes).toEqual(['What was given of the input replaces what the model states: resize "squash" by "letterbox".'])
  })

  it('takes as many class names in the place of its own, and says so', async () => {
    const { metadata, model, notes } = await openSource(at(files.classifier), { labels: ['good', 'bad'], task: 'classify' })
    expect([metadata.labels, readMetadata(model).labels]).toEqual([
      ['good', 'bad'],
      ['good', 'bad'],
    ])
    expect(notes).toEqual(['The class names that were given replace those of the model: x, y.'])
    expect((await openSource(at(files.classifier), { labels: ['x', 'y'], imageSize: [64, 64] })).notes).toEqual([])
  })

  it('whose graph is the architecture says that none is needed', async () => {
    for (const options of [{ architecture: 'resnet18' }, { architectureOptions: { stem: 'small' } }])
      expect((await openSource(at(files.features), options)).notes).toEqual([expect.stringMatching(/not needed and was ignored/)])
  })

  it.each<[keyof typeof files, SourceOptions, RegExp]>([
    [
      'features',
      { input: 'unit' },
      /"imagenet", as the graph of the model scales its pixels itself, found "unit".*input\.scale.*\[PREPROCESSING_INVALID\]/,
    ],
    ['features', { input: { color: 'bgr' } }, /input\.color.*\[PREPROCESSING_INVALID\]/],
    ['features', { input: 'symmetric' }, /\[PREPROCESSING_INVALID\]/],
    [
      'features',
      { imageSize: [64, 32], input: { size: [32, 64] } },
      /the size 64x32, which imageSize names, found 32x64.*\[PREPROCESSING_INVALID\]/,
    ],
    ['features', { imageSize: [0, 64] }, /1 to 65536 pixels.*\[MODEL_OPTION\]/],
    ['features', { input: { sise: [64, 64] } as never }, /the fields size, .*, found "sise".*\[PREPROCESSING_INVALID\]/],
    ['features', { input: { layout: 'nchw' } }, /nhwc.*found nchw.*\[PREPROCESSING_INVALID\]/],
    ['features', { labels: ['a'] }, /found features.*fovea train.*\[MODEL_NO_HEAD\]/],
    ['features', { task: 'classify' }, /found features.*\[MODEL_NO_HEAD\]/],
    ['classifier', { imageSize: [32, 32] }, /64x64, which the model is fixed to, found 32x32.*\[PREPROCESSING_INVALID\]/],
    ['classifier', { labels: ['a'] }, /expected 2 labels, .*found 1 .*\[MODEL_LABELS\]/],
    ['classifier', { task: 'features' }, /"classify", as the file states.*extractFeatures\(\).*\[MODEL_OPTION\]/],
  ])('%s with %j is refused', async (file, options, message) => {
    await expect(openSource(at(files[file]), options)).rejects.toThrow(message)
  })
})
