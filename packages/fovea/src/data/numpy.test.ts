import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// Written by NumPy 2.4: numpy.lib.format.write_array, savez and savez_compressed.
import golden from '../../test/golden/numpy.json' with { type: 'json' }
import { isFoveaError } from '../util/errors.ts'
import { decodeNpy, encodeNpy, type NumpyArray } from './numpy.ts'
import { checkFeatureFile, readNpy, readNpz, writeNpy, writeNpz } from './numpy-file.ts'
import { decodeZip, encodeZip } from './zip.ts'

const bytesOf = (name: keyof typeof golden) => new Uint8Array(Buffer.from(golden[name], 'base64'))
const joined = (parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts))
const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => i + from)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-numpy-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('decodeNpy', () => {
  it.each([
    ['float32', 'float32', [2, 3], [0, 0.25, 0.5, 0.75, 1, 1.25]],
    ['columns first', 'int16', [2, 3, 4], range(24)],
    ['big-endian', 'int32', [6], range(6, -3)],
    ['scalar', 'float64', [], [2.5]],
    ['int64', 'int64', [2], [2n ** 62n, -1n]],
    ['bool', 'bool', [1, 2], [1, 0]],
    ['float16', 'float16', [2], [0x3e00, 0xc000]],
    ['complex', 'complex64', [1], [1, 2]],
    ['empty', 'uint8', [0, 4], []],
    ['version 2', 'uint8', [3], [0, 1, 2]],
  ] as const)('reads what NumPy wrote: %s', (name, dtype, shape, values) => {
    const array = decodeNpy(bytesOf(name))
    expect([array.dtype, array.shape, [...array.data]]).toEqual([dtype, shape, values])
  })

  it('reads text', () => {
    expect(decodeNpy(bytesOf('text'))).toMatchObject({ dtype: 'string', shape: [3], strings: ['a', 'übel', '日本'] })
  })

  it('survives damage: an array or a coded error, never anything else', () => {
    const files = (Object.keys(golden) as (keyof typeof golden)[]).map(bytesOf)
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.nat(400), fc.nat(255), fc.nat(400), (file, at, byte, cut) => {
        const damaged = file.slice(0, Math.max(0, file.length - (cut > 300 ? cut - 300 : 0)))
        if (at < damaged.length) damaged[at] = byte
        for (const read of [decodeNpy, decodeZip])
          try {
            read(damaged, 'x.npy')
          } catch (error) {
            expect(isFoveaError(error, 'NUMPY_MALFORMED') || String(error)).toBe(true)
          }
      }),
      { numRuns: 500, seed: 4 },
    )
  })

  it.each([
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99,), }", /expected 396 bytes for \[99\], found 0/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999), }", /NUMPY_MALFORMED/],
    ["{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", /expected descr/],
    ["{'descr': '<M8', 'fortran_order': False, 'shape': (1,), }", /an element type of numbers, bool or text, found M8/],
    ["{'fortran_order': False, 'shape': (1,), }", /expected descr/],
  ])('refuses the header %s', (dict, message) => {
    const header = new Uint8Array([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, dict.length, 0, ...new TextEncoder().encode(dict)])
    expect(() => decodeNpy(header, 'x.npy')).toThrow(message)
  })
})

describe('encodeNpy', () => {
  it('writes byte for byte what NumPy writes', () => {
    for (const name of ['float32', 'scalar', 'int64', 'bool', 'float16', 'empty', 'text'] as const)
      expect(joined(encodeNpy(decodeNpy(bytesOf(name)))), name).toEqual(bytesOf(name))
  })

  it('refuses types that NumPy lacks and lists that do not fill the shape', () => {
    const data = new Uint8Array(2)
    expect(() => encodeNpy({ dtype: 'int4', shape: [4], data })).toThrow(/an element type that NumPy has, found int4/)
    expect(() => encodeNpy({ dtype: 'uint8', shape: [3], data })).toThrow(/TENSOR_INVALID/)
    expect(() => encodeNpy({ dtype: 'string', shape: [3], data, strings: ['a'] })).toThrow(/3 strings, found 1/)
  })
})

describe('.npy and .npz files', () => {
  const arrays: Record<string, NumpyArray> = {
    a: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    '/layer/b': { dtype: 'int64', shape: [1], data: BigInt64Array.of(-5n) },
    files: { dtype: 'string', shape: [2], data: new Uint8Array(0), strings: ['x.png', 'größer.png'] },
  }

  it.each([false, true])('gives back what was written (compressed: %s)', async (compress) => {
    const file = join(folder, 'some.npz')
    await writeNpz(file, arrays, { compress })
    expect(await readNpz(file)).toEqual({ ...arrays, files: { ...arrays.files, data: expect.anything() } })
    await writeNpy(join(folder, 'a.npy'), arrays.a!)
    expect(await readNpy(join(folder, 'a.npy'))).toEqual(arrays.a)
    expect((await readdir(folder)).some((name) => name.endsWith('.tmp'))).toBe(false)
  })

  it('reads the archives of NumPy', async () => {
    const file = join(folder, 'numpy.npz')
    await writeFile(file, bytesOf('npz'))
    expect(await readNpz(file)).toEqual({
      a: { dtype: 'float32', shape: [3], data: Float32Array.of(0, 1, 2) },
      '/layer/b': { dtype: 'uint8', shape: [1, 1], data: Uint8Array.of(7) },
    })
    await writeFile(file, bytesOf('npz compressed'))
    expect((await readNpz(file)).zeros).toEqual({ dtype: 'float32', shape: [100], data: new Float32Array(100) })
  })

  it('notices damage', () => {
    const whole = joined(encodeZip([{ name: 'a', chunks: [new Uint8Array(100).fill(7)] }]))
    expect(() => decodeZip(whole.slice(0, -1), 'x.npz')).toThrow(/NUMPY_MALFORMED/)
    const changed = whole.slice()
    changed[60] = 8
    expect(() => decodeZip(changed, 'x.npz')).toThrow(/the content that was written of "a", found another/)
    const bomb = joined(encodeZip([{ name: 'a', chunks: [new Uint8Array(1000)] }], { compress: true }))
    new DataView(bomb.buffer).setUint32(bomb.length - 22 - 47 + 24, 2 ** 32 - 2, true)
    expect(() => decodeZip(bomb, 'x.npz')).toThrow(/expected sizes that can be/)
    expect(() => decodeZip(new Uint8Array(30), 'x.npz')).toThrow(/expected a ZIP archive/)
  })

  it('knows by the name what can be saved', () => {
    expect(() => checkFeatureFile('x.NPY', 1)).not.toThrow()
    expect(() => checkFeatureFile('x.npz', 3)).not.toThrow()
    expect(() => checkFeatureFile('x.npy', 2)).toThrow(/ends in \.npz for several layers, found \.npy/)
    expect(() => checkFeatureFile('x', 1)).toThrow(/\.npy or \.npz, found none/)
  })
})
