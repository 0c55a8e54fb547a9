import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomTensor } from '../../../test/random-model.ts'
import { firstDifference } from '../../graph/equal.ts'
import { Tensor } from '../../graph/tensor.ts'
import { isFoveaError } from '../../util/errors.ts'
import { decodeSafetensors, encodeSafetensors } from './codec.ts'

const formatted = new Set(
  'float64 float32 float16 bfloat16 float8e4m3fn float8e5m2 float8e4m3fnuz float8e5m2fnuz float8e8m0 float4e2m1 complex64 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool'.split(
    ' ',
  ),
)
const name = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom('__proto__', 'constructor', '0', 'layer1.0.weight'))
const tensors = fc
  .dictionary(
    name,
    randomTensor.filter(({ dtype, size }) => formatted.has(dtype) && (dtype !== 'float4e2m1' || size % 2 === 0)),
  )
  .map((record) => new Map(Object.entries(record)))
const metadata = fc.array(fc.tuple(name, fc.string({ unit: 'binary' })), { maxLength: 3 }).map((entries) => new Map(entries))

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks))
}

/** A file with this header and so many bytes of data. */
function fileOf(header: unknown, bytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + text.length + bytes)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  return file
}

const entry = (begin: number, end: number, shape: unknown = [end - begin], dtype: unknown = 'U8') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

describe('safetensors', () => {
  it('gives back what was written, under any names', () => {
    fc.assert(
      fc.property(tensors, metadata, (written, notes) => {
        const read = decodeSafetensors(joined(encodeSafetensors(written, notes)))
        expect(firstDifference(read.tensors, written)).toBeUndefined()
        expect(read.metadata).toEqual(notes)
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('writes equal contents as equal files, whatever the order, with data aligned to their elements', () => {
    const wide = Tensor.int64([2], [1, 2])
    const narrow = new Tensor('uint8', [3], Uint8Array.of(1, 2, 3))
    const middle = Tensor.float32([1], [0.5])
    const file = joined(encodeSafetensors(new Map(Object.entries({ narrow, middle, wide }))))
    expect(joined(encodeSafetensors(new Map(Object.entries({ wide, narrow, middle }))))).toEqual(file)
    const headerLength = Number(new DataView(file.buffer).getBigUint64(0, true))
    expect(headerLength % 8).toBe(0)
    expect(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerLength)))).toEqual({
      wide: { dtype: 'I64', shape: [2], data_offsets: [0, 16] },
      middle: { dtype: 'F32', shape: [1], data_offsets: [16, 20] },
      narrow: { dtype: 'U8', shape: [3], data_offsets: [20, 23] },
    })
  })

  it('copies nothing', () => {
    const tensor = Tensor.float32([2], [1, 2])
    expect(encodeSafetensors(new Map([['w', tensor]]))[1]).toBe(tensor.bytes)
    const file = joined(encodeSafetensors(new Map([['w', tensor]])))
    expect(decodeSafetensors(file).tensors.get('w')!.bytes.buffer).toBe(file.buffer)
  })

  it('reads a file that begins within a larger buffer', () => {
    const file = joined(encodeSafetensors(new Map([['w', Tensor.float32([2], [1, 2])]])))
    const larger = new Uint8Array(file.length + 3)
    larger.set(file, 3)
    expect([...decodeSafetensors(larger.subarray(3)).tensors.get('w')!.data]).toEqual([1, 2])
  })

  it.each([
    ['too short a file', new Uint8Array(7), /at least 8 bytes, found 7/],
    ['a header beyond the file', Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b), /a header within the file's 9 bytes, found 9 bytes/],
    ['a header of absurd length', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255), /a header within/],
    ['text that is no JSON', fileOf('{"a": ', 0), /a JSON object as header/],
    ['a name that stands twice', fileOf('{"w": {}, "\\u0077": {}}', 0), /the name "w" twice/],
    ['a key that stands twice', fileOf('{"w": {"dtype": "U8", "dtype": "U8"}}', 0), /the name "dtype" twice/],
    ['a header without end', fileOf(`{"w": ${'['.repeat(100_000)}`, 0), /one without end/],
    ['white space before the header', fileOf(' {}', 0), /a JSON object as header/],
    ['half a byte', fileOf({ w: entry(0, 1, [1], 'F4') }, 1), /F4\[1\], which needs no whole number/],
    ['a list as header', fileOf('[]', 0), /a JSON object as header/],
    ['bytes that are no UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /a JSON object as header/],
    ['metadata that are none', fileOf({ __metadata__: null }, 0), /an object of texts.*"__metadata__"/],
    ['metadata that are no texts', fileOf({ __metadata__: { a: 1 } }, 0), /an object of texts/],
    ['an entry that is none', fileOf({ w: null }, 0), /a dtype of F64.*"w"/],
    ['an unknown type', fileOf({ w: entry(0, 1, [1], 'U128') }, 1), /a dtype of F64.*found "U128".*"w"/],
    ['a type out of the prototype', fileOf({ w: entry(0, 1, [1], 'toString') }, 1), /a dtype of F64/],
    ['a negative dimension', fileOf({ w: entry(0, 1, [-1]) }, 1), /a shape of whole numbers/],
    ['a fraction of a dimension', fileOf({ w: entry(0, 1, [0.5]) }, 1), /a shape of whole numbers/],
    ['a shape that is no list', fileOf({ w: entry(0, 1, 'abc') }, 1), /a shape of whole numbers/],
    [
      'dimensions whose product is beyond numbers',
      fileOf({ w: entry(0, 1, [2 ** 40, 2 ** 40]) }, 1),
      /as many bytes as type and shape need/,
    ],
    ['fewer bytes than the shape needs', fileOf({ w: entry(0, 3, [4]) }, 3), /as many bytes as type and shape need/],
    ['offsets that fall', fileOf({ w: entry(2, 1, [1]) }, 2), /data_offsets \[begin, end\]/],
    ['one offset', fileOf({ w: { dtype: 'U8', shape: [1], data_offsets: [0] } }, 1), /data_offsets \[begin, end\]/],
    ['data beyond the file', fileOf({ w: entry(0, 9, [9]) }, 8), /data within 8 bytes, found an end at 9/],
    ['data that overlap', fileOf({ a: entry(0, 4), b: entry(2, 6) }, 6), /data that begins at 4, without gap or overlap, found 2.*"b"/],
    ['a gap', fileOf({ a: entry(0, 2), b: entry(3, 4) }, 4), /data that begins at 2, without gap or overlap, found 3/],
    ['data that nothing names', fileOf({ a: entry(0, 2) }, 3), /2 bytes of data, found 3/],
  ])('refuses %s', (_, file, message) => {
    expect(() => decodeSafetensors(file, 'some.safetensors')).toThrow(message)
    expect(() => decodeSafetensors(file, 'some.safetensors')).toThrow(/some\.safetensors.*\[SAFETENSORS_MALFORMED\]/)
  })

  it('throws nothing but coded errors at damaged files', () => {
    const file = joined(encodeSafetensors(new Map([['w', Tensor.float32([2], [1, 2])]]), new Map([['a', 'b']])))
    const damage = fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(damage, fc.nat(file.length), (changes, length) => {
        const damaged = file.slice()
        for (const [at, byte] of changes) damaged[at] = byte
        for (const bytes of [damaged, damaged.subarray(0, length)]) {
          try {
            decodeSafetensors(bytes)
          } catch (error) {
            expect(isFoveaError(error, 'SAFETENSORS_MALFORMED'), String(error)).toBe(true)
          }
        }
      }),
      { numRuns: 2000, seed: 4 },
    )
  })

  it('lists and refuses no type of the format but those that no tensor of ours has', () => {
    expect(decodeSafetensors(fileOf({ w: entry(0, 2, [4], 'F4') }, 2)).tensors.get('w')).toMatchObject({ dtype: 'float4e2m1', dims: [4] })
    expect(decodeSafetensors(fileOf({ w: entry(0, 8, [1], 'C64') }, 8)).tensors.get('w')).toMatchObject({ dtype: 'complex64' })
    expect(() => decodeSafetensors(fileOf({ w: entry(0, 3, [4], 'F6_E2M3') }, 3))).toThrow(
      /found F6_E2M3.*"w".*\[SAFETENSORS_UNSUPPORTED\]/,
    )
  })

  it('takes mutated headers or refuses them with a code, and never takes what contradicts itself', () => {
    const value = fc.oneof(fc.nat(9), fc.integer(), fc.double(), fc.constantFrom('U8', 'F32', 'F4', 'F6_E3M2', null, '', 2 ** 53, -0))
    const list = fc.array(value, { maxLength: 3 })
    const mutated = fc.dictionary(
      fc.constantFrom('a', 'b', '__metadata__'),
      fc.oneof(value, list, fc.record({ dtype: fc.oneof(value, list), shape: fc.oneof(value, list), data_offsets: fc.oneof(value, list) })),
    )
    const sound = fc.array(fc.nat(4), { maxLength: 3 }).map((sizes) => {
      let at = 0
      return Object.fromEntries(
        sizes.map((size, i) => {
          at += size
          return [`t${i}`, entry(at - size, at)]
        }),
      )
    })
    fc.assert(
      fc.property(fc.oneof(mutated, sound), fc.nat(12), (header, bytes) => {
        const file = fileOf(header, bytes)
        try {
          const { tensors } = decodeSafetensors(file)
          expect([...tensors.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0)).toBe(bytes)
        } catch (error) {
          expect(isFoveaError(error, 'SAFETENSORS_MALFORMED') || isFoveaError(error, 'SAFETENSORS_UNSUPPORTED'), String(error)).toBe(true)
        }
      }),
      { numRuns: 2000, seed: 2 },
    )
  })

  it('refuses to write types and names that the format does not have', () => {
    const bits = new Tensor('int4', [2], Uint8Array.of(0x21))
    expect(() => encodeSafetensors(new Map([['w', bits]]))).toThrow(/expected one of float64.*found int4.*SAFETENSORS_MALFORMED/)
    const tensor = Tensor.float32([1], [1])
    expect(() => encodeSafetensors(new Map([['__metadata__', tensor]]))).toThrow(/SAFETENSORS_MALFORMED/)
  })
})
