// What the op table says about an operator. A missing answer is a compile error.

import type { GraphBuilder } from '../graph/builder.ts'
import type { DataType } from '../graph/data-type.ts'
import type { Dim } from '../graph/dims.ts'
import type { Graph, Node, TensorType, ValueType } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { NDArray } from './ndarray.ts'

/** A node's attributes with their defaults. A second argument makes the attribute optional. */
export interface Attributes {
  readonly node: Node
  /** Version of the node's operator domain in its model. */
  readonly opset: number
  int(name: string): number
  int<T>(name: string, fallback: T): number | T
  float(name: string): number
  float<T>(name: string, fallback: T): number | T
  string(name: string): string
  string<T>(name: string, fallback: T): string | T
  ints(name: string): number[]
  ints<T>(name: string, fallback: T): number[] | T
  floats(name: string): number[]
  floats<T>(name: string, fallback: T): number[] | T
  tensor(name: string): Tensor | undefined
  has(name: string): boolean
  /** Throws OP_INVALID naming the node. */
  fail(expected: string, found?: string): never
}

/** What is known of a value before anything runs. */
export interface InferredValue {
  readonly type: ValueType
  /** Elements of a small integer tensor (shapes, axes, sizes), flattened, where they are known; symbols allowed. */
  readonly contents?: readonly Dim[]
}

export interface InferContext extends Attributes {
  /** True where the optional input is connected. */
  hasInput(index: number): boolean
  /** Number of inputs, trailing absent ones left out. */
  readonly inputCount: number
  /** Number of outputs the node names ('' included). */
  readonly outputCount: number
  /** The input's type. Throws where the input is absent or not a tensor. */
  type(index: number): TensorType
  /** The input's type whatever its kind, undefined where nothing is known. */
  anyType(index: number): ValueType | undefined
  dtype(index: number): DataType
  /** Shape, or undefined where even the rank is unknown. */
  dims(index: number): readonly Dim[] | undefined
  contents(index: number): readonly Dim[] | undefined
  /** The whole value where it is a known constant. */
  constant(index: number): NDArray | undefined
  /** What is known of a subgraph's outputs, given its inputs. It sees the values around the node. */
  inferGraph(graph: Graph, inputs: readonly (InferredValue | undefined)[]): (InferredValue | undefined)[]
}

export interface FlopsContext extends Attributes {
  inputDims(index: number): readonly number[]
  outputDims(index: number): readonly number[]
  hasInput(index: number): boolean
}

export interface EvaluateContext extends Attributes {
  readonly inputs: readonly (NDArray | undefined)[]
  readonly outputCount: number
  /** The input; throws OP_INVALID where it is absent. */
  input(index: number): NDArray
  /** Outputs of a subgraph for these inputs. It sees the values around the node. */
  evaluateGraph(graph: Graph, inputs: readonly NDArray[]): NDArray[]
}

/** How a gradient is written where there are several ways; the chooser may be a rule on shapes or a measurement. */
export interface LoweringQuery {
  /** Which decision, e.g. `Conv.weight`. */
  readonly decision: string
  readonly node: Node
  readonly shapes: readonly (readonly number[])[]
  /** Names of the ways that are right for these shapes. */
  readonly candidates: readonly string[]
  /** What the operator's own rule would take. */
  readonly preferred: string
}

export interface GradientContext extends Attributes {
  /** Emits the nodes of the gradient. */
  readonly b: GraphBuilder
  hasInput(index: number): boolean
  readonly inputCount: number
  /** Name of the node's input. */
  input(index: number): string
  /** Name of the node's output. */
  output(index: number): string
  /** Gradient of the loss with respect to this output, or undefined where none flows. Output 0 always has one for one-output operators. */
  gradient(output: number): string | undefined
  /** True where the gradient of this input is wanted: spare the work otherwise. */
  needs(input: number): boolean
  /** Element type of a value of the forward graph. */
  dtype(value: string): DataType
  /** Shape of a value of the forward graph. Throws SHAPE_UNKNOWN where it is not static. */
  shape(value: string): readonly number[]
  constant(value: string): NDArray | undefined
  /** Name of the chosen way. */
  choose(query: Omit<LoweringQuery, 'node'>): string
  /** A float scalar of the given element type. */
  scalar(value: number, dtype: DataType): string
  /** Sums a gradient of shape `from` over the axes that broadcasting stretched, back to the shape of `value`. */
  unbroadcast(gradient: string, from: readonly number[], value: string): string
}

/** Gradients with respect to the inputs, in order; undefined where none is wanted or none exists. */
export type GradientRule = (ctx: GradientContext) => (string | undefined)[]

/** No gradient passes, and that is right: the function is constant almost everywhere, or its result is not a real number. */
export interface ZeroGradient {
  readonly zero: string
}

/** A gradient would be needed and is not given; autodiff throws with the reason. */
export interface NotDifferentiable {
  readonly notDifferentiable: string
}

export interface OperatorDefinition {
  /** Types and shapes of the outputs. */
  infer(ctx: InferContext): InferredValue[]
  readonly gradient: GradientRule | ZeroGradient | NotDifferentiable
  /** Floating-point operations; a multiply-add counts as two. */
  flops(ctx: FlopsContext): number
  /** The meaning in plain TypeScript on float64. */
  evaluate(ctx: EvaluateContext): NDArray[]
  /** True where two equal nodes may give different results: such nodes are never folded or merged. */
  readonly random?: true
}

/** A family of operators, keyed as `operatorKey` names them. */
export type OperatorFamily = Readonly<Record<string, OperatorDefinition>>

export function zeroGradient(reason: string): ZeroGradient {
  return { zero: reason }
}

export function notDifferentiable(reason: string): NotDifferentiable {
  return { notDifferentiable: reason }
}
