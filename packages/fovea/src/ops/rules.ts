// Rules that many operators share.

import type { DataType } from '../graph/data-type.ts'
import { type Dim, dimsConflict, formatDims } from '../graph/dims.ts'
import { type TensorType, tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { mapArray } from './ndarray.ts'
import type { FlopsContext, GradientContext, InferContext, InferredValue, OperatorDefinition } from './operator.ts'

/** Output 0 has the type and shape of input 0. */
export function sameAsFirstInput(ctx: InferContext): InferredValue[] {
  return [{ type: ctx.type(0) }]
}

/** FLOPs of `each` operations per element of output 0. */
export function flopsPerOutput(each: number): (ctx: FlopsContext) => number {
  return (ctx) => each * sizeOf(ctx.outputDims(0))
}

/** An operator that only moves or relabels data. */
export function noFlops(): number {
  return 0
}

/** The shape under numpy's broadcasting; null where a dimension cannot be known. Unequal symbols are trusted to be equal or 1 at run time. */
export function broadcastDims(ctx: InferContext, shapes: readonly (readonly Dim[] | undefined)[]): readonly Dim[] | undefined {
  if (shapes.some((shape) => shape === undefined)) return undefined
  const known = shapes as readonly (readonly Dim[])[]
  const rank = Math.max(0, ...known.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, i) => {
    const column = known.map((shape) => (i < rank - shape.length ? 1 : shape[i - rank + shape.length]!))
    const numbers = column.filter((dim): dim is number => typeof dim === 'number' && dim !== 1)
    if (numbers.some((dim) => dimsConflict(dim, numbers[0]!))) ctx.fail('shapes that broadcast', known.map(formatDims).join(' and '))
    if (numbers.length > 0) return numbers[0]!
    const symbols = [...new Set(column.filter((dim) => dim !== 1))]
    return symbols.length === 0 ? 1 : symbols.length === 1 ? symbols[0]! : null
  })
}

/** An elementwise operator of several inputs under broadcasting. */
export function inferBroadcast(ctx: InferContext, dtype: DataType = ctx.dtype(0)): InferredValue[] {
  const shapes = Array.from({ length: ctx.inputCount }, (_, i) => ctx.dims(i))
  return [{ type: tensorType(dtype, broadcastDims(ctx, shapes)) }]
}

/** What an elementwise function of one value needs to become an operator. */
export interface UnaryFunction {
  /** Its meaning. */
  readonly f: (x: number, attributes: FlopsOrAttributes) => number
  /** FLOPs an element, as a rough figure. @default 1 */
  readonly cost?: number
  readonly gradient: OperatorDefinition['gradient']
  /** Element type of the result where it is not that of the input. */
  readonly result?: DataType
}

type FlopsOrAttributes = Pick<FlopsContext, 'int' | 'float' | 'string' | 'opset' | 'node'>

/** An operator that applies a function to every element. */
export function unary({ f, cost = 1, gradient, result }: UnaryFunction): OperatorDefinition {
  return {
    infer: (ctx) => {
      const type = ctx.type(0)
      return [{ type: result === undefined ? type : retyped(type, result) }]
    },
    gradient,
    flops: flopsPerOutput(cost),
    evaluate: (ctx) => [mapArray(ctx.input(0), (x) => f(x, ctx), result)],
  }
}

/** A tensor type with another element type. */
export function retyped(type: TensorType, dtype: DataType): TensorType {
  return { ...type, dtype }
}

/** The gradient rule of y = f(x) where dx = dy * `slope`, with `slope` emitted from names of x and y. */
export function chain(slope: (ctx: GradientContext, x: string, y: string) => string): (ctx: GradientContext) => (string | undefined)[] {
  return (ctx) => [ctx.b.op('Mul', [ctx.gradient(0)!, slope(ctx, ctx.input(0), ctx.output(0))])]
}
