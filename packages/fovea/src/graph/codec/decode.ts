// ONNX files to models.

import { fromBinary } from '@bufbuild/protobuf'
import { FoveaError } from '../../util/errors.ts'
import { tryDecodeUtf8 } from '../../util/utf8.ts'
import type { Attribute, FunctionDefinition, Graph, Model, Node, Value } from '../model.ts'
import type { Tensor } from '../tensor.ts'
import { attributeTypes, type ValueField, valueFields } from './attribute-types.ts'
import { checkWire, type WireLimits } from './check-wire.ts'
import { decodeSparseProto, decodeTensorProto } from './decode-tensor.ts'
import { decodeType, decodeValue } from './decode-type.ts'
import type { ReadExternal } from './external.ts'
import {
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type OperatorSetIdProto,
  type ValueInfoProto,
} from './onnx_pb.gen.ts'
import { Keeper } from './preserve.ts'
import { integerOf, Source } from './source.ts'

export interface DecodeOptions {
  /** Reads tensor data that lies outside the file; without it such a model is refused. */
  readExternal?: ReadExternal
  /** Name of the file, for error messages. */
  file?: string
  limits?: Partial<WireLimits>
}

/** Enough for models of a few million nodes and values; a hostile file cannot make more of itself than this. */
export const defaultLimits: WireLimits = { depth: 100, structureBytes: 2 ** 30 }

/**
 * Reads an ONNX file. Raw tensor data is not copied: the model's tensors are views into `bytes`, which must not be changed.
 * The graph is not checked beyond what reading needs; `verifyModel` does that. The domain `ai.onnx` becomes ''.
 *
 * @throws FoveaError ONNX_MALFORMED, ONNX_UNSUPPORTED, ONNX_TOO_LARGE, ONNX_EXTERNAL_DATA, TENSOR_INVALID
 */
export function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): Model {
  const { file } = options
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkWire(ModelProtoSchema, view, { ...defaultLimits, ...options.limits }, file)
  return modelOf(parse(view, options), new Source({ ...(file === undefined ? {} : { file }) }, options.readExternal))
}

function parse(bytes: Uint8Array, options: DecodeOptions): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes, { recursionLimit: options.limits?.depth ?? defaultLimits.depth })
  } catch (cause) {
    throw new FoveaError('ONNX_MALFORMED', {
      file: options.file,
      expected: 'an ONNX model',
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    })
  }
}

function modelOf(proto: ModelProto, source: Source): Model {
  if (proto.graph === undefined) source.fail('ONNX_MALFORMED', 'a model with a graph', 'none')
  const irVersion = source.count(proto.irVersion, 'the IR version')
  if (irVersion === 0) source.fail('ONNX_MALFORMED', 'an IR version', 'none')
  const keeper = new Keeper()
  keeper.keep('', proto, 'trainingInfo')
  const opsets = opsetsOf(proto.opsetImport, source, keeper)
  // Before IR version 3 files did not name an opset: they mean its first version.
  if (irVersion < 3 && opsets.size === 0) opsets.set('', 1)
  return {
    irVersion,
    opsets,
    graph: graphOf(proto.graph, source),
    functions: proto.functions.map((definition) => functionOf(definition, source)),
    metadata: keeper.pairs('metadata', proto.metadataProps),
    ...(Object.hasOwn(proto, 'producerName') ? { producerName: proto.producerName } : {}),
    ...(Object.hasOwn(proto, 'producerVersion') ? { producerVersion: proto.producerVersion } : {}),
    ...(Object.hasOwn(proto, 'domain') ? { domain: proto.domain } : {}),
    ...(Object.hasOwn(proto, 'modelVersion') ? { modelVersion: integerOf(proto.modelVersion) } : {}),
    ...docOf(proto),
    ...keeper.result,
  }
}

function opsetsOf(entries: readonly OperatorSetIdProto[], source: Source, keeper: Keeper): Map<string, number> {
  const opsets = new Map<string, number>()
  for (const entry of entries) {
    const domain = domainOf(entry.domain)
    const version = source.count(entry.version, 'the opset version')
    const other = opsets.get(domain)
    if (other !== undefined && other !== version)
      source.fail('ONNX_MALFORMED', `one version of the operators of "${domain}"`, `${other} and ${version}`)
    opsets.set(domain, version)
    keeper.keep(`opset.${domain}`, entry)
  }
  return opsets
}

function graphOf(proto: GraphProto, source: Source): Graph {
  const keeper = new Keeper()
  keeper.keep('', proto)
  const initializers = new Map<string, Tensor>()
  for (const tensor of proto.initializer) {
    if (initializers.has(tensor.name)) source.fail('ONNX_MALFORMED', 'one initializer of a name', `two called "${tensor.name}"`)
    initializers.set(tensor.name, decodeTensorProto(tensor, source, keeper, `initializer.${tensor.name}`, true))
  }
  const metadata = keeper.pairs('metadata', proto.metadataProps)
  return {
    name: proto.name,
    ...docOf(proto),
    inputs: proto.input.map((value) => decodeValue(value, source)),
    outputs: proto.output.map((value) => decodeValue(value, source)),
    nodes: proto.node.map((node) => nodeOf(node, source)),
    initializers,
    ...sparseInitializersOf(proto, source, keeper),
    values: valuesOf(proto.valueInfo, source),
    ...quantizationOf(proto, keeper),
    ...(metadata.size > 0 ? { metadata } : {}),
    ...keeper.result,
  }
}

function sparseInitializersOf(proto: GraphProto, source: Source, keeper: Keeper): Pick<Graph, 'sparseInitializers'> {
  if (proto.sparseInitializer.length === 0) return {}
  const sparseInitializers: Graph['sparseInitializers'] = new Map()
  for (const sparse of proto.sparseInitializer) {
    const name = sparse.values?.name ?? ''
    if (sparseInitializers.has(name)) source.fail('ONNX_MALFORMED', 'one initializer of a name', `two called "${name}"`)
    sparseInitializers.set(name, decodeSparseProto(sparse, source.at({ field: name }), keeper, `sparse.${name}`, true))
  }
  return { sparseInitializers }
}

function quantizationOf(proto: GraphProto, keeper: Keeper): Pick<Graph, 'quantization'> {
  if (proto.quantizationAnnotation.length === 0) return {}
  const quantization: Graph['quantization'] = new Map()
  for (const annotation of proto.quantizationAnnotation) {
    const path = `quantization.${annotation.tensorName}`
    keeper.keep(path, annotation)
    quantization.set(annotation.tensorName, keeper.pairs(path, annotation.quantParameterTensorNames))
  }
  return { quantization }
}

function valuesOf(protos: readonly ValueInfoProto[], source: Source): Map<string, Value> {
  return new Map(protos.map((proto) => [proto.name, decodeValue(proto, source)]))
}

function functionOf(proto: FunctionProto, source: Source): FunctionDefinition {
  const place = source.at({ field: proto.name })
  const keeper = new Keeper()
  keeper.keep('', proto)
  const metadata = keeper.pairs('metadata', proto.metadataProps)
  return {
    name: proto.name,
    domain: domainOf(proto.domain),
    ...(proto.overload === '' ? {} : { overload: proto.overload }),
    inputs: proto.input,
    outputs: proto.output,
    attributes: proto.attribute,
    defaults: attributesOf(proto.attributeProto, place),
    nodes: proto.node.map((node) => nodeOf(node, place)),
    opsets: opsetsOf(proto.opsetImport, place, keeper),
    values: valuesOf(proto.valueInfo, place),
    ...docOf(proto),
    ...(metadata.size > 0 ? { metadata } : {}),
    ...keeper.result,
  }
}

function nodeOf(proto: NodeProto, source: Source): Node {
  const keeper = new Keeper()
  keeper.keep('', proto)
  const metadata = keeper.pairs('metadata', proto.metadataProps)
  const place = source.at({ node: proto.name || proto.output[0] || proto.opType })
  return {
    op: proto.opType,
    domain: domainOf(proto.domain),
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attributes: attributesOf(proto.attribute, place),
    ...(proto.overload === '' ? {} : { overload: proto.overload }),
    ...docOf(proto),
    ...(metadata.size > 0 ? { metadata } : {}),
    ...keeper.result,
  }
}

function attributesOf(protos: readonly AttributeProto[], source: Source): Map<string, Attribute> {
  const attributes = new Map<string, Attribute>()
  for (const proto of protos) {
    if (attributes.has(proto.name)) source.fail('ONNX_MALFORMED', 'one attribute of a name', `two called "${proto.name}"`)
    attributes.set(proto.name, attributeOf(proto, source.at({ field: proto.name })))
  }
  return attributes
}

function attributeOf(proto: AttributeProto, source: Source): Attribute {
  const keeper = new Keeper()
  keeper.keep('', proto)
  const value = attributeValueOf(proto, source, keeper)
  return { ...value, ...docOf(proto), ...keeper.result }
}

function attributeValueOf(proto: AttributeProto, source: Source, keeper: Keeper): Attribute {
  const filled = valueFields.filter((field) => isFilled(proto, field))
  if (proto.refAttrName !== '') {
    if (filled.length > 0) source.fail('ONNX_MALFORMED', 'a reference or a value', 'both')
    const of = proto.type === 0 ? 'undefined' : typeOfCode(proto.type, source)
    return { type: 'reference', value: proto.refAttrName, of }
  }
  if (filled.length > 1) source.fail('ONNX_MALFORMED', 'one value', filled.join(' and '))
  const type = proto.type === 0 ? typeOfField(filled[0], source) : typeOfCode(proto.type, source)
  if (filled.length > 0 && attributeTypes[type].field !== filled[0]) source.fail('ONNX_MALFORMED', `a value of type ${type}`, filled[0]!)
  switch (type) {
    case 'float':
      return { type, value: proto.f }
    case 'int':
      return { type, value: integerOf(proto.i) }
    case 'string':
      return { type, value: textOf(proto.s) }
    case 'tensor':
      return { type, value: decodeTensorProto(required(proto.t, source), source, keeper, 't') }
    case 'graph':
      return { type, value: graphOf(required(proto.g, source), source) }
    case 'sparseTensor':
      return { type, value: decodeSparseProto(required(proto.sparseTensor, source), source, keeper, 'sparse') }
    case 'valueType':
      return { type, value: proto.tp === undefined ? undefined : decodeType(proto.tp, source, keeper, 'tp') }
    case 'floats':
      return { type, value: proto.floats }
    case 'ints':
      return { type, value: proto.ints.map(integerOf) }
    case 'strings':
      return { type, value: proto.strings.map(textOf) }
    case 'tensors':
      return { type, value: proto.tensors.map((tensor, i) => decodeTensorProto(tensor, source, keeper, `t.${i}`)) }
    case 'graphs':
      return { type, value: proto.graphs.map((graph) => graphOf(graph, source)) }
    case 'sparseTensors':
      return { type, value: proto.sparseTensors.map((sparse, i) => decodeSparseProto(sparse, source, keeper, `sparse.${i}`)) }
    case 'valueTypes':
      return { type, value: proto.typeProtos.map((entry, i) => decodeType(entry, source, keeper, `tp.${i}`)) }
  }
}

function isFilled(proto: AttributeProto, field: ValueField): boolean {
  const value = proto[field]
  return Array.isArray(value) ? value.length > 0 : Object.hasOwn(proto, field)
}

function typeOfCode(code: number, source: Source): keyof typeof attributeTypes {
  for (const [type, info] of Object.entries(attributeTypes)) if (info.code === code) return type as keyof typeof attributeTypes
  return source.fail('ONNX_UNSUPPORTED', 'an attribute type from 1 to 14', `${code}`)
}

/** Files of the first IR version do not state the type of an attribute: the field that is filled tells it. */
function typeOfField(field: ValueField | undefined, source: Source): keyof typeof attributeTypes {
  for (const [type, info] of Object.entries(attributeTypes)) if (info.field === field) return type as keyof typeof attributeTypes
  return source.fail('ONNX_MALFORMED', 'an attribute with a type or a value', 'neither')
}

function required<T>(value: T | undefined, source: Source): T {
  return value ?? source.fail('ONNX_MALFORMED', 'the value of the attribute', 'none')
}

function textOf(bytes: Uint8Array): string | Uint8Array {
  return tryDecodeUtf8(bytes) ?? bytes
}

function docOf(proto: { docString: string }): { doc?: string } {
  return proto.docString === '' ? {} : { doc: proto.docString }
}

function domainOf(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}
