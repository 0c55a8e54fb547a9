import { create, fromBinary, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomModel } from '../../../test/random-model.ts'
import { type ErrorCode, isFoveaError } from '../../util/errors.ts'
import { GraphBuilder } from '../builder.ts'
import { type DataType, dataTypes } from '../data-type.ts'
import { firstDifference } from '../equal.ts'
import type { Attribute } from '../model.ts'
import { Tensor } from '../tensor.ts'
import { tensorOfNumbers } from '../tensor-values.ts'
import { type DecodeOptions, decodeModel } from './decode.ts'
import { decodeTensor } from './decode-values.ts'
import { encodeModel, encodeModelChunks } from './encode.ts'
import { type AttributeProtoSchema, type GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from './onnx_pb.gen.ts'

type ModelInit = MessageInitShape<typeof ModelProtoSchema>
type GraphInit = MessageInitShape<typeof GraphProtoSchema>
type TensorInit = MessageInitShape<typeof TensorProtoSchema>
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>

const opsetImport = [{ version: 21n }]

function bytesOf(init: ModelInit): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, opsetImport, ...(init as object) }))
}

const bytesOfGraph = (graph: GraphInit) => bytesOf({ graph })
const bytesOfTensor = (tensor: TensorInit) => bytesOfGraph({ initializer: [{ name: 'w', ...(tensor as object) }] })
const bytesOfAttribute = (attribute: AttributeInit) =>
  bytesOfGraph({ node: [{ opType: 'Op', output: ['y'], attribute: [{ name: 'a', ...(attribute as object) }] }] })

function weightOf(init: TensorInit, options?: DecodeOptions): Tensor {
  return decodeModel(bytesOfTensor(init), options).graph.initializers.get('w')!
}

function attributeOf(init: AttributeInit): Attribute {
  return decodeModel(bytesOfAttribute(init)).graph.nodes[0]!.attributes.get('a')!
}

function expectCode(act: () => unknown, code: ErrorCode): void {
  expect(act).toThrow(expect.toSatisfy((error) => isFoveaError(error, code)))
}

test('random models survive encoding and decoding', () => {
  fc.assert(
    fc.property(randomModel, (model) => {
      expect(firstDifference(model, decodeModel(encodeModel(model)))).toBeUndefined()
    }),
    { numRuns: 200 },
  )
})

test('what the model has no place for survives, on every message', () => {
  const everything: ModelInit = {
    ...{ irVersion: 10n, opsetImport: [{ domain: '', version: 21n }], metadataProps: [{ key: 'k', value: 'v' }] },
    trainingInfo: [{ algorithm: { name: 'step' }, updateBinding: [{ key: 'w', value: 'w_new' }] }],
    graph: {
      name: 'g',
      input: [
        {
          name: 'x',
          type: {
            value: {
              case: 'tensorType',
              value: { elemType: 1, shape: { dim: [{ value: { case: 'dimParam', value: 'N' }, denotation: 'DATA_BATCH' }, {}] } },
            },
          },
        },
        // A shape without an element type, a sequence of something left open.
        { name: 'open', type: { value: { case: 'tensorType', value: { shape: { dim: [{}] } } } } },
        { name: 'list', type: { value: { case: 'sequenceType', value: { elemType: { denotation: 'IMAGE' } } } } },
        {
          name: 'table',
          type: {
            value: {
              case: 'mapType',
              value: { keyType: 7, valueType: { value: { case: 'opaqueType', value: { domain: 'd', name: 'n' } } } },
            },
          },
        },
      ],
      initializer: [
        { name: 'w', dataType: 7, rawData: new Uint8Array(8), docString: 'about w', metadataProps: [{ key: 'a', value: 'b' }] },
      ],
      sparseInitializer: [
        {
          dims: [4n],
          values: { name: 's', dims: [1n], dataType: 3, rawData: Uint8Array.of(5) },
          indices: { dims: [1n], dataType: 7, rawData: new Uint8Array(8) },
        },
      ],
      quantizationAnnotation: [{ tensorName: 'x', quantParameterTensorNames: [{ key: 'SCALE_TENSOR', value: 'w' }] }],
      node: [
        {
          ...{ opType: 'Op', input: ['x'], output: ['y'], metadataProps: [{ key: 'n', value: 'm' }] },
          attribute: [
            { name: 't', type: 4, t: { name: 'named', dataType: 2, rawData: Uint8Array.of(1) } },
            { name: 'ts', type: 9, tensors: [{ name: 'first', dataType: 2, rawData: Uint8Array.of(1) }] },
            { name: 'tp', type: 13, tp: { value: { case: 'optionalType', value: {} }, denotation: 'd' } },
            { name: 'g', type: 5, g: { name: 'inner' } },
          ],
        },
      ],
    },
    functions: [{ name: 'f', domain: 'd', opsetImport: [{ domain: '', version: 21n }], valueInfo: [{ name: 'v' }] }],
  }
  const proto = create(ModelProtoSchema, everything)
  let count = 0
  addUnknown(proto)
  const again = fromBinary(ModelProtoSchema, encodeModel(decodeModel(toBinary(ModelProtoSchema, proto))))
  expect(count).toBeGreaterThan(40)
  expect(firstDifference(fromBinary(ModelProtoSchema, toBinary(ModelProtoSchema, proto)), again)).toBeUndefined()

  /** Gives every message an unknown field with a content of its own. */
  function addUnknown(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) addUnknown(item)
    else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
      for (const inner of Object.values(value)) addUnknown(inner)
      if ('$typeName' in value) (value as Message).$unknown = [{ no: 1000, wireType: 0, data: Uint8Array.of(count++ % 128) }]
    }
  }
})

describe('tensors', () => {
  const values = [1, 0, 2, 1, 3, 2]
  const typed: Partial<Record<DataType, TensorInit>> = {
    float32: { floatData: values },
    float64: { doubleData: values },
    int64: { int64Data: values.map(BigInt) },
    uint64: { uint64Data: values.map(BigInt) },
    uint32: { uint64Data: values.map(BigInt) },
  }
  const numeric = (Object.keys(dataTypes) as DataType[]).filter((dtype) => !/string|complex/.test(dtype))

  test.each(numeric)('%s in typed fields is the same as raw', (dtype) => {
    const tensor = tensorOfNumbers(dtype, [2, 3], values)
    const elements = dataTypes[dtype].bits === 16 ? new Uint16Array(tensor.bytes.slice().buffer) : tensor.bytes
    const init = typed[dtype] ?? { int32Data: dtype === 'int32' ? values : [...elements] }
    const common = { dims: [2n, 3n], dataType: dataTypes[dtype].code }
    expect(firstDifference(weightOf({ ...common, ...(init as object) }), tensor)).toBeUndefined()
    expect(firstDifference(weightOf({ ...common, rawData: tensor.bytes }), tensor)).toBeUndefined()
  })

  test('complex numbers and text', () => {
    expect(weightOf({ dims: [1n], dataType: 14, floatData: [1, 2] }).data).toEqual(Float32Array.of(1, 2))
    expect(weightOf({ dims: [1n], dataType: 15, doubleData: [1, 2] }).data).toEqual(Float64Array.of(1, 2))
    expect(weightOf({ dims: [2n], dataType: 8, stringData: [Uint8Array.of(0xc3, 0xa4), Uint8Array.of(0xff)] }).strings).toEqual([
      'ä',
      '\udcff',
    ])
  })

  test('negative int8 and int16 stand as negative numbers', () => {
    expect(weightOf({ dims: [1n], dataType: 3, int32Data: [-2] }).data).toEqual(
      Uint8Array.of(254).length === 1 ? Int8Array.of(-2) : undefined,
    )
    expect(weightOf({ dims: [1n], dataType: 5, int32Data: [-300] }).data).toEqual(Int16Array.of(-300))
  })

  test('raw data is a view of the file', () => {
    const bytes = bytesOfTensor({ dims: [4n], dataType: 2, rawData: Uint8Array.of(1, 2, 3, 4) })
    const tensor = decodeModel(bytes).graph.initializers.get('w')!
    expect(tensor.bytes.buffer).toBe(bytes.buffer)
  })

  test.each<[string, TensorInit, ErrorCode]>([
    ['too few bytes', { dims: [2n], dataType: 1, rawData: new Uint8Array(7) }, 'TENSOR_INVALID'],
    ['no values', { dims: [2n], dataType: 1 }, 'TENSOR_INVALID'],
    ['values in the wrong field', { dims: [1n], dataType: 1, int32Data: [1] }, 'TENSOR_INVALID'],
    ['values in two fields', { dims: [1n], dataType: 1, floatData: [1], rawData: new Uint8Array(4) }, 'TENSOR_INVALID'],
    ['a negative dimension', { dims: [-1n], dataType: 1 }, 'TENSOR_INVALID'],
    ['a huge dimension', { dims: [2n ** 62n], dataType: 1 }, 'TENSOR_INVALID'],
    ['huge dimensions', { dims: [2n ** 40n, 2n ** 40n], dataType: 1 }, 'TENSOR_INVALID'],
    ['no data type', { dims: [1n], rawData: new Uint8Array(4) }, 'TENSOR_INVALID'],
    ['an unknown data type', { dims: [1n], dataType: 99 }, 'ONNX_UNSUPPORTED'],
    ['a segment', { dims: [1n], dataType: 1, segment: { begin: 0n, end: 1n }, floatData: [1] }, 'ONNX_UNSUPPORTED'],
    ['text as raw data', { dims: [1n], dataType: 8, rawData: Uint8Array.of(65) }, 'TENSOR_INVALID'],
    ['a number out of range', { dims: [1n], dataType: 2, int32Data: [300] }, 'TENSOR_INVALID'],
    ['a wide number out of range', { dims: [1n], dataType: 12, uint64Data: [2n ** 32n] }, 'TENSOR_INVALID'],
    ['an unknown data location', { dims: [0n], dataType: 1, dataLocation: 7 }, 'ONNX_UNSUPPORTED'],
  ])('%s is refused', (_, init, code) => expectCode(() => weightOf(init), code))

  test('a file of one tensor', () => {
    const bytes = toBinary(TensorProtoSchema, create(TensorProtoSchema, { dims: [2n], dataType: 7, int64Data: [1n, -1n] }))
    expect(decodeTensor(bytes).data).toEqual(BigInt64Array.of(1n, -1n))
    expectCode(() => decodeTensor(bytes.subarray(0, 5)), 'ONNX_MALFORMED')
  })
})

describe('external data', () => {
  const external = (entries: Record<string, string>): TensorInit => ({
    ...{ dims: [2n], dataType: 1, dataLocation: 1 },
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  })

  test('is read from its place', () => {
    const asked: unknown[] = []
    const readExternal = (...range: unknown[]) => {
      asked.push(range)
      return new Uint8Array(Float32Array.of(1, 2).buffer)
    }
    const tensor = weightOf(external({ location: 'data/w.bin', offset: '4096', length: '8' }), { readExternal })
    expect(tensor.data).toEqual(Float32Array.of(1, 2))
    expect(asked).toEqual([['data/w.bin', 4096, 8]])
  })

  test.each(['/etc/passwd', '../w.bin', 'a/../../w.bin', 'a\\..\\w.bin', 'C:w.bin', '', 'a\0b', '..'])(
    'a location %j is refused',
    (location) => {
      let called = false
      const readExternal = () => {
        called = true
        return new Uint8Array(8)
      }
      expectCode(() => weightOf(external({ location }), { readExternal }), 'ONNX_EXTERNAL_DATA')
      expect(called).toBe(false)
    },
  )

  test.each<[string, Record<string, string>]>([
    ['a length that is not the tensor’s', { location: 'w', length: '9' }],
    ['an offset that is no number', { location: 'w', offset: '-1' }],
    ['an offset without end', { location: 'w', offset: '9'.repeat(30) }],
  ])('%s is refused', (_, entries) => {
    expectCode(() => weightOf(external(entries), { readExternal: () => new Uint8Array(8) }), 'ONNX_EXTERNAL_DATA')
  })

  test('a reader that gives too little or fails, or no reader, is reported', () => {
    expectCode(() => weightOf(external({ location: 'w' }), { readExternal: () => new Uint8Array(7) }), 'ONNX_EXTERNAL_DATA')
    expectCode(() => weightOf(external({ location: 'w' })), 'ONNX_EXTERNAL_DATA')
    const readExternal = () => {
      throw new Error('disk on fire')
    }
    expectCode(() => weightOf(external({ location: 'w' }), { readExternal }), 'ONNX_EXTERNAL_DATA')
  })

  test('is written aligned, once for each tensor', () => {
    const big = Tensor.float32([2 ** 18], new Float32Array(2 ** 18).fill(1))
    const b = new GraphBuilder()
    for (const [name, tensor] of [
      ['a', Tensor.float32([300], new Float32Array(300))],
      ['b', big],
      ['c', big],
    ] as const)
      b.output(b.weight(name, tensor))
    const pieces: Uint8Array[] = []
    const bytes = encodeModel(b.model(), { external: { location: 'm.data', write: (piece) => pieces.push(piece) } })
    expect(pieces.map((piece) => piece.length)).toEqual([1200, 4096 - 1200, 2 ** 20])
    expect(pieces[2]).toBe(big.bytes)
    const data = Buffer.concat(pieces)
    const readExternal = (_: string, offset: number, length = 0) => data.subarray(offset, offset + length)
    expect(firstDifference(b.model(), decodeModel(bytes, { readExternal }), { preserved: false })).toBeUndefined()
    expectCode(() => encodeModel(b.model(), { external: { location: '../m.data', write: () => {} } }), 'ONNX_EXTERNAL_DATA')
  })
})

describe('attributes', () => {
  test('integers beyond 2^53 stay exact', () => {
    expect(attributeOf({ type: 2, i: 2n ** 62n + 1n })).toEqual({ type: 'int', value: 2n ** 62n + 1n })
    expect(attributeOf({ type: 7, ints: [1n, -(2n ** 63n)] })).toEqual({ type: 'ints', value: [1, -(2n ** 63n)] })
  })

  test('text that is not UTF-8 stays bytes', () => {
    expect(attributeOf({ type: 3, s: Uint8Array.of(0xff) })).toEqual({ type: 'string', value: Uint8Array.of(0xff) })
  })

  test('a value left out is zero, as other writers leave it', () => {
    expect(attributeOf({ type: 2 })).toEqual({ type: 'int', value: 0 })
    expect(attributeOf({ type: 7 })).toEqual({ type: 'ints', value: [] })
  })

  test('a type left out is told by the value', () => {
    expect(attributeOf({ f: 0.5 })).toEqual({ type: 'float', value: 0.5 })
    expect(attributeOf({ refAttrName: 'alpha' })).toEqual({ type: 'reference', value: 'alpha', of: 'undefined' })
  })

  test.each<[string, AttributeInit, ErrorCode]>([
    ['neither type nor value', {}, 'ONNX_MALFORMED'],
    ['two values', { type: 2, i: 1n, f: 1 }, 'ONNX_MALFORMED'],
    ['a value of another type', { type: 2, f: 1 }, 'ONNX_MALFORMED'],
    ['a value and a reference', { type: 2, i: 1n, refAttrName: 'a' }, 'ONNX_MALFORMED'],
    ['a tensor left out', { type: 4 }, 'ONNX_MALFORMED'],
    ['a graph left out', { type: 5 }, 'ONNX_MALFORMED'],
    ['an unknown type', { type: 77 }, 'ONNX_UNSUPPORTED'],
  ])('%s is refused', (_, init, code) => expectCode(() => attributeOf(init), code))
})

describe('models', () => {
  test('the domain ai.onnx is the standard one', () => {
    const model = decodeModel(
      bytesOf({ opsetImport: [{ domain: 'ai.onnx', version: 17n }], graph: { node: [{ opType: 'Relu', domain: 'ai.onnx' }] } }),
    )
    expect(model.opsets).toEqual(new Map([['', 17]]))
    expect(model.graph.nodes[0]!.domain).toBe('')
  })

  test('files before IR version 3 mean the first opset', () => {
    expect(decodeModel(bytesOf({ irVersion: 2n, opsetImport: [], graph: {} })).opsets).toEqual(new Map([['', 1]]))
  })

  test('a dimension of -1 is one that is not known', () => {
    const shape = { dim: [{ value: { case: 'dimValue' as const, value: -1n } }, { value: { case: 'dimParam' as const, value: '' } }] }
    const type = { value: { case: 'tensorType' as const, value: { elemType: 1, shape } } }
    const model = decodeModel(bytesOfGraph({ input: [{ name: 'x', type }] }))
    expect(model.graph.inputs[0]!.type).toEqual({ kind: 'tensor', dtype: 'float32', dims: [null, null] })
  })

  test.each<[string, ModelInit, ErrorCode]>([
    ['without graph', {}, 'ONNX_MALFORMED'],
    ['without IR version', { irVersion: 0n, graph: {} }, 'ONNX_MALFORMED'],
    ['with two versions of a domain', { opsetImport: [{ version: 1n }, { version: 2n }], graph: {} }, 'ONNX_MALFORMED'],
    ['with a negative version', { opsetImport: [{ version: -1n }], graph: {} }, 'ONNX_MALFORMED'],
    [
      'with an attribute twice',
      {
        graph: {
          node: [
            {
              attribute: [
                { name: 'a', type: 2 },
                { name: 'a', type: 2 },
              ],
            },
          ],
        },
      },
      'ONNX_MALFORMED',
    ],
    ['with an initializer twice', { graph: { initializer: [1, 2].map(() => ({ name: 'w', dims: [0n], dataType: 1 })) } }, 'ONNX_MALFORMED'],
    [
      'with a negative dimension',
      {
        graph: {
          input: [
            {
              type: {
                value: { case: 'tensorType', value: { elemType: 1, shape: { dim: [{ value: { case: 'dimValue', value: -2n } }] } } },
              },
            },
          ],
        },
      },
      'ONNX_MALFORMED',
    ],
    [
      'with an unknown element type',
      { graph: { input: [{ type: { value: { case: 'tensorType', value: { elemType: 50 } } } }] } },
      'ONNX_UNSUPPORTED',
    ],
  ])('%s are refused', (_, init, code) => expectCode(() => decodeModel(bytesOf(init)), code))

  test('other files are refused', () => {
    for (const text of ['', '<!DOCTYPE html>', '{"format": "onnx"}', '\x08'])
      expectCode(() => decodeModel(new TextEncoder().encode(text)), 'ONNX_MALFORMED')
  })

  test('large weights are not copied into the pieces', () => {
    const b = new GraphBuilder()
    const w = Tensor.float32([2 ** 15], new Float32Array(2 ** 15).fill(0.5))
    b.output(b.op('Identity', [b.weight('w', w)]))
    b.output(b.op('Constant', [], { value: Tensor.float32([2 ** 15], new Float32Array(2 ** 15)) }))
    const { parts, length } = encodeModelChunks(b.model())
    expect(parts).toContain(w.bytes)
    expect(parts.reduce((sum, part) => sum + part.length, 0)).toBe(length)
    expect(firstDifference(b.model(), decodeModel(Buffer.concat(parts)), { preserved: false })).toBeUndefined()
  })

  test('2 GiB need external data', () => {
    const b = new GraphBuilder()
    // One large array under three names, so that the test itself stays small.
    const part = Tensor.of('uint8', [750 * 2 ** 20], new Uint8Array(750 * 2 ** 20))
    for (const name of ['a', 'b', 'c']) b.output(b.weight(name, part))
    expectCode(() => encodeModel(b.model()), 'ONNX_TOO_LARGE')
    const { length } = encodeModelChunks(b.model(), { external: { location: 'm.data', write: () => {} } })
    expect(length).toBeLessThan(1000)
  })

  test.each<[string, Attribute]>([
    ['a fraction as int', { type: 'int', value: 0.5 }],
    ['an int of more than 64 bits', { type: 'int', value: 2n ** 63n }],
    ['a float beyond float32', { type: 'float', value: 1e300 }],
  ])('%s is not written', (_, attribute) => {
    const b = new GraphBuilder()
    b.output(b.op('Op', [], { a: attribute }))
    expectCode(() => encodeModel(b.model()), 'GRAPH_INVALID')
  })
})
