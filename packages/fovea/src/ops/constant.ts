// Operators that make values from nothing, or from sizes: Constant, ConstantOfShape, Range, EyeLike.

import { type DataType, dataTypeOfCode } from '../graph/data-type.ts'
import { ceilDivideDims, type Dim, subtractDims } from '../graph/dims.ts'
import { type Attribute, type SparseTensor, tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import { type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'
import { noFlops } from './rules.ts'

/** The attributes of which Constant has exactly one. */
const constantForms = ['value', 'sparse_value', 'value_float', 'value_floats', 'value_int', 'value_ints', 'value_string', 'value_strings']

function constantAttribute(ctx: Attributes): Attribute {
  const given = constantForms.filter((name) => ctx.has(name))
  if (given.length !== 1) ctx.fail(`one attribute of ${constantForms.join(', ')}`, given.join(', ') || 'none')
  return ctx.node.attributes.get(given[0]!)!
}

function inferConstant(ctx: InferContext): InferredValue[] {
  const attribute = constantAttribute(ctx)
  switch (attribute.type) {
    case 'tensor':
      return [{ type: tensorType(attribute.value.dtype, attribute.value.dims) }]
    case 'sparseTensor':
      return [{ type: tensorType(attribute.value.values.dtype, attribute.value.dims) }]
    case 'float':
      return [{ type: tensorType('float32', []) }]
    case 'floats':
      return [{ type: tensorType('float32', [attribute.value.length]) }]
    case 'int':
      return [{ type: tensorType('int64', []) }]
    case 'ints':
      return [{ type: tensorType('int64', [attribute.value.length]) }]
    case 'string':
      return [{ type: tensorType('string', []) }]
    case 'strings':
      return [{ type: tensorType('string', [attribute.value.length]) }]
    default:
      return ctx.fail('a tensor, numbers or strings', attribute.type)
  }
}

function evaluateConstant(ctx: Attributes): NDArray[] {
  const attribute = constantAttribute(ctx)
  switch (attribute.type) {
    case 'tensor':
      return [ndarray(attribute.value.dtype, attribute.value.dims, numbersOf(attribute.value))]
    case 'sparseTensor':
      return [denseOf(attribute.value)]
    case 'float':
      return [ndarray('float32', [], [attribute.value])]
    case 'floats':
      return [ndarray('float32', [attribute.value.length], attribute.value)]
    case 'int':
      return [ndarray('int64', [], [Number(attribute.value)])]
    case 'ints':
      return [ndarray('int64', [attribute.value.length], attribute.value.map(Number))]
    default:
      return ctx.fail('numbers: the reference does not compute with text', attribute.type)
  }
}

/** A sparse tensor's indices are positions in row-major order, or one tuple of coordinates for each value. */
function denseOf({ dims, values, indices }: SparseTensor): NDArray {
  const result = ndarray(values.dtype, dims)
  const strides = indices.dims.length > 1 ? stridesOf(dims) : [1]
  const at = numbersOf(indices)
  numbersOf(values).forEach((value, i) => {
    const position = strides.reduce((sum, stride, axis) => sum + stride * at[i * strides.length + axis]!, 0)
    result.data[position] = value
  })
  return result
}

function inferConstantOfShape(ctx: InferContext): InferredValue[] {
  const dtype = ctx.tensor('value')?.dtype ?? 'float32'
  const length = ctx.dims(0)?.[0]
  const dims = ctx.contents(0) ?? (typeof length === 'number' ? new Array<Dim>(length).fill(null) : undefined)
  return [{ type: tensorType(dtype, dims) }]
}

/** Number of elements from `start` in steps of `delta` before `limit`. */
function rangeLength(ctx: Attributes, start: number, limit: number, delta: number): number {
  if (delta === 0) ctx.fail('a delta other than 0', '0')
  return Math.max(0, Math.ceil((limit - start) / delta))
}

function inferRange(ctx: InferContext): InferredValue[] {
  const values = [0, 1, 2].map((i): Dim => ctx.constant(i)?.data[0] ?? ctx.contents(i)?.[0] ?? null)
  const [start, limit, delta] = values as [Dim, Dim, Dim]
  return [{ type: tensorType(ctx.dtype(0), [rangeDim(ctx, start, limit, delta)]) }]
}

function rangeDim(ctx: Attributes, start: Dim, limit: Dim, delta: Dim): Dim {
  if (typeof start === 'number' && typeof limit === 'number' && typeof delta === 'number') return rangeLength(ctx, start, limit, delta)
  return typeof delta === 'number' && Number.isInteger(delta) && delta > 0 ? ceilDivideDims(subtractDims(limit, start), delta) : null
}

function rangeGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dy = ctx.gradient(0)!
  const total = (value: string) => b.op('ReduceSum', [value], { keepdims: 0 })
  const [length] = ctx.shape(ctx.output(0)) as [number]
  const steps = () =>
    b.op(
      'Range',
      [0, length, 1].map((value) => ctx.scalar(value, ctx.dtype(ctx.output(0)))),
    )
  return [ctx.needs(0) ? total(dy) : undefined, undefined, ctx.needs(2) ? total(b.op('Mul', [dy, steps()])) : undefined]
}

/** The element type that an attribute `dtype` names, or the fallback where it is absent. */
export function dtypeAttribute(ctx: Attributes, fallback: DataType): DataType {
  const code = ctx.int('dtype', undefined)
  if (code === undefined) return fallback
  return dataTypeOfCode(code) ?? ctx.fail('a data type of ONNX', `${code}`)
}

function evaluateEye(x: NDArray, dtype: DataType, diagonal: number): NDArray {
  const columns = x.dims[1]!
  return { dtype, dims: x.dims, data: x.data.map((_, i) => ((i % columns) - Math.floor(i / columns) === diagonal ? 1 : 0)) }
}

export const constant: OperatorFamily = {
  Constant: {
    infer: inferConstant,
    gradient: zeroGradient('the result is constant'),
    flops: noFlops,
    evaluate: evaluateConstant,
  },
  ConstantOfShape: {
    infer: inferConstantOfShape,
    gradient: zeroGradient('the result depends on the shape alone'),
    flops: noFlops,
    evaluate: (ctx) => {
      const value = ctx.tensor('value')
      const dims = [...ctx.input(0).data]
      const fill = value === undefined ? 0 : numbersOf(value)[0]!
      return [ndarray(value?.dtype ?? 'float32', dims, new Float64Array(sizeOf(dims)).fill(fill))]
    },
  },
  Range: {
    infer: inferRange,
    gradient: rangeGradient,
    flops: noFlops,
    evaluate: (ctx) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => ctx.input(i).data[0]!) as [number, number, number]
      const length = rangeLength(ctx, start, limit, delta)
      return [
        ndarray(
          ctx.input(0).dtype,
          [length],
          Float64Array.from({ length }, (_, i) => start + i * delta),
        ),
      ]
    },
  },
  EyeLike: {
    infer: (ctx) => {
      const type = ctx.type(0)
      return [{ type: { ...type, dtype: dtypeAttribute(ctx, type.dtype) } }]
    },
    gradient: zeroGradient('the result depends on the shape alone'),
    flops: noFlops,
    evaluate: (ctx) => {
      const x = ctx.input(0)
      if (x.dims.length !== 2) ctx.fail('a matrix', `[${x.dims}]`)
      return [evaluateEye(x, dtypeAttribute(ctx, x.dtype), ctx.int('k', 0))]
    },
  },
}
