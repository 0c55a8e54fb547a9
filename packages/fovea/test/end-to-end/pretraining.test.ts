// First weights from drawn scenes, as a user asks for them.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeSurfaces } from '../../src/data/synthetic/surfaces.ts'
import { filesIn, fovea, temporaryFolder } from './cli.ts'

let work = ''
const small = ['pretrain', 'small-cnn', '--scenes', '64', '--batch', '16', '--imgsz', '32', '--seed', '5', '--threads', '1']

beforeAll(async () => {
  work = await temporaryFolder('pretraining')
})

interface Result {
  readonly model: string
  readonly recipe: { readonly epochs: number }
  readonly history: readonly { readonly epoch: number; readonly loss: number; readonly figures: Record<string, number> }[]
}

describe('fovea pretrain', () => {
  test('writes a model of features, which a training takes', async () => {
    const out = join(work, 'whole')
    const done = await fovea([...small, '--epochs', '1', '--out', out, '--json'])
    expect(done.stderr).toMatch(/64 scenes of 32 px, 1 epochs of 4 steps/)
    expect(done.code).toBe(0)
    const { model, history } = JSON.parse(done.stdout) as Result
    expect(history.map(({ epoch }) => epoch)).toEqual([0])
    expect((await filesIn(out)).map((file) => file.slice(out.length + 1)).sort()).toEqual([
      'checkpoint/checkpoint.json',
      'checkpoint/state.safetensors',
      'log.jsonl',
      'model.onnx',
    ])
    const inspected = await fovea(['inspect', model, '--json'])
    expect(JSON.parse(inspected.stdout)).toMatchObject({ metadata: { task: 'features' } })

    const data = join(work, 'data')
    await writeSurfaces(data, { perClass: 8, size: 32, seed: 3, classes: ['good', 'pit'] })
    const trained = await fovea([
      'train',
      data,
      '--model',
      model,
      '--epochs',
      '1',
      '--batch',
      '4',
      '--out',
      join(work, 'trained'),
      '--json',
    ])
    expect(trained.code).toBe(0)
    expect((JSON.parse(trained.stdout) as { history: unknown[] }).history.length).toBe(1)
  })

  test('interrupted, it is resumed to the same weights', async () => {
    const [whole, broken] = [join(work, 'two-epochs'), join(work, 'broken')]
    const two = [...small, '--epochs', '2']
    expect((await fovea([...two, '--out', whole])).code).toBe(0)
    let sent = false
    const interrupted = await fovea([...two, '--out', broken], {
      onStderr: (text, child) => {
        if (sent || !text.includes('epoch 1: loss')) return
        sent = true
        child.kill('SIGINT')
      },
    })
    expect(sent).toBe(true)
    expect(interrupted.stderr).toMatch(/--resume/)
    const resumed = await fovea([...two, '--out', broken, '--resume', '--json'])
    expect(resumed.code).toBe(0)
    expect((JSON.parse(resumed.stdout) as Result).history.map(({ epoch }) => epoch)).toEqual([0, 1])
    const [first, second] = [await readFile(join(whole, 'model.onnx')), await readFile(join(broken, 'model.onnx'))]
    expect(second.equals(first)).toBe(true)
  })

  test('says what is wrong with an option, and that a folder is taken', async () => {
    const odd = await fovea([...small, '--epochs', '1', '--imgsz', '50', '--out', join(work, 'odd')])
    expect(odd.code).not.toBe(0)
    expect(odd.stderr).toMatch(/TRAIN_OPTION/)
    const taken = await fovea([...small, '--epochs', '1', '--out', join(work, 'whole')])
    expect(taken.code).not.toBe(0)
    expect(taken.stderr).toMatch(/TRAIN_EXISTS/)
  })
})
