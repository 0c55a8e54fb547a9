// Random models for property tests: every kind of attribute, type and tensor, though not programs that make sense.

import fc from 'fast-check'
import { byteLength, type DataType, dataTypes } from '../src/graph/data-type.ts'
import type { Dim } from '../src/graph/dims.ts'
import type { Attribute, FunctionDefinition, Graph, Model, Node, SparseTensor, Value, ValueType } from '../src/graph/model.ts'
import { Tensor } from '../src/graph/tensor.ts'
import { decodeUtf8, tryDecodeUtf8 } from '../src/util/utf8.ts'

const dtype = fc.constantFrom(...(Object.keys(dataTypes) as DataType[]))

/** Text without a byte order mark in front, which decoders of names drop. */
const text = fc.oneof(
  fc.constantFrom(
    'x',
    'y',
    'conv1/weight',
    'a::b',
    'add:0',
    'x-1',
    'x->',
    '_',
    '',
    'two words',
    '"',
    'doc',
    'value',
    'graph',
    '0',
    '{',
    'ä\n',
  ),
  fc.string({ unit: 'binary', maxLength: 6 }).filter((value) => !value.startsWith('\ufeff')),
)
const written = text.filter((value) => value !== '')

const notUtf8 = fc.uint8Array({ minLength: 1, maxLength: 5 }).filter((bytes) => tryDecodeUtf8(bytes) === undefined)

const dim: fc.Arbitrary<Dim> = fc.oneof(
  fc.nat(9),
  fc.constant(null),
  fc.constantFrom('N', '2*H + 1', 'floor((H + 1)/(2))', 'batch size?', 'a,b', '...', '?', '3', ')(', ' n', '-N + 2', 'sparse'),
  written,
)

/** int64 as the codec gives it: numbers where they are exact. */
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
)

const float = fc.oneof(fc.float(), fc.constantFrom(1, -0, 0.1, 1e-7, 3e38, Number.NaN, Number.NEGATIVE_INFINITY)).map(Math.fround)

export const randomTensor: fc.Arbitrary<Tensor> = fc.tuple(dtype, fc.array(fc.nat(3), { maxLength: 3 })).chain(([type, dims]) => {
  const count = dims.reduce((product, size) => product * size, 1)
  if (type === 'string') {
    const element = fc.oneof(text, fc.uint8Array({ maxLength: 4 }).map(decodeUtf8))
    return fc.array(element, { minLength: count, maxLength: count }).map((values) => new Tensor(type, dims, values))
  }
  const length = byteLength(type, count)
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => new Tensor(type, dims, bytes))
})

const sparse: fc.Arbitrary<SparseTensor> = fc.record({
  dims: fc.array(fc.nat(9), { maxLength: 2 }),
  values: randomTensor,
  indices: randomTensor,
})

export const randomType: fc.Arbitrary<ValueType> = fc.letrec<{ type: ValueType }>((tie) => {
  const denotation = { denotation: fc.constantFrom('IMAGE', 'a "b"') }
  const some = (record: object) => fc.record({ ...record, ...denotation } as never, { requiredKeys: Object.keys(record) as never[] })
  return {
    type: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'type' },
      some({ kind: fc.constantFrom('tensor', 'sparse'), dtype, dims: fc.array(dim, { maxLength: 4 }) }),
      some({ kind: fc.constantFrom('tensor', 'sparse'), dtype }),
      some({ kind: fc.constant('opaque'), domain: text, name: text }),
      some({ kind: fc.constantFrom('sequence', 'optional'), element: fc.option(tie('type'), { nil: undefined, depthIdentifier: 'type' }) }),
      some({ kind: fc.constant('map'), key: dtype, value: fc.option(tie('type'), { nil: undefined, depthIdentifier: 'type' }) }),
    ) as fc.Arbitrary<ValueType>,
  }
}).type

/** Records with the optional parts sometimes left out, as the types of the model have them. */
function parts<T>(required: object, optional: object = {}): fc.Arbitrary<T> {
  return fc.record({ ...required, ...optional } as never, { requiredKeys: Object.keys(required) as never[] }) as fc.Arbitrary<T>
}

function mapOf<V>(value: fc.Arbitrary<V>, key = text, minLength = 0): fc.Arbitrary<Map<string, V>> {
  return fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, minLength, maxLength: 3 }).map((entries) => new Map(entries))
}

const notes = { doc: written, metadata: mapOf(text, text, 1) }
const randomValue: fc.Arbitrary<Value> = parts({ name: text }, { type: randomType, ...notes })
const values = fc
  .uniqueArray(randomValue, { selector: (value) => value.name, maxLength: 3 })
  .map((list) => new Map(list.map((value) => [value.name, value])))
const opsets = mapOf(
  fc.integer({ min: 1, max: 30 }),
  fc.oneof(
    fc.constantFrom('', 'com.microsoft'),
    text.filter((name) => name !== 'ai.onnx'),
  ),
)
const domain = fc.oneof(
  fc.constantFrom('', '', 'com.microsoft', 'a b'),
  text.filter((name) => name !== 'ai.onnx'),
)

const referenced = fc.constantFrom('float', 'int', 'string', 'tensor', 'graph', 'floats', 'ints', 'graphs', 'valueType', 'undefined')

const { graph, nodes, attribute } = fc.letrec<{ graph: Graph; nodes: Node[]; attribute: Attribute }>((tie) => {
  const few = { maxLength: 3 }
  const string = fc.oneof(text, notUtf8)
  const typed = (type: Attribute['type'], value: fc.Arbitrary<unknown>) =>
    parts<Attribute>({ type: fc.constant(type), value }, { doc: written })
  const type = fc.option(randomType, { nil: undefined })
  return {
    attribute: fc.oneof(
      { maxDepth: 2, depthIdentifier: 'graph' },
      typed('int', integer),
      typed('float', float),
      typed('string', string),
      typed('tensor', randomTensor),
      typed('sparseTensor', sparse),
      typed('valueType', type),
      typed('floats', fc.array(float, few)),
      typed('ints', fc.array(integer, few)),
      typed('strings', fc.array(string, few)),
      typed('tensors', fc.array(randomTensor, few)),
      typed('sparseTensors', fc.array(sparse, few)),
      typed('valueTypes', fc.array(type, few)),
      typed('reference', written).chain((value) => referenced.map((of) => ({ ...value, of }) as Attribute)),
      typed('graph', tie('graph')),
      typed('graphs', fc.array(tie('graph'), { maxLength: 2 })),
    ),
    nodes: fc.array(
      parts<Node>(
        {
          ...{ op: text, domain, name: text },
          ...{ inputs: fc.array(text, few), outputs: fc.array(text, few), attributes: mapOf(tie('attribute')) },
        },
        { overload: written, ...notes },
      ),
      few,
    ),
    graph: parts<Graph>(
      {
        ...{ name: text, inputs: fc.uniqueArray(randomValue, { selector: (value) => value.name, maxLength: 2 }) },
        ...{ outputs: fc.uniqueArray(randomValue, { selector: (value) => value.name, maxLength: 2 }) },
        ...{ nodes: tie('nodes'), initializers: mapOf(randomTensor), values },
      },
      { sparseInitializers: mapOf(sparse, text, 1), quantization: mapOf(mapOf(text), text, 1), ...notes },
    ),
  }
})

const definition: fc.Arbitrary<FunctionDefinition> = parts(
  {
    ...{ name: text, domain, inputs: fc.array(text, { maxLength: 2 }), outputs: fc.array(text, { maxLength: 2 }) },
    ...{ attributes: fc.array(text, { maxLength: 2 }), defaults: mapOf(attribute), nodes, opsets, values },
  },
  { overload: written, ...notes },
)

export const randomModel: fc.Arbitrary<Model> = parts(
  {
    ...{ irVersion: fc.integer({ min: 3, max: 13 }), opsets, graph, metadata: mapOf(text) },
    functions: fc.array(definition, { maxLength: 2 }),
  },
  { producerName: text, producerVersion: text, domain: text, modelVersion: integer, doc: written },
)
