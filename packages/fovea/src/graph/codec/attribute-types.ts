// The types of attributes: their numbers in the specification and the field that holds the value.

import type { Attribute } from '../model.ts'
import type { AttributeProto } from './onnx_pb.gen.ts'

export type ValueField = keyof AttributeProto &
  (
    | 'f'
    | 'i'
    | 's'
    | 't'
    | 'g'
    | 'floats'
    | 'ints'
    | 'strings'
    | 'tensors'
    | 'graphs'
    | 'sparseTensor'
    | 'sparseTensors'
    | 'tp'
    | 'typeProtos'
  )

export const attributeTypes = {
  float: { code: 1, field: 'f' },
  int: { code: 2, field: 'i' },
  string: { code: 3, field: 's' },
  tensor: { code: 4, field: 't' },
  graph: { code: 5, field: 'g' },
  floats: { code: 6, field: 'floats' },
  ints: { code: 7, field: 'ints' },
  strings: { code: 8, field: 'strings' },
  tensors: { code: 9, field: 'tensors' },
  graphs: { code: 10, field: 'graphs' },
  sparseTensor: { code: 11, field: 'sparseTensor' },
  sparseTensors: { code: 12, field: 'sparseTensors' },
  valueType: { code: 13, field: 'tp' },
  valueTypes: { code: 14, field: 'typeProtos' },
} as const satisfies Record<Exclude<Attribute['type'], 'reference'>, { code: number; field: ValueField }>

export const valueFields: readonly ValueField[] = Object.values(attributeTypes).map((info) => info.field)
