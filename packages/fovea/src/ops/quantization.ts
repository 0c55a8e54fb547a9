// Quantized arithmetic: linear quantization, and products of quantized matrices and images.

import { type DataType, dataTypeOfCode, isInteger } from '../graph/data-type.ts'
import { type Dim, formatDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { roundHalfEven } from '../util/small-float.ts'
import { convolve } from './convolution.ts'
import { checkedAxis } from './elements.ts'
import { castTo, reduced, reshapedTo } from './emit.ts'
import { saturateTo } from './integers.ts'
import { evaluateProduct, productDims } from './linear.ts'
import { reshapeArray } from './matrix.ts'
import { forEachOffset, mapArray, type NDArray, ndarray, stridesOf, zipArrays } from './ndarray.ts'
import type {
  Attributes,
  EvaluateContext,
  GradientRule,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { zeroGradient } from './operator.ts'
import { flopsPerOutput } from './rules.ts'
import { windowAttributes, windowDims, windowsOver } from './windows.ts'

const steps = zeroGradient(
  'quantization is constant between its steps; train with the float graph, or through a straight-through estimator',
)
const integers = zeroGradient('the inputs are quantized integers')

/** For each element of x the position of its scale: one for all, one per slice along an axis, or one per block of an axis. */
function scalePositions(ctx: EvaluateContext, x: NDArray, scale: NDArray): Int32Array {
  const positions = new Int32Array(x.data.length)
  if (scale.data.length === 1) return positions
  const axis = checkedAxis(ctx, ctx.int('axis', 1), x.dims.length)
  const blocked = scale.dims.length === x.dims.length && x.dims.length > 1
  const count = blocked ? scale.dims[axis]! : scale.data.length
  const block = blocked ? ctx.int('block_size', 0) || Math.ceil(x.dims[axis]! / count) : 1
  if (Math.ceil(x.dims[axis]! / block) !== count) ctx.fail(`${Math.ceil(x.dims[axis]! / block)} scales along axis ${axis}`, `${count}`)
  const along = stridesOf(x.dims)[axis]!
  const own = blocked ? stridesOf(scale.dims) : x.dims.map((_, i) => Number(i === axis))
  // Along the quantized axis the position moves once a block; the other axes move as the scale's shape says.
  const strides = own.map((stride, i) => (i === axis ? 0 : stride))
  forEachOffset(x.dims, [strides], (i, at) => {
    const index = Math.floor(i / along) % x.dims[axis]!
    positions[i] = at[0]! + Math.floor(index / block) * own[axis]!
  })
  return positions
}

/** Division as the runtime does it: float32 quotients are rounded, which decides where ties fall. */
function dividerOf(dtype: DataType): (x: number, scale: number) => number {
  return dtype === 'float32' ? (x, scale) => Math.fround(x / scale) : (x, scale) => x / scale
}

/** Scaled values plus zero points, brought into a quantized type. */
function quantized(ctx: Attributes, dtype: DataType, dims: readonly number[], scaled: Float64Array, zero: (i: number) => number): NDArray {
  if (!isInteger(dtype)) {
    const sums = scaled.map((value, i) => value + zero(i))
    return { dtype, dims, data: numbersOf(tensorOfNumbers(dtype, dims, sums, { saturate: ctx.int('saturate', 1) !== 0 })) }
  }
  const saturate = saturateTo(dtype)
  return { dtype, dims, data: scaled.map((value, i) => saturate(roundHalfEven(value) + zero(i))) }
}

/** Element type of a quantized result: that of the zero point, else `output_dtype`, else uint8. */
function quantizedType(ctx: Attributes, zero: DataType | undefined): DataType {
  return zero ?? dataTypeOfCode(ctx.int('output_dtype', 0)) ?? 'uint8'
}

const quantizeLinear: OperatorDefinition = {
  infer: (ctx) => [{ type: tensorType(quantizedType(ctx, ctx.hasInput(2) ? ctx.dtype(2) : undefined), ctx.dims(0)) }],
  gradient: steps,
  flops: flopsPerOutput(2),
  evaluate: (ctx) => {
    const [x, scale, zero] = [ctx.input(0), ctx.input(1), ctx.inputs[2]]
    const dtype = quantizedType(ctx, zero?.dtype)
    const positions = scalePositions(ctx, x, scale)
    const divide = dividerOf(x.dtype)
    const scaled = x.data.map((value, i) => divide(value, scale.data[positions[i]!]!))
    return [quantized(ctx, dtype, x.dims, scaled, (i) => zero?.data[positions[i]!] ?? 0)]
  },
}

/** dScale = sum(dy * (x - zero point)) over the elements that share a scale. */
const dequantizeGradient: GradientRule = (ctx) => {
  if (!ctx.needs(1)) return []
  const { b } = ctx
  const [x, scale] = [ctx.input(0), ctx.input(1)]
  const [dims, scales] = [ctx.shape(x), ctx.shape(scale)]
  if (scales.length > 1) ctx.fail('one scale, or one per slice of an axis, where its gradient is wanted', `[${scales}]`)
  const dtype = ctx.dtype(scale)
  const single = sizeOf(scales) === 1
  const axis = single ? -1 : checkedAxis(ctx, ctx.int('axis', 1), dims.length)
  const column = dims.map((dim, i) => (i === axis ? dim : 1))
  const values = castTo(ctx, x, dtype)
  const zero = ctx.hasInput(2) ? reshapedTo(ctx, castTo(ctx, ctx.input(2), dtype), column) : undefined
  const steps = zero === undefined ? values : b.op('Sub', [values, zero])
  const axes = dims.map((_, i) => i).filter((i) => i !== axis)
  const sum = reduced(ctx, 'ReduceSum', b.op('Mul', [ctx.gradient(0), steps]), axes)
  return [undefined, reshapedTo(ctx, sum, scales)]
}

const dequantizeLinear: OperatorDefinition = {
  infer: (ctx) => [{ type: tensorType(dataTypeOfCode(ctx.int('output_dtype', 0)) ?? ctx.dtype(1), ctx.dims(0)) }],
  gradient: dequantizeGradient,
  flops: flopsPerOutput(2),
  evaluate: (ctx) => {
    const [x, scale, zero] = [ctx.input(0), ctx.input(1), ctx.inputs[2]]
    const positions = scalePositions(ctx, x, scale)
    const data = x.data.map((value, i) => (value - (zero?.data[positions[i]!] ?? 0)) * scale.data[positions[i]!]!)
    return [{ dtype: dataTypeOfCode(ctx.int('output_dtype', 0)) ?? scale.dtype, dims: x.dims, data }]
  },
}

/** Scale and zero point that map the range of x, with 0 in it, to uint8. */
const dynamicQuantizeLinear: OperatorDefinition = {
  infer: (ctx) => [{ type: tensorType('uint8', ctx.dims(0)) }, { type: tensorType('float32', []) }, { type: tensorType('uint8', []) }],
  gradient: steps,
  flops: flopsPerOutput(4),
  evaluate: (ctx) => {
    const x = ctx.input(0)
    const divide = dividerOf('float32')
    const low = x.data.reduce((a, b) => Math.min(a, b), 0)
    const high = x.data.reduce((a, b) => Math.max(a, b), 0)
    const scale = divide(Math.fround(high - low), 255)
    const saturate = saturateTo('uint8')
    const zero = scale === 0 ? 0 : saturate(divide(-low, scale))
    const scaled = x.data.map((value) => (scale === 0 ? 0 : divide(value, scale)))
    return [quantized(ctx, 'uint8', x.dims, scaled, () => zero), ndarray('float32', [], [scale]), ndarray('uint8', [], [zero])]
  },
}

/** x minus its zero point. A list of zero points belongs to the given axis of x. */
function centred(x: NDArray, zero: NDArray | undefined, axis: number): NDArray {
  if (zero === undefined) return { ...x, dtype: 'int32' }
  const listed = zero.dims.length === 1 && zero.data.length > 1
  const column = x.dims.map((dim, i) => (i === axis ? dim : 1))
  const shaped = listed ? reshapeArray(zero, column) : zero.data.length === 1 ? reshapeArray(zero, []) : zero
  return zipArrays(x, shaped, (value, offset) => value - offset, 'int32')
}

/** Multiplies by a scale per tensor, or per slice along an axis, and quantizes. */
function requantized(ctx: EvaluateContext, x: NDArray, factors: NDArray, axis: number, zero: NDArray): NDArray {
  const along = stridesOf(x.dims)[axis]!
  const factorOf = (i: number) => factors.data[(Math.floor(i / along) % x.dims[axis]!) % factors.data.length]!
  const scaled = x.data.map((value, i) => value * factorOf(i))
  return quantized(ctx, zero.dtype, x.dims, scaled, () => zero.data[0]!)
}

const matMulInteger: OperatorDefinition = {
  infer: (ctx) => [{ type: tensorType('int32', productDims(ctx, ctx.dims(0), ctx.dims(1))) }],
  gradient: integers,
  flops: (ctx) => 2 * sizeOf(ctx.outputDims(0)) * ctx.inputDims(0).at(-1)!,
  evaluate: (ctx) => {
    const [a, b] = [ctx.input(0), ctx.input(1)]
    return [evaluateProduct(ctx, centred(a, ctx.inputs[2], a.dims.length - 2), centred(b, ctx.inputs[3], b.dims.length - 1))]
  },
}

const qLinearMatMul: OperatorDefinition = {
  infer: (ctx) => [{ type: tensorType(ctx.dtype(7), productDims(ctx, ctx.dims(0), ctx.dims(3))) }],
  gradient: integers,
  flops: (ctx) => 2 * sizeOf(ctx.outputDims(0)) * ctx.inputDims(0).at(-1)!,
  evaluate: (ctx) => {
    const [a, b] = [ctx.input(0), ctx.input(3)]
    const product = evaluateProduct(ctx, centred(a, ctx.input(2), a.dims.length - 2), centred(b, ctx.input(5), b.dims.length - 1))
    const rows = ctx.input(1)
    if (rows.data.length > 1) ctx.fail('one scale for the left matrix', `[${rows.dims}]`)
    const factors = mapArray(ctx.input(4), (scale) => (rows.data[0]! * scale) / ctx.input(6).data[0]!)
    return [requantized(ctx, product, factors, product.dims.length - 1, ctx.input(7))]
  },
}

/** Shape of a convolution of input `x` with weight `weight`. */
function inferConvolution(ctx: InferContext, x: number, weight: number, dtype: DataType): InferredValue[] {
  const [image, kernel] = [ctx.dims(x), ctx.dims(weight)]
  if (image === undefined || kernel === undefined) return [{ type: tensorType(dtype) }]
  if (image.length < 3 || image.length !== kernel.length)
    ctx.fail('an image and a weight of one rank, 3 or more', `${formatDims(image)} and ${formatDims(kernel)}`)
  const sizes = kernel.slice(2)
  const fixed = sizes.every((size) => typeof size === 'number')
  const spatial = fixed
    ? windowDims(ctx, image.slice(2), windowAttributes(ctx, sizes as number[]))
    : new Array<Dim>(sizes.length).fill(null)
  return [{ type: tensorType(dtype, [image[0]!, kernel[0]!, ...spatial]) }]
}

function evaluateConvolution(ctx: EvaluateContext, x: NDArray, weight: NDArray): NDArray {
  return convolve(x, weight, ctx.int('group', 1), windowsOver(ctx, x.dims.slice(2), weight.dims.slice(2)))
}

const convInteger: OperatorDefinition = {
  infer: (ctx) => inferConvolution(ctx, 0, 1, 'int32'),
  gradient: integers,
  flops: (ctx) => 2 * sizeOf(ctx.outputDims(0)) * sizeOf(ctx.inputDims(1).slice(1)),
  evaluate: (ctx) => [evaluateConvolution(ctx, centred(ctx.input(0), ctx.inputs[2], 1), centred(ctx.input(1), ctx.inputs[3], 0))],
}

const qLinearConv: OperatorDefinition = {
  infer: (ctx) => inferConvolution(ctx, 0, 3, ctx.dtype(7)),
  gradient: integers,
  flops: (ctx) => 2 * sizeOf(ctx.outputDims(0)) * sizeOf(ctx.inputDims(3).slice(1)),
  evaluate: (ctx) => {
    const sums = evaluateConvolution(ctx, centred(ctx.input(0), ctx.input(2), 1), centred(ctx.input(3), ctx.input(5), 0))
    const bias = ctx.inputs[8]
    const column = sums.dims.map((dim, i) => (i === 1 ? dim : 1))
    const biased = bias === undefined ? sums : zipArrays(sums, reshapeArray(bias, column), (x, y) => x + y)
    const factors = mapArray(ctx.input(4), (scale) => (ctx.input(1).data[0]! * scale) / ctx.input(6).data[0]!)
    return [requantized(ctx, biased, factors, 1, ctx.input(7))]
  },
}

export const quantization: OperatorFamily = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matMulInteger,
  QLinearMatMul: qLinearMatMul,
  ConvInteger: convInteger,
  QLinearConv: qLinearConv,
}
