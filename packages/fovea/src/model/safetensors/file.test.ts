import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstDifference } from '../../graph/equal.ts'
import { Tensor } from '../../graph/tensor.ts'
import { decodeSafetensors, encodeSafetensors } from './codec.ts'
import { openSafetensors, writeSafetensors } from './file.ts'
import { openSharded } from './sharded.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-safetensors-'))
})
afterAll(() => rm(folder, { recursive: true }))

const weight = Tensor.float32([2, 3], [1, 2, 3, 4, 5, 6])
const count = Tensor.int64([], [7])
const tensors = new Map([
  ['weight', weight],
  ['count', count],
])

describe('a file that is read tensor by tensor', () => {
  it('gives what was written, by name', async () => {
    const path = join(folder, 'a.safetensors')
    await writeSafetensors(path, tensors, new Map([['format', 'pt']]))
    await using file = await openSafetensors(path)
    expect([...file.entries].map(([name, { dtype, dims }]) => [name, dtype, dims])).toEqual([
      ['count', 'I64', []],
      ['weight', 'F32', [2, 3]],
    ])
    expect(file.metadata).toEqual(new Map([['format', 'pt']]))
    expect(firstDifference(await file.read('weight'), weight)).toBeUndefined()
    expect(firstDifference(await file.read('count'), count)).toBeUndefined()
    await expect(file.read('bias')).rejects.toThrow(/no such name.*"bias".*\[TENSOR_INVALID\]/)
  })

  it('reads no more than is asked for: a file of 12 GB with holes opens at once', async () => {
    const path = join(folder, 'large.safetensors')
    const half = 6 * 2 ** 30
    const header = {
      a: { dtype: 'U8', shape: [half], data_offsets: [0, half] },
      b: { dtype: 'U8', shape: [half - 3], data_offsets: [half, 2 * half - 3] },
      last: { dtype: 'U8', shape: [3], data_offsets: [2 * half - 3, 2 * half] },
    }
    const text = new TextEncoder().encode(JSON.stringify(header))
    const head = new Uint8Array(8 + text.length)
    new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true)
    head.set(text, 8)
    await writeFile(path, head)
    await truncate(path, head.length + 2 * half)
    const handle = await open(path, 'r+')
    await handle.write(Uint8Array.of(1, 2, 3), 0, 3, head.length + 2 * half - 3)
    await handle.close()
    await using file = await openSafetensors(path)
    expect([...(await file.read('last')).data]).toEqual([1, 2, 3])
  })

  it('refuses a tensor that shrank away, a folder, and a file that is not there', async () => {
    const path = join(folder, 'short.safetensors')
    await writeSafetensors(path, tensors)
    await using file = await openSafetensors(path)
    await truncate(path, (await readFile(path)).length - 1)
    await expect(file.read('weight')).rejects.toThrow(/the end of the file.*\[SAFETENSORS_MALFORMED\]/)
    expect([...(await file.read('count')).data]).toEqual([7n])
    await expect(openSafetensors(path)).rejects.toThrow(/\[SAFETENSORS_MALFORMED\]/)
    await expect(openSafetensors(folder)).rejects.toThrow(/found a folder.*\[MODEL_NOT_FOUND\]/)
    await expect(openSafetensors(join(folder, 'none'))).rejects.toThrow(/no such file.*\[MODEL_NOT_FOUND\]/)
  })

  it('refuses a type that no tensor of ours has only when it is read', async () => {
    const path = join(folder, 'six.safetensors')
    const header = { six: { dtype: 'F6_E2M3', shape: [4], data_offsets: [0, 3] }, one: { dtype: 'U8', shape: [1], data_offsets: [3, 4] } }
    const text = JSON.stringify(header)
    const head = Buffer.alloc(8)
    head.writeBigUInt64LE(BigInt(text.length))
    await writeFile(path, Buffer.concat([head, Buffer.from(text), Buffer.of(1, 2, 3, 4)]))
    await using file = await openSafetensors(path)
    expect([...(await file.read('one')).data]).toEqual([4])
    await expect(file.read('six')).rejects.toThrow(/found F6_E2M3.*"six".*\[SAFETENSORS_UNSUPPORTED\]/)
  })
})

describe('a file that is written tensor by tensor', () => {
  it('is the file that is encoded in memory, from lazy tensors too, asked for one at a time', async () => {
    const path = join(folder, 'lazy.safetensors')
    let held = 0
    const lazy = (tensor: Tensor) => ({
      dtype: tensor.dtype,
      dims: tensor.dims,
      read: async () => {
        expect(held).toBe(0)
        held++
        await new Promise(setImmediate)
        held--
        return tensor
      },
    })
    await writeSafetensors(path, new Map([...tensors].map(([name, tensor]) => [name, lazy(tensor)])))
    expect(await readFile(path)).toEqual(Buffer.concat(encodeSafetensors(tensors)))
  })

  it('leaves the old file where a lazy tensor is not what it said, or cannot be had', async () => {
    const path = join(folder, 'kept.safetensors')
    await writeSafetensors(path, tensors)
    const wrong = { dtype: 'float32', dims: [3], read: async () => weight } as const
    await expect(writeSafetensors(path, new Map([['w', wrong]]))).rejects.toThrow(
      /expected float32\[3\], found float32\[2,3\].*\[TENSOR_INVALID\]/,
    )
    expect(decodeSafetensors(await readFile(path)).tensors.size).toBe(2)
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    await expect(writeSafetensors(join(folder, 'none', 'x.safetensors'), tensors)).rejects.toThrow(/\[FILE_WRITE\]/)
  })
})

describe('a checkpoint in several files', () => {
  it('reads each tensor from the file that holds it', async () => {
    await writeSafetensors(join(folder, 'model-00001-of-00002.safetensors'), new Map([['weight', weight]]))
    await writeSafetensors(join(folder, 'model-00002-of-00002.safetensors'), new Map([['count', count]]))
    const index = join(folder, 'model.safetensors.index.json')
    const map = { weight: 'model-00001-of-00002.safetensors', count: 'model-00002-of-00002.safetensors' }
    await writeFile(index, JSON.stringify({ metadata: { total_size: 32 }, weight_map: map }))
    const source = await openSharded(index)
    expect([...source.entries.keys()]).toEqual(['weight', 'count'])
    expect(firstDifference(await source.read('count'), count)).toBeUndefined()
    expect(firstDifference(await source.read('weight'), weight)).toBeUndefined()
    await expect(source.read('bias')).rejects.toThrow(/\[TENSOR_INVALID\]/)
    await source.close()
  })

  it.each([
    ['[', /expected JSON/],
    ['[]', /weight_map/],
    ['{"weight_map": {}}', /1 to 500 files, found 0/],
    ['{"weight_map": {"w": "../a.safetensors"}}', /plain name.*\.\.\/a/],
    ['{"weight_map": {"w": "/etc/passwd"}}', /plain name/],
    ['{"weight_map": {"w": 3}}', /plain name/],
    ['{"weight_map": {"absent": "six.safetensors"}}', /no such name there.*"absent"/],
  ])('refuses the index %s', async (text, message) => {
    const index = join(folder, 'bad.index.json')
    await writeFile(index, text)
    await expect(openSharded(index)).rejects.toThrow(message)
    await expect(openSharded(index)).rejects.toThrow(/\[SAFETENSORS_MALFORMED\]/)
  })

  it('says which file is missing', async () => {
    const index = join(folder, 'missing.index.json')
    await writeFile(index, JSON.stringify({ weight_map: { w: 'gone.safetensors' } }))
    await expect(openSharded(index)).rejects.toThrow(/gone\.safetensors.*\[MODEL_NOT_FOUND\]/)
  })
})
