// Models to ONNX files.

import { create } from '@bufbuild/protobuf'
import { FoveaError } from '../../util/errors.ts'
import { encodeUtf8 } from '../../util/utf8.ts'
import type { Attribute, FunctionDefinition, Graph, Model, Node } from '../model.ts'
import { attributeTypes } from './attribute-types.ts'
import { type Chunks, toChunks } from './chunks.ts'
import { encodePairs, encodeSparseProto, encodeTensorProto, encodeType, encodeValue } from './encode-tensor.ts'
import { type ExternalOptions, ExternalWriter } from './external-writer.ts'
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type OperatorSetIdProto,
  OperatorSetIdProtoSchema,
  TensorAnnotationSchema,
} from './onnx_pb.gen.ts'
import { restore } from './preserve.ts'

export interface EncodeOptions {
  /** Puts initializers and tensor attributes of some size into a file beside the model. */
  external?: ExternalOptions
}

/** Largest file that the format and its readers allow. */
const maxFileBytes = 2 ** 31 - 1

/**
 * The model as an ONNX file, in pieces to be written one after another. Large tensors are not copied: their pieces are
 * views of the model's own bytes.
 *
 * @throws FoveaError ONNX_TOO_LARGE from 2 GiB on, GRAPH_INVALID for numbers that the format cannot hold
 */
export function encodeModelChunks(model: Model, options: EncodeOptions = {}): Chunks {
  const external = options.external === undefined ? undefined : new ExternalWriter(options.external)
  const chunks = toChunks(modelProto(model, external))
  if (chunks.length > maxFileBytes)
    throw new FoveaError('ONNX_TOO_LARGE', {
      expected: 'a file of less than 2 GiB',
      found: `${chunks.length} bytes`,
      remedy: 'Write the weights beside the model with the option external.',
    })
  return chunks
}

/**
 * The model as the bytes of an ONNX file; weights are copied once, into the result.
 *
 * @throws FoveaError ONNX_TOO_LARGE from 2 GiB on, GRAPH_INVALID for numbers that the format cannot hold
 */
export function encodeModel(model: Model, options: EncodeOptions = {}): Uint8Array {
  const { parts, length } = encodeModelChunks(model, options)
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function modelProto(model: Model, external: ExternalWriter | undefined): ModelProto {
  const { unknownFields } = model
  const proto = create(ModelProtoSchema, {
    irVersion: integer(model.irVersion, { field: 'irVersion' }),
    opsetImport: opsetProtos(model.opsets, unknownFields),
    graph: graphProto(model.graph, external),
    functions: model.functions.map((definition) => functionProto(definition, external)),
    metadataProps: encodePairs(model.metadata, unknownFields, 'metadata'),
  })
  if (model.producerName !== undefined) proto.producerName = model.producerName
  if (model.producerVersion !== undefined) proto.producerVersion = model.producerVersion
  if (model.domain !== undefined) proto.domain = model.domain
  if (model.modelVersion !== undefined) proto.modelVersion = integer(model.modelVersion, { field: 'modelVersion' })
  if (model.doc !== undefined) proto.docString = model.doc
  return restore(unknownFields, '', proto)
}

function opsetProtos(opsets: ReadonlyMap<string, number>, preserved: unknown): OperatorSetIdProto[] {
  return [...opsets].map(([domain, version]) => {
    const proto = create(OperatorSetIdProtoSchema, { domain, version: integer(version, { field: `opset ${domain}` }) })
    return restore(preserved, `opset.${domain}`, proto)
  })
}

function graphProto(graph: Graph, external: ExternalWriter | undefined): GraphProto {
  const { unknownFields } = graph
  const proto = create(GraphProtoSchema, {
    name: graph.name,
    input: graph.inputs.map(encodeValue),
    output: graph.outputs.map(encodeValue),
    node: graph.nodes.map((node) => nodeProto(node, external)),
    initializer: [...graph.initializers].map(([name, tensor]) =>
      encodeTensorProto(tensor, unknownFields, `initializer.${name}`, name, external),
    ),
    sparseInitializer: [...(graph.sparseInitializers ?? [])].map(([name, sparse]) =>
      encodeSparseProto(sparse, unknownFields, `sparse.${name}`, name),
    ),
    valueInfo: [...graph.values.values()].map(encodeValue),
    quantizationAnnotation: [...(graph.quantization ?? [])].map(([tensorName, parameters]) => {
      const path = `quantization.${tensorName}`
      const quantParameterTensorNames = encodePairs(parameters, unknownFields, path)
      return restore(unknownFields, path, create(TensorAnnotationSchema, { tensorName, quantParameterTensorNames }))
    }),
    metadataProps: encodePairs(graph.metadata, unknownFields, 'metadata'),
  })
  if (graph.doc !== undefined) proto.docString = graph.doc
  return restore(unknownFields, '', proto)
}

function functionProto(definition: FunctionDefinition, external: ExternalWriter | undefined): FunctionProto {
  const { unknownFields } = definition
  const proto = create(FunctionProtoSchema, {
    name: definition.name,
    domain: definition.domain,
    input: definition.inputs,
    output: definition.outputs,
    attribute: definition.attributes,
    attributeProto: attributeProtos(definition.defaults, definition.name, external),
    node: definition.nodes.map((node) => nodeProto(node, external)),
    opsetImport: opsetProtos(definition.opsets, unknownFields),
    valueInfo: [...definition.values.values()].map(encodeValue),
    metadataProps: encodePairs(definition.metadata, unknownFields, 'metadata'),
  })
  if (definition.overload !== undefined) proto.overload = definition.overload
  if (definition.doc !== undefined) proto.docString = definition.doc
  return restore(unknownFields, '', proto)
}

function nodeProto(node: Node, external: ExternalWriter | undefined): NodeProto {
  const { unknownFields } = node
  const proto = create(NodeProtoSchema, {
    input: node.inputs,
    output: node.outputs,
    opType: node.op,
    attribute: attributeProtos(node.attributes, node.name || (node.outputs[0] ?? node.op), external),
    metadataProps: encodePairs(node.metadata, unknownFields, 'metadata'),
  })
  if (node.name !== '') proto.name = node.name
  if (node.domain !== '') proto.domain = node.domain
  if (node.overload !== undefined) proto.overload = node.overload
  if (node.doc !== undefined) proto.docString = node.doc
  return restore(unknownFields, '', proto)
}

function attributeProtos(attributes: ReadonlyMap<string, Attribute>, node: string, external: ExternalWriter | undefined): AttributeProto[] {
  return [...attributes].map(([name, attribute]) => {
    const proto = create(AttributeProtoSchema, { name })
    fill(proto, attribute, { node, field: name }, external)
    if (attribute.doc !== undefined) proto.docString = attribute.doc
    return restore(attribute.unknownFields, '', proto)
  })
}

interface Place {
  readonly node?: string
  readonly field: string
}

function fill(proto: AttributeProto, attribute: Attribute, place: Place, external: ExternalWriter | undefined): void {
  const preserved = attribute.unknownFields
  if (attribute.type === 'reference') {
    proto.refAttrName = attribute.value
    if (attribute.of !== 'undefined') proto.type = attributeTypes[attribute.of].code
    return
  }
  proto.type = attributeTypes[attribute.type].code
  switch (attribute.type) {
    case 'float':
      proto.f = float(attribute.value, place)
      break
    case 'int':
      proto.i = integer(attribute.value, place)
      break
    case 'string':
      proto.s = bytesOf(attribute.value)
      break
    case 'tensor':
      proto.t = encodeTensorProto(attribute.value, preserved, 't', undefined, external)
      break
    case 'graph':
      proto.g = graphProto(attribute.value, external)
      break
    case 'sparseTensor':
      proto.sparseTensor = encodeSparseProto(attribute.value, preserved, 'sparse')
      break
    case 'valueType':
      proto.tp = encodeType(attribute.value, preserved, 'tp', place.field)
      break
    case 'floats':
      proto.floats = attribute.value.map((value) => float(value, place))
      break
    case 'ints':
      proto.ints = attribute.value.map((value) => integer(value, place))
      break
    case 'strings':
      proto.strings = attribute.value.map(bytesOf)
      break
    case 'tensors':
      proto.tensors = attribute.value.map((tensor, i) => encodeTensorProto(tensor, preserved, `t.${i}`, undefined, external))
      break
    case 'graphs':
      proto.graphs = attribute.value.map((graph) => graphProto(graph, external))
      break
    case 'sparseTensors':
      proto.sparseTensors = attribute.value.map((sparse, i) => encodeSparseProto(sparse, preserved, `sparse.${i}`))
      break
    case 'valueTypes':
      proto.typeProtos = attribute.value.map((type, i) => encodeType(type, preserved, `tp.${i}`, place.field))
      break
  }
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === 'string' ? encodeUtf8(text) : text
}

function integer(value: number | bigint, place: Place): bigint {
  const fits = typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value)
  if (!fits) throw new FoveaError('GRAPH_INVALID', { ...place, expected: 'a 64-bit integer', found: `${value}` })
  return BigInt(value)
}

function float(value: number, place: Place): number {
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    throw new FoveaError('GRAPH_INVALID', { ...place, expected: 'a number that float32 can hold', found: `${value}` })
  return value
}
