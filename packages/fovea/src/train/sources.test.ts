// What a training and a pretraining begin from: names, weights, folders, models of the hub.

import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HubServer } from '../../test/hub-server.ts'
import type { ImageDataset } from '../data/dataset.ts'
import { generateSurfaces } from '../data/synthetic/surfaces.ts'
import { encodeModel } from '../graph/codec/encode.ts'
import type { Model } from '../graph/model.ts'
import { buildClassifier } from '../model/build-classifier.ts'
import { buildFeatures } from '../model/build-features.ts'
import { readMetadata } from '../model/metadata.ts'
import { encodeSafetensors } from '../model/safetensors/codec.ts'
import { writeSafetensors } from '../model/safetensors/file.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { buildNetwork } from '../nn/architectures.ts'
import type { TrainOptions } from './options.ts'
import { prepare } from './prepare.ts'
import { type PretrainOptions, resolvePretraining } from './pretrain/options.ts'
import { firstModel } from './pretrain/pretrainer.ts'

let folder = ''
const at = (...names: string[]) => join(folder, ...names)
const classes = ['good', 'pit'] as const
const pictures: ImageDataset = {
  classes,
  samples: [...generateSurfaces({ perClass: 4, size: 32, seed: 1, classes })].map(({ image, surfaceClass, name }) => ({
    path: name,
    label: classes.indexOf(surfaceClass as 'good' | 'pit'),
    image,
  })),
}
/** Stands for a file that is shipped; its weights are those of another seed than a fresh network has. */
const shipped = buildFeatures('small-cnn', { seed: 77, imageSize: [64, 64] })
/** Weights as another tool would have written them, of another seed too. */
const { model: others, parameters } = buildNetwork('small-cnn', { classes: 3, seed: 78 })
const tensors = new Map([...parameters.keys()].map((name) => [name, others.graph.initializers.get(name)!]))
const config = { architecture: 'small-cnn', num_classes: 3, label_names: ['a', 'b', 'c'], pretrained_cfg: { input_size: [3, 64, 64] } }
let hub: HubServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-begin-'))
  await mkdir(at('shipped'))
  await writeFile(at('shipped', 'small-cnn.onnx'), encodeModel(shipped))
  await copyFile(at('shipped', 'small-cnn.onnx'), at('features.onnx'))
  await mkdir(at('timm'))
  await writeSafetensors(at('timm', 'model.safetensors'), tensors)
  await writeFile(at('timm', 'config.json'), JSON.stringify(config))
  hub = await HubServer.start()
  hub.repositories.set('me/small', {
    files: { 'model.safetensors': Buffer.concat(encodeSafetensors(tensors)), 'config.json': JSON.stringify(config) },
    large: ['model.safetensors'],
  })
})
afterAll(async () => {
  await hub.close()
  await rm(folder, { recursive: true })
})

function begin(more: Partial<TrainOptions>) {
  return prepare({ train: pictures, out: at('out'), threads: 1, layout: 'standard', shipped: at('shipped'), imageSize: 32, ...more })
}
const weightOf = (model: Model, name: string) => [...(model.graph.initializers.get(name)!.data as Float32Array)].slice(0, 50)
/** The first convolution. */
const conv = [...parameters.keys()][0]!

describe('a training of a name with shipped weights', () => {
  it('begins from those and says so, with the way to fresh ones', async () => {
    const { model, notes, recipe } = await begin({ model: 'small-cnn' })
    expect(weightOf(model, conv)).toEqual(weightOf(shipped, conv))
    expect(notes).toEqual([expect.stringMatching(/weights that are shipped for small-cnn; --from-scratch/)])
    expect(recipe).toMatchObject({ pretrained: true, model: 'small-cnn', imageSize: [32, 32] })
    expect(readMetadata(model)).toMatchObject({ task: 'classify', labels: classes, version: '1.0.0' })
  })

  it('draws fresh ones where that is asked, with the learning rate for those', async () => {
    const fresh = await begin({ model: 'small-cnn', pretrained: false })
    expect(weightOf(fresh.model, conv)).toEqual(weightOf(buildNetwork('small-cnn').model, conv))
    expect(fresh.notes).toEqual([])
    expect(fresh.recipe.pretrained).toBe(false)
    const tuned = await begin({ model: 'small-cnn', pretrained: true })
    expect(tuned.notes).toEqual([])
    expect(tuned.recipe.learningRate).toBe(fresh.recipe.learningRate / 2)
  })

  it('has a name that loads, without a network', async () => {
    await using model = await DeepSeekVision.load('small-cnn', { shipped: at('shipped'), worker: false })
    expect(model.metadata).toMatchObject({ task: 'features', architecture: { name: 'small-cnn' } })
    expect(weightOf(model.model, conv)).toEqual(weightOf(shipped, conv))
  })
})

describe('a training of a name without shipped weights', () => {
  it('draws fresh ones and has nothing to say, unless pretrained ones are asked for', async () => {
    const { notes, recipe } = await begin({ model: 'small-cnn', shipped: at('none') })
    expect({ notes, pretrained: recipe.pretrained }).toEqual({ notes: [], pretrained: false })
    await expect(begin({ model: 'resnet18', pretrained: true })).rejects.toThrow(/"resnet18".*\[MODEL_NO_WEIGHTS\]/)
  })
})

describe('a training of weights', () => {
  it('in a folder as timm lays it out begins from those, with a new head', async () => {
    const { model, notes, recipe } = await begin({ model: at('timm') })
    expect(weightOf(model, conv)).toEqual(weightOf(others, conv))
    expect(readMetadata(model).labels).toEqual(classes)
    expect(notes).toEqual([])
    expect(recipe).toMatchObject({ pretrained: true, imageSize: [32, 32] })
  })

  it('of the hub begins from those', async () => {
    const options = { endpoint: hub.address, cache: at('cache'), offline: false }
    const { model } = await begin({ model: 'hf:me/small', hub: options })
    expect(weightOf(model, conv)).toEqual(weightOf(others, conv))
  })

  it('cannot be from scratch, has the architecture that is named, and a graph needs none', async () => {
    await expect(begin({ model: at('timm'), pretrained: false })).rejects.toThrow(/name of an architecture.*"pretrained".*\[TRAIN_OPTION\]/)
    await expect(begin({ model: at('timm'), architecture: 'swin' })).rejects.toThrow(/found swin.*\[WEIGHTS_ARCHITECTURE\]/)
    const { notes } = await begin({ model: at('features.onnx'), architecture: 'resnet18' })
    expect(notes).toEqual([expect.stringMatching(/architecture that was named is not needed and was ignored/)])
  })
})

describe('a pretraining', () => {
  const first = (model: string, more: Partial<PretrainOptions> = {}) => {
    const options = { model, out: at('pretrained'), imageSize: 32, scenes: 100, ...more }
    return firstModel(resolvePretraining(options), options)
  }

  it('of a name draws fresh weights', async () => {
    const model = await first('small-cnn', { seed: 5 })
    expect(weightOf(model, conv)).toEqual(weightOf(buildFeatures('small-cnn', { seed: 5 }), conv))
  })

  it('of weights, in a folder or on the hub, goes on from those without their head', async () => {
    const options = { endpoint: hub.address, cache: at('cache'), offline: false }
    for (const model of [await first(at('timm')), await first('hf:me/small', { hub: options })]) {
      expect(weightOf(model, conv)).toEqual(weightOf(others, conv))
      expect(readMetadata(model)).toMatchObject({ task: 'features', labels: [], preprocessing: { size: [32, 32] } })
    }
  })

  it('of a model of features goes on from it; of a classifier or of nothing says what may be written', async () => {
    expect(weightOf(await first(at('features.onnx')), conv)).toEqual(weightOf(shipped, conv))
    await writeFile(at('classifier.onnx'), encodeModel(buildClassifier('small-cnn', { labels: ['x', 'y'] })))
    await expect(first(at('classifier.onnx'))).rejects.toThrow(/model of features.*\[TRAIN_OPTION\]/)
    await expect(first(at('none.onnx'))).rejects.toThrow(/hf:owner\/name.*\[MODEL_NOT_FOUND\]/)
  })
})
