import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { GraphBuilder } from '../graph/builder.ts'
import { decodeModel } from '../graph/codec/decode.ts'
import { encodeModel } from '../graph/codec/encode.ts'
import { firstDifference } from '../graph/equal.ts'
import { Tensor } from '../graph/tensor.ts'
import { isFoveaError } from '../util/errors.ts'
import { externalDataReader } from './external-data.ts'

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'fovea-external-'))
  mkdirSync(join(root, 'model/data'), { recursive: true })
  writeFileSync(join(root, 'secret.bin'), new Uint8Array(64))
  writeFileSync(
    join(root, 'model/data/w.bin'),
    Uint8Array.from({ length: 16 }, (_, i) => i),
  )
  symlinkSync(join(root, 'secret.bin'), join(root, 'model/outside.bin'))
  symlinkSync(join(root, 'model/data/w.bin'), join(root, 'model/inside.bin'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const isExternalError = expect.toSatisfy((error) => isFoveaError(error, 'ONNX_EXTERNAL_DATA'))

test('reads a range, through links inside the folder too', () => {
  const read = externalDataReader(join(root, 'model/model.onnx'))
  expect(read('data/w.bin', 4, 3)).toEqual(Uint8Array.of(4, 5, 6))
  expect(read('inside.bin', 14, undefined)).toEqual(Uint8Array.of(14, 15))
  expect(read('data/w.bin', 4, 3)).toBe(read('data/w.bin', 4, 3))
})

test.each([
  ['a link that leads out', 'outside.bin', 0, 4],
  ['a path that leads out', '../secret.bin', 0, 4],
  ['a folder', 'data', 0, 4],
  ['an absent file', 'absent.bin', 0, 4],
  ['a range beyond the end', 'data/w.bin', 10, 7],
  ['a huge range', 'data/w.bin', 0, 2 ** 50],
])('refuses %s', (_, location, offset, length) => {
  const read = externalDataReader(join(root, 'model/model.onnx'))
  expect(() => read(location, offset, length)).toThrow(isExternalError)
})

test('refuses overlapping ranges without end', () => {
  const read = externalDataReader(join(root, 'model/model.onnx'))
  read('data/w.bin', 0, 16)
  read('data/w.bin', 0, 15)
  expect(() => read('data/w.bin', 0, 14)).toThrow(isExternalError)
})

test('a model written with external data is read again', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', [512])
  const w = b.weight('w', Tensor.float32([512], Float32Array.from({ length: 512 }, Math.sqrt)))
  b.output(b.op('Add', [x, w]))
  const pieces: Uint8Array[] = []
  const bytes = encodeModel(b.model(), { external: { location: 'm.data', write: (piece) => pieces.push(piece.slice()) } })
  expect(bytes.length).toBeLessThan(512)
  writeFileSync(join(root, 'model/m.data'), Buffer.concat(pieces))
  const path = join(root, 'model/m.onnx')
  const model = decodeModel(bytes, { readExternal: externalDataReader(path), file: path })
  expect(firstDifference(model, b.model(), { preserved: false })).toBeUndefined()
})
