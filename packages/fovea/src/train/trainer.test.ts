import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ImageDataset } from '../data/dataset.ts'
import { encodePng } from '../data/encode.ts'
import { generateSurfaces } from '../data/synthetic/surfaces.ts'
import { cutMix, mixUp } from '../data/transforms/mix.ts'
import { isFoveaError } from '../util/errors.ts'
import type { TrainOptions } from './options.ts'
import { Trainer } from './trainer.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-trainer-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

function surfaces(perClass: number, seed: number): ImageDataset {
  const classes = ['good', 'pit'] as const
  const samples = [...generateSurfaces({ perClass, size: 32, seed, classes })].map(({ image, surfaceClass, name }) => ({
    path: name,
    label: classes.indexOf(surfaceClass as 'good' | 'pit'),
    image,
  }))
  return { classes, samples }
}

const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  train: surfaces(8, 1),
  validation: surfaces(4, 2),
  out: join(folder, 'run'),
  imageSize: 32,
  batchSize: 8,
  epochs: 2,
  threads: 1,
  layout: 'standard',
  ...more,
})

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isFoveaError(error) ? error.code : String(error)),
  )
}

describe('Trainer', () => {
  it('refuses validation pictures whose classes are numbered otherwise, and leaves no folder', async () => {
    const validation = { ...surfaces(4, 2), classes: ['pit', 'good'] }
    expect(await codeOf(new Trainer(options({ validation })).run())).toBe('TRAIN_OPTION')
    expect(await readdir(folder)).toEqual([])
    expect(await codeOf(new Trainer(options({ validation, out: join(folder, 'runs', 'one', 'two') })).run())).toBe('TRAIN_OPTION')
    expect(await readdir(folder)).toEqual([])
  })

  it('is cancelled before its first step as after it', async () => {
    for (const kind of ['plan', 'estimate', 'step'] as const) {
      const controller = new AbortController()
      const onEvent: TrainOptions['onEvent'] = (event) => {
        if (event.kind === kind) controller.abort()
      }
      expect(await codeOf(new Trainer(options({ out: join(folder, kind), signal: controller.signal, onEvent })).run())).toBe('CANCELLED')
    }
    const aborted = AbortSignal.abort()
    expect(await codeOf(new Trainer(options({ freeze: 'head', signal: aborted })).run())).toBe('CANCELLED')
  })

  it('keeps a finished training from a second one, and gives its best model when resumed', async () => {
    const first = await new Trainer(options()).run()
    expect(await codeOf(new Trainer(options()).run())).toBe('TRAIN_EXISTS')
    const again = await new Trainer(options({ resume: true })).run()
    expect(again.bestEpoch).toBe(first.bestEpoch)
    expect(again.model.metadata).toEqual(first.model.metadata)
    for (const [name, tensor] of first.model.graph.initializers)
      expect(again.model.graph.initializers.get(name)!.bytes).toEqual(tensor.bytes)
    await rm(join(folder, 'run', 'model.onnx'))
    expect(await codeOf(new Trainer(options({ resume: true })).run())).toBe('MODEL_NOT_FOUND')
  })

  it('goes on where no validation picture can be read, and names them', async () => {
    const path = join(folder, 'empty.png')
    await writeFile(path, '')
    const result = await new Trainer(options({ validation: { classes: ['good', 'pit'], samples: [{ path, label: 0 }] } })).run()
    expect(result.accuracy).toBeUndefined()
    expect(result.bestEpoch).toBe(1)
    expect(result.failures.map((failure) => failure.path)).toEqual([path])
  })

  it('stops early when resumed as it did when it ran', async () => {
    const diverging = { epochs: 12, patience: 1, learningRate: 0.02 }
    const first = await new Trainer(options(diverging)).run()
    const again = await new Trainer(options({ ...diverging, resume: true })).run()
    expect(first.stoppedEarly).toBe(true)
    expect(again.stoppedEarly).toBe(true)
    expect(again.history).toEqual(JSON.parse(JSON.stringify(first.history)))
  })

  it('mixes pictures, and is resumed inside an epoch to the same weights', async () => {
    const mixing = { mix: [mixUp({ alpha: 0.4 }), cutMix()], epochs: 2 }
    const whole = await new Trainer(options({ ...mixing, out: join(folder, 'whole') })).run()
    const controller = new AbortController()
    const onEvent: TrainOptions['onEvent'] = (event) => {
      if (event.kind === 'step' && event.epoch === 0 && event.batch === 1) controller.abort()
    }
    expect(await codeOf(new Trainer(options({ ...mixing, signal: controller.signal, onEvent })).run())).toBe('CANCELLED')
    expect(await codeOf(new Trainer(options({ resume: true })).run())).toBe('CHECKPOINT_INVALID')
    const resumed = await new Trainer(options({ ...mixing, resume: true })).run()
    expect(resumed.history.map(({ loss, accuracy }) => [loss, accuracy])).toEqual(
      whole.history.map(({ loss, accuracy }) => [loss, accuracy]),
    )
    for (const [name, tensor] of whole.model.graph.initializers)
      expect(resumed.model.graph.initializers.get(name)!.bytes).toEqual(tensor.bytes)
    expect(whole.recipe.mix).toEqual(mixing.mix)
  })

  it('keeps decoded pictures in a folder, and trains to the same weights from them', async () => {
    const { classes, samples } = surfaces(8, 1)
    const onDisk: ImageDataset['samples'][number][] = []
    for (const [i, { image, label }] of samples.entries()) {
      const path = join(folder, `${i}.png`)
      await writeFile(path, await encodePng(image!))
      onDisk.push({ path, label })
    }
    const train = { classes, samples: onDisk }
    const plain = await new Trainer(options({ train, out: join(folder, 'plain') })).run()
    const diskCache = { folder: join(folder, 'cache') }
    for (const out of ['written', 'read']) {
      const cached = await new Trainer(options({ train, out: join(folder, out), diskCache })).run()
      expect(await readdir(diskCache.folder)).toHaveLength(samples.length)
      expect(cached.history.map(({ loss }) => loss)).toEqual(plain.history.map(({ loss }) => loss))
    }
  })
})
