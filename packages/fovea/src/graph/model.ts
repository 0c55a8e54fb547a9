// The program as data: Model, Graph, Node, Value. Values are linked by name, as in ONNX itself.

import type { DataType } from './data-type.ts'
import type { Dim } from './dims.ts'
import type { Tensor } from './tensor.ts'

/** Fields of the file that this version does not know, kept so that writing the model again loses nothing. */
export interface Preserved {
  readonly unknownFields?: unknown
}

export type ValueType =
  | { readonly kind: 'tensor' | 'sparse'; readonly dtype: DataType; readonly dims?: readonly Dim[]; readonly denotation?: string }
  | { readonly kind: 'sequence' | 'optional'; readonly element: ValueType | undefined; readonly denotation?: string }
  | { readonly kind: 'map'; readonly key: DataType; readonly value: ValueType | undefined; readonly denotation?: string }
  | { readonly kind: 'opaque'; readonly domain: string; readonly name: string; readonly denotation?: string }

export type TensorType = Extract<ValueType, { dtype: DataType }>

export interface Value extends Preserved {
  name: string
  type?: ValueType
  doc?: string
  metadata?: Map<string, string>
}

export interface SparseTensor {
  readonly dims: readonly number[]
  readonly values: Tensor
  readonly indices: Tensor
}

/** An attribute. Integers beyond 2^53 are bigint; text that is not UTF-8 is bytes. */
export type Attribute = (
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'int'; readonly value: number | bigint }
  | { readonly type: 'string'; readonly value: string | Uint8Array }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'sparseTensor'; readonly value: SparseTensor }
  | { readonly type: 'valueType'; readonly value: ValueType | undefined }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly type: 'strings'; readonly value: readonly (string | Uint8Array)[] }
  | { readonly type: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly type: 'graphs'; readonly value: readonly Graph[] }
  | { readonly type: 'sparseTensors'; readonly value: readonly SparseTensor[] }
  | { readonly type: 'valueTypes'; readonly value: readonly (ValueType | undefined)[] }
  /** Inside a function: the value of the calling node's attribute of this name, which has the stated type. */
  | { readonly type: 'reference'; readonly value: string; readonly of: Exclude<Attribute['type'], 'reference'> | 'undefined' }
) & { readonly doc?: string } & Preserved

export interface Node extends Preserved {
  op: string
  /** '' for the standard operators (`ai.onnx`). */
  domain: string
  name: string
  /** Value names; '' where an optional input is left out. */
  inputs: string[]
  /** Value names; '' where an optional output is left out. */
  outputs: string[]
  attributes: Map<string, Attribute>
  overload?: string
  doc?: string
  metadata?: Map<string, string>
}

export interface Graph extends Preserved {
  name: string
  doc?: string
  inputs: Value[]
  outputs: Value[]
  nodes: Node[]
  initializers: Map<string, Tensor>
  sparseInitializers?: Map<string, SparseTensor>
  /** Types of the values between inputs and outputs, where they are known. */
  values: Map<string, Value>
  quantization?: Map<string, Map<string, string>>
  metadata?: Map<string, string>
}

/** An operator defined by other operators, local to the model. */
export interface FunctionDefinition extends Preserved {
  name: string
  domain: string
  overload?: string
  inputs: string[]
  outputs: string[]
  /** Attributes without a default. */
  attributes: string[]
  /** Attributes with their defaults. */
  defaults: Map<string, Attribute>
  nodes: Node[]
  opsets: Map<string, number>
  values: Map<string, Value>
  doc?: string
  metadata?: Map<string, string>
}

export interface Model extends Preserved {
  irVersion: number
  /** Version of each operator domain; the standard domain is ''. */
  opsets: Map<string, number>
  graph: Graph
  functions: FunctionDefinition[]
  /** `metadata_props`, in order. */
  metadata: Map<string, string>
  producerName?: string
  producerVersion?: string
  domain?: string
  modelVersion?: number | bigint
  doc?: string
}

/** How the op table names a node's operator: `Conv`, `com.microsoft::FusedMatMul`. */
export function operatorKey(node: Pick<Node, 'op' | 'domain'>): string {
  return node.domain === '' || node.domain === 'ai.onnx' ? node.op : `${node.domain}::${node.op}`
}

export function tensorType(dtype: DataType, dims?: readonly Dim[]): TensorType {
  return dims === undefined ? { kind: 'tensor', dtype } : { kind: 'tensor', dtype, dims }
}

/** A graph with nothing in it. */
export function emptyGraph(name = 'main'): Graph {
  return { name, inputs: [], outputs: [], nodes: [], initializers: new Map(), values: new Map() }
}
