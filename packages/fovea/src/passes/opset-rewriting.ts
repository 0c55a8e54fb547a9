// What a rewrite of an older node sees, and how it writes the newer form.

import type { AttributeInputs, GraphBuilder } from '../graph/builder.ts'
import { attribute } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import type { Node } from '../graph/model.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import type { NDArray } from '../ops/ndarray.ts'
import { FoveaError } from '../util/errors.ts'
import type { ShapeTable } from './infer-shapes.ts'

/** Writes a node in the form that its operator got with opset `since`. */
export interface OpsetChange {
  readonly since: number
  readonly rewrite: Rewrite
}

export type Rewrite = (r: Rewriting) => void

/** What is different in the new form; the rest stays. */
export interface NodeChanges {
  readonly op?: string
  /** Absent ones are ''. */
  readonly inputs?: readonly string[]
  readonly outputs?: readonly string[]
  /** Attributes to set. */
  readonly set?: AttributeInputs
  /** Attributes to leave out. */
  readonly without?: readonly string[]
}

/** What the walker gives to every rewrite. */
export interface RewritingPlace {
  readonly b: GraphBuilder
  /** What is known of the values so far. */
  readonly shapes: () => ShapeTable
  readonly used: ReadonlySet<string>
  /** Takes the node in its new form; later changes of the same operator still apply to it. */
  readonly take: (node: Node) => void
}

/** One node on its way to a newer opset. Helper nodes are added through `b`, in the newest form. */
export class Rewriting extends NodeAttributes {
  readonly b: GraphBuilder
  readonly #place: RewritingPlace

  constructor(node: Node, opset: number, place: RewritingPlace) {
    super(node, opset)
    this.b = place.b
    this.#place = place
  }

  /** Name of an input, '' where it is absent. */
  input(index: number): string {
    return this.node.inputs[index] ?? ''
  }

  /** Name of an output, '' where it is absent. */
  output(index: number): string {
    return this.node.outputs[index] ?? ''
  }

  /** True where a node or an output of a graph takes the value. */
  isUsed(value: string): boolean {
    return value !== '' && this.#place.used.has(value)
  }

  /** Shape of an input; undefined where the rank is unknown. */
  dims(index: number): readonly Dim[] | undefined {
    return this.#place.shapes().dims(this.input(index))
  }

  dtype(index: number): string | undefined {
    return this.#place.shapes().type(this.input(index))?.dtype
  }

  /** An input's value, where it is a known constant. */
  constant(index: number): NDArray | undefined {
    return this.#place.shapes().constant(this.input(index))
  }

  /** A scalar of the element type of an input. */
  scalarLike(value: number, index: number): string {
    const type = this.#place.shapes().type(this.input(index))
    if (type === undefined) return this.b.op('CastLike', [this.b.scalar(value), this.input(index)])
    return this.b.constant(tensorOfNumbers(type.dtype, [], [value]), 'scalar')
  }

  /** Writes the node in its new form. */
  emit({ op = this.node.op, inputs = this.node.inputs, outputs = this.node.outputs, set = {}, without = [] }: NodeChanges): void {
    const attributes = new Map(this.node.attributes)
    for (const name of without) attributes.delete(name)
    for (const [name, value] of Object.entries(set)) if (value !== undefined) attributes.set(name, attribute(name, value))
    // The name goes with the result, which another node gives where the outputs change.
    const name = outputs[0] === this.node.outputs[0] ? this.node.name : outputs[0]!
    this.#place.take({ ...this.node, op, name, inputs: trimmed(inputs), outputs: trimmed(outputs), attributes })
  }

  /** Throws OPSET_UNSUPPORTED naming the node. */
  refuse(expected: string, found?: string): never {
    throw unsupported(this.node, this.opset, expected, found)
  }
}

/** The error for a node that has no equal form in the newer opset. */
export function unsupported(node: Node, opset: number, expected: string, found?: string): FoveaError {
  const where = `${node.op} of opset ${opset}`
  return new FoveaError('OPSET_UNSUPPORTED', {
    node: node.name || node.outputs[0],
    field: node.op,
    expected,
    found: found === undefined ? where : `${found} in ${where}`,
  })
}

function trimmed(names: readonly string[]): string[] {
  let length = names.length
  while (length > 0 && names[length - 1] === '') length--
  return names.slice(0, length)
}
