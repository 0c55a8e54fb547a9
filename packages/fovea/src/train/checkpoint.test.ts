import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../data/files.ts'
import { firstDifference } from '../graph/equal.ts'
import { Tensor } from '../graph/tensor.ts'
import { encodeSafetensors } from '../model/safetensors/codec.ts'
import { type CheckpointState, checkRecipe, readCheckpoint, writeCheckpoint } from './checkpoint.ts'

const state: CheckpointState = {
  format: 1,
  recipe: { epochs: 3, model: 'resnet-tiny' },
  position: { epoch: 1, batch: 7 },
  step: 27,
  running: { loss: 0.1 + 0.2, correct: 5, samples: 8, batches: 1 },
  history: [
    {
      epoch: 0,
      loss: 1.5,
      accuracy: 0.5,
      validationLoss: undefined,
      validationAccuracy: undefined,
      learningRate: 0.1,
      step: 20,
      seconds: 1,
      imagesPerSecond: 9,
    },
  ],
  best: { epoch: 0, score: 0.5 },
}
const tensors = new Map([
  ['w', Tensor.float32([2], [0.1, -0])],
  ['w/momentum', Tensor.float32([2], [Number.NaN, 1e-40])],
])

describe('checkpoints', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-checkpoint-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('give back every bit of what was written', async () => {
    await writeCheckpoint(folder, { state, tensors })
    const read = await readCheckpoint(folder)
    expect(read!.state).toEqual(state)
    expect(firstDifference(read!.tensors, tensors)).toBeUndefined()
    expect(JSON.parse(await readFile(join(folder, 'checkpoint.json'), 'utf8'))).toEqual(JSON.parse(JSON.stringify(state)))
    expect((await readdir(folder)).sort()).toEqual(['checkpoint.json', 'state.safetensors'])
  })

  it('replace the one before, in a folder that they make', async () => {
    const inner = join(folder, 'a', 'b')
    await writeCheckpoint(inner, { state, tensors })
    await writeCheckpoint(inner, { state: { ...state, step: 28 }, tensors: new Map() })
    const read = await readCheckpoint(inner)
    expect(read!.state.step).toBe(28)
    expect(read!.tensors.size).toBe(0)
  })

  it('are absent where nothing was written', async () => {
    expect(await readCheckpoint(folder)).toBeUndefined()
    expect(await readCheckpoint(join(folder, 'nowhere'))).toBeUndefined()
    await writeFile(join(folder, 'file'), '')
    expect(await readCheckpoint(join(folder, 'file'))).toBeUndefined()
  })

  it.each([
    ['a torn file', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 3), /CHECKPOINT_INVALID/],
    ['an empty file', () => new Uint8Array(0), /CHECKPOINT_INVALID/],
    ['a file of another kind', () => new TextEncoder().encode('PK and so on, and so on'), /CHECKPOINT_INVALID/],
    ['tensors without a state', () => Buffer.concat(encodeSafetensors(tensors)), /a checkpoint of format 1, found format unknown/],
    ['a later format', () => withState({ ...state, format: 2 }), /a checkpoint of format 1, found format 2/],
    ['half a state', () => withState({ format: 1, step: 3 }), /a checkpoint of format 1/],
    [
      'a state that is no JSON',
      () => Buffer.concat(encodeSafetensors(tensors, new Map([['fovea.checkpoint', '{']]))),
      /CHECKPOINT_INVALID/,
    ],
  ])('refuse %s', async (_, damage, message) => {
    await writeCheckpoint(folder, { state, tensors })
    const file = join(folder, 'state.safetensors')
    await writeFile(file, damage(await readFile(file)))
    await expect(readCheckpoint(folder)).rejects.toThrow(message)
    await expect(readCheckpoint(folder)).rejects.toThrow(/state\.safetensors.*\[CHECKPOINT_INVALID\]/)
  })

  it('say that a folder may not be written', async () => {
    await chmod(folder, 0o500)
    // Permissions do not bind root; nobody makes folders in /proc.
    const place = process.getuid?.() === 0 ? '/proc/fovea' : join(folder, 'new')
    await expect(makeFolder(place)).rejects.toThrow(/FILE_WRITE/)
  })

  it('say that a file stands where the folder should', async () => {
    await writeFile(join(folder, 'taken'), '')
    await expect(writeCheckpoint(join(folder, 'taken'), { state, tensors })).rejects.toThrow(/taken.*--out.*FILE_WRITE/)
  })
})

function withState(other: object): Uint8Array {
  return Buffer.concat(encodeSafetensors(tensors, new Map([['fovea.checkpoint', JSON.stringify(other)]])))
}

describe('checkRecipe', () => {
  it('takes equal recipes, whatever the order of their fields', () => {
    expect(() => checkRecipe('runs/a', { a: [1, 2], b: undefined }, { a: [1, 2] })).not.toThrow()
    expect(() => checkRecipe('runs/a', { a: 1, b: 2 }, { b: 2, a: 1 })).not.toThrow()
  })

  it.each([
    [{ epochs: 3 }, { epochs: 4 }, /expected 3, found 4 .*runs\/a.*epochs/],
    [{ epochs: 3 }, {}, /expected 3, found nothing/],
    [{}, { augment: { kind: 'flip' } }, /expected nothing, found \{"kind":"flip"\}/],
  ])('names the first option that differs: %j, %j', (saved, wanted, message) => {
    expect(() => checkRecipe('runs/a', saved, wanted)).toThrow(message)
    expect(() => checkRecipe('runs/a', saved, wanted)).toThrow(/options of the first run.*\[CHECKPOINT_INVALID\]/)
  })
})
