import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HubServer } from '../../test/hub-server.ts'
import { encodeModel } from '../graph/codec/encode.ts'
import { Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { buildNetwork } from '../nn/architectures.ts'
import { createImage } from '../vision/image.ts'
import { buildClassifier } from './build-classifier.ts'
import { locateModel, openSource } from './open-source.ts'
import { encodeSafetensors } from './safetensors/codec.ts'
import { writeSafetensors } from './safetensors/file.ts'
import { resolveSource, shippedModel } from './source.ts'
import { DeepSeekVision } from './vision-model.ts'

let folder = ''
const at = (...names: string[]) => join(folder, ...names)
/** Weights of small-cnn with five classes, as another tool would have written them. */
const weights = new Map<string, Tensor>()
/** The same of a network whose head is another one. */
const config = {
  architecture: 'small-cnn',
  num_classes: 5,
  label_names: ['a', 'b', 'c', 'd', 'e'],
  pretrained_cfg: { input_size: [3, 48, 64], license: 'mit' },
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-source-'))
  const { model, parameters } = buildNetwork('small-cnn', { classes: 5, seed: 3 })
  for (const name of parameters.keys()) weights.set(name, model.graph.initializers.get(name)!)
  await writeSafetensors(at('lone.safetensors'), weights)
  await writeFile(at('model.onnx'), encodeModel(buildClassifier('small-cnn', { labels: ['x', 'y'] })))
  await mkdir(at('timm'))
  await writeSafetensors(at('timm', 'model.safetensors'), weights)
  await writeFile(at('timm', 'config.json'), JSON.stringify(config))
})
afterAll(() => rm(folder, { recursive: true }))

describe('what a user names', () => {
  it('is a name of the table before it is a file', async () => {
    expect(await resolveSource('resnet18')).toEqual({ kind: 'registry', name: 'resnet18', file: undefined })
    expect(await resolveSource(at('model.onnx'))).toEqual({ kind: 'onnx', file: at('model.onnx') })
    expect(await resolveSource(at('lone.safetensors'))).toEqual({ kind: 'safetensors', file: at('lone.safetensors') })
    expect(await resolveSource(at('timm'))).toEqual({ kind: 'folder', folder: at('timm') })
    expect(await resolveSource('hf:o/m@v1')).toEqual({ kind: 'hub', reference: { owner: 'o', name: 'm', revision: 'v1' } })
  })

  it('is a shipped model where its file is there, and only under names of the table', async () => {
    await copyFile(at('model.onnx'), at('resnet18.onnx'))
    expect(await shippedModel('resnet18', folder)).toBe(at('resnet18.onnx'))
    expect(await shippedModel('resnet34', folder)).toBeUndefined()
    expect(await shippedModel('model', folder)).toBeUndefined()
    expect(await shippedModel('../x', folder)).toBeUndefined()
  })

  it('without shipped weights says how to get some', async () => {
    await expect(locateModel('resnet18')).rejects.toThrow(
      /"resnet18".*fovea train PHOTOS --model resnet18.*hf:owner\/name.*\[MODEL_NO_WEIGHTS\]/,
    )
  })

  it('that is nowhere says what may be written, and how the hub is asked', async () => {
    await expect(openSource(at('none.onnx'))).rejects.toThrow(/hf:owner\/name, or one of small-cnn.*no such file.*\[MODEL_NOT_FOUND\]/)
    await expect(openSource('timm/resnet18.a1_in1k')).rejects.toThrow(/write hf:timm\/resnet18\.a1_in1k\. \[MODEL_NOT_FOUND\]/)
    await mkdir(at('empty'))
    await expect(openSource(at('empty'))).rejects.toThrow(/model\.safetensors\.index\.json, found a folder without.*\[MODEL_NOT_FOUND\]/)
  })
})

describe('weights in a file', () => {
  it('become a model whose network was told from them, and the guesses are told', async () => {
    const { model, metadata, notes } = await openSource(at('lone.safetensors'))
    expect(metadata).toMatchObject({
      task: 'classify',
      labels: ['0', '1', '2', '3', '4'],
      architecture: { name: 'small-cnn' },
      preprocessing: { size: [64, 64], resize: 'crop', cropFraction: 0.875, scale: 'imagenet' },
    })
    expect(notes).toEqual([
      'The architecture was told from the tensors: small-cnn.',
      expect.stringMatching(/preprocessing is not stated/),
      'The classes are not named: they are numbered 0 to 4.',
    ])
    for (const [name, tensor] of weights) expect(model.graph.initializers.get(name)!.data, name).toEqual(tensor.data)
  })

  it('are prepared, named and licensed as the config beside them says', async () => {
    const { metadata, notes } = await openSource(at('timm'))
    expect(metadata).toMatchObject({
      labels: config.label_names,
      name: 'small-cnn',
      licence: 'mit',
      preprocessing: { size: [48, 64], interpolation: 'bicubic' },
    })
    expect(notes).toEqual([])
  })

  it('take what is given over what the config states, and say what that replaced', async () => {
    const { metadata, notes } = await openSource(at('timm'), { input: 'symmetric', imageSize: [32, 32] })
    expect(metadata.preprocessing).toMatchObject({ size: [32, 32], scale: 'custom', mean: [0.5, 0.5, 0.5], interpolation: 'bicubic' })
    expect(notes).toEqual([
      expect.stringMatching(/^What was given of the input replaces what config\.json states: scale "imagenet" by "custom"/),
    ])
    const sized = await openSource(at('timm'), { input: { size: [32, 40], scale: 'unit' } })
    expect(sized.metadata.preprocessing).toMatchObject({ size: [32, 40], scale: 'unit' })
    expect(sized.metadata.preprocessing.mean).toBeUndefined()
  })

  it('answer as a model that was built with them', async () => {
    const picture = createImage(64, 48, 3)
    picture.data.forEach((_, i) => {
      picture.data[i] = (i * 31) % 251
    })
    const loaded = await DeepSeekVision.load(at('timm'), { worker: false })
    const labels = config.label_names
    const built = buildClassifier('small-cnn', { labels, imageSize: [48, 64], seed: 3 })
    const expected = await DeepSeekVision.of(built, { ...loaded.metadata }, { worker: false })
    expect(await loaded.predict(picture)).toEqual(await expected.predict(picture))
    await loaded.close()
    await expected.close()
  })

  it('in half precision, in parts and behind a prefix are the same weights', async () => {
    await mkdir(at('parts'))
    const half = new Map(
      [...weights].map(([name, tensor]) => [`module.${name}`, tensorOfNumbers('float16', tensor.dims, numbersOf(tensor))]),
    )
    const names = [...half.keys()]
    const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    const place = new Map(names.map((name, i) => [name, files[i % 2]!]))
    for (const file of files) await writeSafetensors(at('parts', file), new Map([...half].filter(([name]) => place.get(name) === file)))
    await writeFile(at('parts', 'model.safetensors.index.json'), JSON.stringify({ weight_map: Object.fromEntries(place) }))
    const { model } = await openSource(at('parts'))
    for (const [name, tensor] of half)
      expect([...numbersOf(model.graph.initializers.get(name.slice('module.'.length))!)]).toEqual([...numbersOf(tensor)])
  })

  it('without a last layer become a model of features', async () => {
    await mkdir(at('body'))
    const head = [...buildNetwork('small-cnn').parameters].filter(([, { stage }]) => stage === 'logits').map(([name]) => name)
    expect(head.length).toBeGreaterThan(0)
    await writeSafetensors(at('body', 'model.safetensors'), new Map([...weights].filter(([name]) => !head.includes(name))))
    const { metadata, notes } = await openSource(at('body'))
    expect(metadata).toMatchObject({ task: 'features', labels: [] })
    expect(notes).toContain('The file holds no last layer: the model gives features.')
  })

  it('take an architecture, a size and labels by hand', async () => {
    const labels = ['p', 'q', 'r', 's', 't']
    const { metadata } = await openSource(at('lone.safetensors'), { architecture: 'small-cnn', imageSize: [32, 40], labels, input: 'unit' })
    expect(metadata).toMatchObject({ labels, preprocessing: { size: [32, 40], scale: 'unit' } })
  })

  it('of a vision transformer are opened for pictures that are not square', async () => {
    const architectureOptions = { widths: [8], depths: [2], heads: 2, patch: 8 }
    const { model, parameters } = buildNetwork('vit-tiny', { ...architectureOptions, inputSize: 48, classes: 3, seed: 4 })
    const tensors = new Map([...parameters.keys()].map((name) => [name, model.graph.initializers.get(name)!]))
    await writeSafetensors(at('vit.safetensors'), tensors)
    const positionsOf = async (imageSize: readonly [number, number]) => {
      const opened = await openSource(at('vit.safetensors'), { architecture: 'vit-tiny', architectureOptions, imageSize })
      return {
        positions: opened.model.graph.initializers.get('pos_embed')!,
        notes: opened.notes.filter((note) => note.startsWith('Position')),
      }
    }
    const wide = await positionsOf([24, 48])
    expect(wide.positions.dims).toEqual([1, 1 + 3 * 6, 8])
    expect(wide.notes).toEqual(['Position embeddings were resampled from 6x6 to 3x6 patches.'])
    // As many patches as in the square, elsewhere.
    const same = await positionsOf([32, 72])
    expect(same.positions.dims).toEqual([1, 1 + 4 * 9, 8])
    expect(same.notes).toEqual(['Position embeddings were resampled from 6x6 to 4x9 patches.'])
    expect((await positionsOf([48, 48])).positions.data).toEqual(tensors.get('pos_embed')!.data)

    // What was trained on another shape says so in its config, and is taken at its word.
    const native = buildNetwork('vit-tiny', { ...architectureOptions, inputSize: [32, 72], classes: 3, seed: 4 })
    const trained = new Map([...native.parameters.keys()].map((name) => [name, native.model.graph.initializers.get(name)!]))
    await writeSafetensors(at('vit.safetensors'), trained)
    await writeFile(at('vit.json'), JSON.stringify({ architecture: 'vit_tiny_patch16_224', num_classes: 3, input_size: [3, 32, 72] }))
    expect(await positionsOf([32, 72])).toMatchObject({ positions: { data: trained.get('pos_embed')!.data }, notes: [] })
    expect((await positionsOf([48, 48])).notes).toEqual(['Position embeddings were resampled from 4x9 to 6x6 patches.'])
  })

  it('of a backbone fill that of the architecture that is named, and the rest is fresh and told', async () => {
    const options = { widths: [4, 4, 8, 8], neckChannels: 16 }
    const { model: timm, parameters } = buildNetwork('resnet18', { widths: options.widths, classes: 7, seed: 9 })
    await writeSafetensors(at('r.safetensors'), new Map([...parameters.keys()].map((name) => [name, timm.graph.initializers.get(name)!])))
    const opened = await openSource(at('r.safetensors'), { architecture: 'deepseek-vision-base', architectureOptions: options })
    const { initializers } = opened.model.graph
    expect(initializers.get('backbone.conv1.weight')!.data).toEqual(timm.graph.initializers.get('conv1.weight')!.data)
    const neck = [...initializers].find(([name]) => /^neck.*conv.*weight$/.test(name))![1]
    expect(new Set(neck.data as Float32Array).size).toBeGreaterThan(1)
    expect(opened.metadata).toMatchObject({ task: 'features', architecture: { name: 'deepseek-vision-base' } })
    expect(opened.notes).toContainEqual(expect.stringMatching(/backbone alone; the rest .* wants training: neck \(\d+\), embed \(\d+\)\./))
  })

  it('become a model of features where that is asked', async () => {
    const { metadata, notes } = await openSource(at('timm'), { task: 'features' })
    expect(metadata).toMatchObject({ task: 'features', labels: [] })
    expect(notes).toEqual([])
  })

  it('beside a config with labels of another number are refused, naming the config', async () => {
    for (const [key, labels] of [
      ['label_names', ['one', 'two']],
      ['id2label', { 0: 'one', 1: 'two' }],
    ] as const) {
      await mkdir(at(key), { recursive: true })
      await copyFile(at('timm', 'model.safetensors'), at(key, 'model.safetensors'))
      const { label_names: _, num_classes: __, ...rest } = config as Record<string, unknown>
      await writeFile(at(key, 'config.json'), JSON.stringify({ ...rest, [key]: labels }))
      await expect(openSource(at(key))).rejects.toThrow(
        new RegExp(`5 labels, one for each class, found 2 \\(file ".*config\\.json", field "${key}"\\).*\\[MODEL_LABELS\\]`),
      )
    }
  })

  it('beside a config that cannot be read are refused', async () => {
    await mkdir(at('odd', 'config.json'), { recursive: true })
    await copyFile(at('lone.safetensors'), at('odd', 'model.safetensors'))
    await expect(openSource(at('odd'))).rejects.toThrow(/found a folder.*config\.json.*\[WEIGHTS_CONFIG\]/)
  })

  it.each([
    ['lone.safetensors', { architecture: 'swin_tiny' }, /found swin_tiny.*\[WEIGHTS_ARCHITECTURE\]/],
    ['lone.safetensors', { architecture: 'resnet18' }, /does not hold weights of this architecture.*\[WEIGHTS_MISMATCH\]/s],
    ['lone.safetensors', { labels: ['one'] }, /5 labels, one for each class, found 1 \(field "labels"\).*\[MODEL_LABELS\]/],
  ])('%s with %j is refused', async (file, options, message) => {
    await expect(openSource(at(file), options)).rejects.toThrow(message)
  })

  it('of a network that is none of ours are refused, with what comes nearest', async () => {
    await writeSafetensors(at('strange.safetensors'), new Map([['encoder.w', Tensor.float32([1], [1])]]))
    await expect(openSource(at('strange.safetensors'))).rejects.toThrow(/by 80 % at least, found .* 0 %.*\[WEIGHTS_ARCHITECTURE\]/)
  })
})

describe('a model of the hub', () => {
  it('is loaded by its name, and trained on from there', async () => {
    const hub = await HubServer.start()
    try {
      const file = Buffer.concat(encodeSafetensors(weights))
      hub.repositories.set('me/parts', {
        files: { 'model.safetensors': file, 'config.json': JSON.stringify(config) },
        large: ['model.safetensors'],
      })
      const options = { endpoint: hub.address, cache: at('cache'), offline: false }
      await using model = await DeepSeekVision.load('hf:me/parts', { worker: false, hub: options })
      expect(model.metadata).toMatchObject({ labels: config.label_names, licence: 'mit' })
      expect(await openSource('hf:me/parts', { hub: { ...options, offline: true } })).toMatchObject({ notes: [] })
    } finally {
      await hub.close()
    }
  })
})
