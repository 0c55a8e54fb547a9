import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeModel } from '../../graph/codec/encode.ts'
import { buildFeatures } from '../../model/build-features.ts'
import { readMetadata } from '../../model/metadata.ts'
import { openModel } from '../../model/open-model.ts'
import { isFoveaError } from '../../util/errors.ts'
import type { PretrainEvent } from './events.ts'
import { type PretrainOptions, resolvePretraining } from './options.ts'
import { pretrain } from './pretrainer.ts'

let folder = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-pretrain-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const options = (more: Partial<PretrainOptions> = {}): PretrainOptions => ({
  model: join(folder, 'narrow.onnx'),
  out: join(folder, 'run'),
  scenes: 24,
  epochs: 2,
  batchSize: 8,
  imageSize: 32,
  heldOut: 10,
  threads: 1,
  layout: 'standard',
  ...more,
})

/** A small network with dropout, whose masks must be the same after a break too. */
async function writeNarrow(): Promise<void> {
  const model = buildFeatures('small-cnn', { imageSize: [32, 32], options: { widths: [8, 8, 16], dropout: 0.2 } })
  await writeFile(join(folder, 'narrow.onnx'), encodeModel(model))
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isFoveaError(error) ? error.code : String(error)),
  )
}

const weights = async (out: string) => {
  const { graph } = (await openModel(join(out, 'model.onnx'))).model
  return new Map([...graph.initializers].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('base64')]))
}

describe('pretrain', () => {
  beforeEach(writeNarrow)

  test('writes a model of features that knows its recipe, and a log', async () => {
    const events: PretrainEvent[] = []
    const { file, history, recipe } = await pretrain(options({ onEvent: (event) => events.push(event) }))
    expect(history.map(({ epoch, step }) => [epoch, step])).toEqual([
      [0, 3],
      [1, 6],
    ])
    const { model, metadata } = await openModel(file)
    expect(metadata.task).toBe('features')
    expect(metadata.recipe).toMatchObject({ kind: 'formula-driven', scenes: 24, epoch: 2, step: 6 })
    expect([...model.graph.initializers.keys()].filter((name) => name.startsWith('pretrain'))).toEqual([])
    expect(readMetadata(model).architecture).toMatchObject({ name: 'small-cnn' })
    const log = (await readFile(join(folder, 'run', 'log.jsonl'), 'utf8')).trim().split('\n')
    expect(log.map((line) => JSON.parse(line) as unknown)).toEqual(JSON.parse(JSON.stringify(history)))
    expect(events.map(({ kind }) => kind)).toEqual(['plan', 'estimate', 'step', 'step', 'step', 'epoch', 'step', 'step', 'step', 'epoch'])
    expect(recipe.imageSize).toBe(32)
    for (const share of Object.values(history[1]!.figures)) expect(share >= 0 && share <= 1).toBe(true)
  })

  test('gives the same weights, bit for bit, when it was interrupted and with other drawers', async () => {
    await pretrain(options())
    const out = join(folder, 'broken')
    const controller = new AbortController()
    // In the middle of the second epoch: its scenes are turned, and must be drawn again.
    const onEvent = (event: PretrainEvent) => {
      if (event.kind === 'step' && event.epoch === 1 && event.batch === 2) controller.abort()
    }
    expect(await codeOf(pretrain(options({ out, signal: controller.signal, onEvent })))).toBe('CANCELLED')
    const { history } = await pretrain(options({ out, resume: true, drawers: 2 }))
    expect(history.length).toBe(2)
    expect(await weights(out)).toEqual(await weights(join(folder, 'run')))
  })

  test('keeps what stands in its folder unless it may overwrite it', async () => {
    await pretrain(options({ epochs: 1 }))
    const before = await weights(join(folder, 'run'))
    expect(await codeOf(pretrain(options({ epochs: 1, seed: 1 })))).toBe('TRAIN_EXISTS')
    expect(await weights(join(folder, 'run'))).toEqual(before)
    // Another recipe is no continuation.
    expect(await codeOf(pretrain(options({ epochs: 1, seed: 1, resume: true })))).toBe('CHECKPOINT_INVALID')
    await pretrain(options({ epochs: 1, seed: 1, overwrite: true }))
    expect(await weights(join(folder, 'run'))).not.toEqual(before)
  })

  test('is cancelled before it begins, and leaves no model', async () => {
    expect(await codeOf(pretrain(options({ signal: AbortSignal.abort() })))).toBe('CANCELLED')
    expect(await readdir(join(folder, 'run')).catch(() => [])).not.toContain('model.onnx')
  })

  test('refuses a model that is no model of features, and one that is unknown', async () => {
    expect(await codeOf(pretrain(options({ model: join(folder, 'none.onnx') })))).toBe('MODEL_NOT_FOUND')
  })
})

test.each<Partial<PretrainOptions>>([
  { imageSize: 40 },
  { imageSize: 1024 },
  { batchSize: 1 },
  { scenes: 7 },
  { scenes: 10 ** 9 },
  { epochs: 0 },
  { epochs: 1.5 },
  { learningRate: -1 },
  { learningRate: Number.NaN },
  { weightDecay: Number.POSITIVE_INFINITY },
  { heldOut: 0 },
  { threads: 0 },
  { drawers: 0 },
  { seed: -1 },
  { checkpointSeconds: Number.NaN },
  { layout: 'fast' as 'auto' },
  { optimizer: 'adam' as 'adamw' },
])('refuses %o and names it', (odd) => {
  const expected = expect.objectContaining({ code: 'TRAIN_OPTION', details: expect.objectContaining({ field: Object.keys(odd)[0] }) })
  expect(() => resolvePretraining(options(odd))).toThrow(expected)
})
