import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeModel } from '../graph/codec/encode.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { createImage } from '../vision/image.ts'
import { buildClassifier } from './build-classifier.ts'
import { drawPrediction } from './draw.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from './metadata.ts'
import { DeepSeekVision, type Picture } from './vision-model.ts'

const options = { worker: false, threads: 1 } as const
const classifier = buildClassifier('resnet-tiny', { labels: ['a', 'b', 'c'], imageSize: [32, 32], options: { widths: [4, 4, 8, 8] } })
const image = createImage(32, 32, 3)
let model: DeepSeekVision

beforeAll(async () => {
  model = await DeepSeekVision.of(classifier, readMetadata(classifier), options)
})
afterAll(() => model.close())

describe('an option that is none', () => {
  it.each([0, -1, 1.5, Number.NaN])('topK %d and batchSize %d are refused', async (count) => {
    await expect(model.predict(image, { topK: count })).rejects.toThrow(
      /a whole number of at least 1, found .*field "topK".*\[MODEL_OPTION\]/,
    )
    await expect(model.extractFeatures(image, { layer: 'embedding', batchSize: count })).rejects.toThrow(
      /field "batchSize".*\[MODEL_OPTION\]/,
    )
  })

  it('takes a topK of more classes than there are', async () => {
    expect((await model.predict(image, { topK: 9 })).top).toHaveLength(3)
  })

  it.each([[undefined], [{}], [{ layer: 3 }], [{ layer: [] }], [{ layer: ['stem', 3] }], [{ layer: null }]])(
    'the layer in %j is refused',
    async (wrong) => {
      await expect(model.extractFeatures(image, wrong as unknown as { layer: string })).rejects.toThrow(
        /the name of a stage or value, or a list of them.*\[MODEL_LAYER\]/,
      )
    },
  )

  it('is refused before a model is looked for', async () => {
    for (const threads of [-1, 1.5])
      await expect(DeepSeekVision.load('no-such.onnx', { threads })).rejects.toThrow(/field "threads".*\[RUNTIME_OPTION\]/)
    await expect(DeepSeekVision.load('no-such.onnx', { device: 'gpu' })).rejects.toMatchObject({ code: 'RUNTIME_UNKNOWN_DEVICE' })
    for (const [field, value] of [
      ['imageSize', 64],
      ['imageSize', [64]],
      ['task', 'sing'],
      ['architecture', 5],
      ['architectureOptions', 'x'],
    ] as const)
      await expect(DeepSeekVision.load('no-such.onnx', { [field]: value })).rejects.toThrow(
        new RegExp(`field "${field}".*\\[MODEL_OPTION\\]`),
      )
    for (const source of [undefined, null, 5, {}])
      await expect(DeepSeekVision.load(source as unknown as string)).rejects.toThrow(/a name, a path, or hf:owner.*\[MODEL_OPTION\]/)
  })
})

describe('explain', () => {
  it('names the labels where a class is none of them', async () => {
    await expect(model.explain(image, 'zebra')).rejects.toThrow(
      'The model has no class of this name: expected one of a, b, c, found zebra (field "label"). Take one of its labels',
    )
    expect((await model.explain(image, 'c')).label).toBe('c')
  })
})

describe('a model whose weights are no numbers', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('has no answer, of weights %d', async (value) => {
    const weights = [...classifier.graph.initializers].map(([name, tensor]) => {
      const { dims, dtype } = tensor
      const spoilt = dtype === 'float32' && dims.length === 2 ? Tensor.float32(dims, new Float32Array(tensor.size).fill(value)) : tensor
      return [name, spoilt] as const
    })
    const broken: Model = { ...classifier, graph: { ...classifier.graph, initializers: new Map(weights) } }
    await using opened = await DeepSeekVision.of(broken, readMetadata(broken), options)
    const refusal = /scores that are not finite numbers: found NaN for "a" \(field "probabilities"\).*\[MODEL_SCORES\]/
    await expect(opened.predict(image)).rejects.toThrow(refusal)
    await expect(opened.explain(image)).rejects.toThrow(refusal)
  })
})

describe('metadata that contradict the graph', () => {
  const metadata = readMetadata(classifier)
  const opened = (changes: Partial<ModelMetadata>) => DeepSeekVision.of(classifier, { ...metadata, ...changes }, options)

  it('are refused when the model is opened', async () => {
    const contract = metadata.preprocessing
    await expect(opened({ labels: ['a'] })).rejects.toThrow(/3 labels, one for each class, found 1 .*"fovea\.labels".*\[MODEL_LABELS\]/)
    await expect(opened({ preprocessing: { ...contract, color: 'gray' } })).rejects.toThrow(
      /the order of 3 channels, which the graph takes, found gray, which has 1 .*"fovea\.preprocessing\.color".*\[MODEL_METADATA\]/,
    )
    await expect(opened({ preprocessing: { ...contract, size: [64, 32] } })).rejects.toThrow(
      /\[32, 32\], which the graph takes, found \[64, 32\] .*"fovea\.preprocessing\.size".*\[MODEL_METADATA\]/,
    )
  })

  it('name the file that they are in; stages of values that are gone are left out and told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fovea-model-'))
    try {
      const file = join(folder, 'model.onnx')
      const write = (changes: Partial<ModelMetadata>) =>
        writeFile(file, encodeModel(writeMetadata(classifier, { ...metadata, ...changes })))
      await write({ preprocessing: { ...metadata.preprocessing, color: 'gray' } })
      await expect(DeepSeekVision.load(file, options)).rejects.toThrow(/model\.onnx.*\[MODEL_METADATA\]/)
      await write({ stages: { ...metadata.stages, p3: 'nope' } })
      await using loaded = await DeepSeekVision.load(file, options)
      expect(loaded.notes).toEqual(['Its stages name values that the graph does not have; they are left out: p3 (nope).'])
      expect(loaded.metadata.stages).toEqual(metadata.stages)
      expect(readMetadata(loaded.model).stages).toEqual(metadata.stages)
      await expect(loaded.extractFeatures(image, { layer: 'p3' })).rejects.toThrow(/one of the stages (?!.*p3,).*found "p3"/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('say what is wrong with a stage that is asked for', async () => {
    await using stale = await opened({ stages: { p3: 'nope' } })
    await expect(stale.extractFeatures(image, { layer: 'p3' })).rejects.toThrow(
      /found the stage "p3" for a value "nope" that the graph does not have \(field "fovea\.stages\.p3"\).*\[MODEL_LAYER\]/,
    )
    await expect(stale.extractFeatures(image, { layer: 'p4' })).rejects.toThrow(/expected a value of the graph, found "p4"/)
  })
})

describe('a picture from memory that is not well formed', () => {
  it.each([
    [{ width: 0, height: 0, channels: 3, data: new Uint8Array(0) }, 'IMAGE_INVALID'],
    [{ width: 10, height: 10, channels: 3, data: new Uint8Array(5) }, 'IMAGE_INVALID'],
    [{ width: 10, height: 10, channels: 5, data: new Uint8Array(500) }, 'IMAGE_INVALID'],
    [{ width: 32, height: 32, channels: 3, data: new Uint8Array(5000) }, 'IMAGE_INVALID'],
    [null, 'DATA_UNREADABLE_IMAGE'],
    [undefined, 'DATA_UNREADABLE_IMAGE'],
    [{ width: 2, height: 2 }, 'DATA_UNREADABLE_IMAGE'],
  ])('%o is refused with a code wherever pictures are taken', async (wrong, code) => {
    const picture = wrong as unknown as Picture
    const refusal = { code }
    await expect(model.predict(picture)).rejects.toMatchObject(refusal)
    await expect(model.predict([image, picture])).rejects.toMatchObject(refusal)
    await expect(model.explain(picture)).rejects.toMatchObject(refusal)
    await expect(model.extractFeatures(picture, { layer: 'embedding' })).rejects.toMatchObject(refusal)
  })

  it('is refused by what draws', async () => {
    const result = await model.predict(image)
    const wrong = { ...image, data: new Uint8Array(5) }
    await expect(drawPrediction(wrong, result)).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
    const explanation = await model.explain(image)
    await expect(drawPrediction(wrong, result, { explanation })).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
  })
})
