// Sources of models in the commands: weights in a folder as timm lays it out, a model of the hub, names.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listImages } from '../../src/data/image-folder.ts'
import { writeSurfaces } from '../../src/data/synthetic/surfaces.ts'
import { encodeSafetensors } from '../../src/model/safetensors/codec.ts'
import { buildNetwork } from '../../src/nn/architectures.ts'
import { HubServer } from '../hub-server.ts'
import { type CliResult, fovea, temporaryFolder } from './cli.ts'

let work = ''
let data = ''
let picture = ''
let hub: HubServer
let environment: Readonly<Record<string, string>>
const config = { architecture: 'small-cnn', num_classes: 2, label_names: ['good', 'pit'], pretrained_cfg: { input_size: [3, 32, 32] } }

beforeAll(async () => {
  work = await temporaryFolder('sources')
  data = join(work, 'data')
  await mkdir(data)
  await writeSurfaces(data, { perClass: 8, size: 32, seed: 3, classes: ['good', 'pit'] })
  picture = (await listImages(data))[0]!
  const { model, parameters } = buildNetwork('small-cnn', { classes: 2, seed: 4 })
  const weights = encodeSafetensors(new Map([...parameters.keys()].map((name) => [name, model.graph.initializers.get(name)!])))
  const files = { 'model.safetensors': Buffer.concat(weights), 'config.json': JSON.stringify(config) }
  await mkdir(join(work, 'timm'))
  for (const [name, content] of Object.entries(files)) await writeFile(join(work, 'timm', name), content)
  hub = await HubServer.start()
  hub.repositories.set('me/small', { files, large: ['model.safetensors'] })
  environment = { HF_ENDPOINT: hub.address, FOVEA_CACHE: join(work, 'cache'), FOVEA_OFFLINE: '', HF_HUB_OFFLINE: '' }
})
afterAll(() => hub.close())

const run = (...args: string[]): Promise<CliResult> => fovea(args, { env: environment })

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(...args, '--json')
  expect(stderr).not.toMatch(/error|\[[A-Z_]+\]/i)
  expect(code).toBe(0)
  return JSON.parse(stdout) as Record<string, unknown>
}

describe('a folder and the hub', () => {
  test.each(['folder', 'hub'])('%s: inspect, predict, evaluate, features', async (kind) => {
    const model = kind === 'hub' ? 'hf:me/small' : join(work, 'timm')
    expect(await json('inspect', model)).toMatchObject({ metadata: { labels: ['good', 'pit'], architecture: { name: 'small-cnn' } } })
    expect(await json('predict', model, picture)).toMatchObject({ top: [{}, {}] })
    expect(await json('evaluate', model, data)).toMatchObject({ labels: ['good', 'pit'] })
    expect(await json('features', model, picture)).toMatchObject({ layer: 'embedding' })
  })

  test('train and pretrain begin from them; the cache then serves without a network', async () => {
    const out = join(work, 'tuned')
    const trained = await json('train', data, '--model', 'hf:me/small', '--out', out, '--epochs', '1', '--batch', '4')
    expect(trained).toMatchObject({ recipe: { model: 'hf:me/small', pretrained: true } })
    const few = ['--scenes', '4', '--epochs', '1', '--batch', '2', '--imgsz', '32', '--out', join(work, 'pretrained')]
    const offline = { ...environment, FOVEA_OFFLINE: '1' }
    const pretrained = await fovea(['pretrain', 'hf:me/small', ...few, '--json'], { env: offline })
    expect(JSON.parse(pretrained.stdout)).toMatchObject({ recipe: { model: 'hf:me/small' } })
    await rm(environment.FOVEA_CACHE!, { recursive: true })
    const refused = await fovea(['predict', 'hf:me/small', picture], { env: offline })
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/\[HUB_OFFLINE\]/)
  })
})

describe('names', () => {
  test('train from scratch, and only names', async () => {
    const epochs = ['--epochs', '1', '--batch', '4', '--imgsz', '32', '--out']
    const fresh = await json('train', data, '--model', 'small-cnn', '--from-scratch', ...epochs, join(work, 'fresh'))
    expect(fresh).toMatchObject({ recipe: { model: 'small-cnn', pretrained: false } })
    const { code, stderr } = await run('train', data, '--model', join(work, 'timm'), '--from-scratch', ...epochs, join(work, 'no'))
    expect(code).toBe(1)
    expect(stderr).toMatch(/\[TRAIN_OPTION\]/)
  })

  test('without weights predict nothing, and an architecture that is none is told', async () => {
    expect((await run('predict', 'resnet50', picture)).stderr).toMatch(/\[MODEL_NO_WEIGHTS\]/)
    expect((await run('predict', join(work, 'timm'), picture, '--architecture', 'swin')).stderr).toMatch(/\[WEIGHTS_ARCHITECTURE\]/)
  })
})
