// Moves convolutional parts of a model to the blocked layout of ONNX Runtime's CPU kernels, from layer to layer.

import { consumersOf, valuesUsed } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { isFloat } from '../graph/data-type.ts'
import { isStatic } from '../graph/dims.ts'
import { type Model, type Node, operatorKey } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { blockedBatchNormalizationKey } from '../ops/blocked/batch-normalization.ts'
import { type BlockedKind, blockedKind, packingOf } from '../ops/blocked/convolution.ts'
import { emitAffine } from '../ops/blocked/emit.ts'
import { blockedDomain, blockedOp, type Packing, packTensor } from '../ops/blocked/layout.ts'
import { poolFits } from '../ops/blocked/pooling-gradient.ts'
import { opsetOf } from '../ops/evaluate.ts'
import { poolWindows } from '../ops/pooling-shape.ts'
import { windowsOver } from '../ops/windows.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'

export interface BlockedLayoutOptions {
  /** Channels that the runtime's kernels keep side by side. */
  readonly block: number
  /** Values that must stay available as they are, beside the outputs of the graph. */
  readonly keep?: readonly string[]
}

export interface BlockedLayout {
  readonly model: Model
  /** The weights that the new model holds in another order, under their old names and shapes. */
  readonly packing: ReadonlyMap<string, Packing>
}

/**
 * Rewrites Conv, BatchNormalization, pools and the elementwise operators between them to the blocked layout wherever channels come in
 * whole blocks; a first convolution of few channels takes plain pictures. Values change their layout only where a node outside needs
 * them plain. Shapes must be static and convolution weights initializers; everything else stays as it is.
 */
export function toBlockedLayout(model: Model, options: BlockedLayoutOptions): BlockedLayout {
  const rewriter = new Rewriter(model, options)
  return rewriter.packing.size === 0 ? { model, packing: rewriter.packing } : { model: rewriter.model, packing: rewriter.packing }
}

/** Operators that treat each element alike: given operands in the same layout and of the same shape, the layout does not matter. */
const elementwise = new Set(
  'Relu LeakyRelu Elu Celu Selu Sigmoid HardSigmoid HardSwish Tanh Softplus Gelu Mish Clip Identity Neg Abs Add Sub Mul Div Sum Max Min Mean'.split(
    ' ',
  ),
)

type Rule = (rewriter: Rewriter, node: Node) => boolean

/** By operator: rewrites the node and returns true, or leaves it and returns false. */
const rules: Readonly<Record<string, Rule>> = {
  Conv: (rewriter, node) => rewriter.convolution(node),
  BatchNormalization: (rewriter, node) => rewriter.batchNormalization(node),
  MaxPool: (rewriter, node) => rewriter.pool(node),
  AveragePool: (rewriter, node) => rewriter.pool(node),
  GlobalAveragePool: (rewriter, node) => rewriter.globalAverage(node),
  Concat: (rewriter, node) => rewriter.concat(node),
}

class Rewriter {
  readonly model: Model
  readonly packing = new Map<string, Packing>()
  readonly #block: number
  readonly #b: GraphBuilder
  readonly #shapes: ShapeTable
  readonly #kinds: ReadonlyMap<Node, BlockedKind>
  /** Values that exist in plain form. */
  readonly #plain: Set<string>
  /** From a value to its blocked form. */
  readonly #blocked = new Map<string, string>()

  constructor(source: Model, { block, keep = [] }: BlockedLayoutOptions) {
    this.model = copyModel(source)
    this.#block = block
    const { graph } = this.model
    this.#shapes = inferValues(source)
    this.#kinds = this.#convolutions(this.model)
    this.#b = new GraphBuilder({ graph, opset: source.opsets.get('') ?? 1 })
    this.#plain = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()])
    if (this.#kinds.size === 0) return
    const { nodes } = graph
    graph.nodes = []
    for (const node of nodes) this.#visit(node)
    for (const name of [...graph.outputs.map((output) => output.name), ...keep]) this.plain(name)
    for (const domain of [blockedDomain, 'fovea']) this.model.opsets.set(domain, 1)
  }

  #visit(node: Node): void {
    const key = operatorKey(node)
    if (rules[key]?.(this, node) || (elementwise.has(key) && this.#elementwise(node))) return
    for (const name of valuesUsed(node)) this.plain(name)
    this.model.graph.nodes.push(node)
    for (const name of node.outputs) if (name !== '') this.#plain.add(name)
  }

  /** Makes sure that a value exists in plain form. */
  plain(name: string): void {
    const blocked = this.#blocked.get(name)
    if (this.#plain.has(name) || blocked === undefined) return
    const channels = this.#dims(name)![1]!
    this.#b.op(`${blockedDomain}::ReorderOutput`, [blocked], { channels, block: this.#block }, name)
    this.#plain.add(name)
  }

  /** The blocked form of a value of whole blocks. */
  #blockedForm(name: string): string {
    const known = this.#blocked.get(name)
    if (known !== undefined) return known
    const form = blockedOp(this.#b, this.#block, 'ReorderInput', [name])
    this.#blocked.set(name, form)
    return form
  }

  #dims(name: string): readonly number[] | undefined {
    const type = this.#shapes.type(name)
    return type !== undefined && isStatic(type.dims) && isFloat(type.dtype) ? type.dims : undefined
  }

  /** The shape of a value [N, C, H, W] whose channels come in whole blocks. */
  #wholeBlocks(name: string): readonly number[] | undefined {
    const dims = this.#dims(name)
    return dims?.length === 4 && dims[1]! % this.#block === 0 ? dims : undefined
  }

  #attributes(node: Node): NodeAttributes {
    return new NodeAttributes(node, opsetOf(this.model, node))
  }

  /** Which convolutions there is a kernel for: their weights are initializers that all users take in the same order. */
  #convolutions({ graph }: Model): Map<Node, BlockedKind> {
    const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
    const consumers = consumersOf(graph)
    const kinds = new Map<Node, BlockedKind>()
    for (const node of graph.nodes) {
      const weight = node.inputs[1] ?? ''
      const kind = operatorKey(node) === 'Conv' && graph.initializers.has(weight) && !fixed.has(weight) ? this.#kindOf(node) : undefined
      if (kind !== undefined) kinds.set(node, kind)
    }
    for (const node of kinds.keys()) {
      const users = consumers.get(node.inputs[1]!)!
      if (users.some((user) => kinds.get(user) !== kinds.get(node) || user.inputs.lastIndexOf(node.inputs[1]!) !== 1)) kinds.delete(node)
    }
    return kinds
  }

  #kindOf(node: Node): BlockedKind | undefined {
    const [x, weight] = [this.#dims(node.inputs[0]!), this.#dims(node.inputs[1]!)]
    if (x?.length !== 4 || weight?.length !== 4) return undefined
    return blockedKind(weight, this.#attributes(node).int('group', 1), this.#block)
  }

  convolution(node: Node): boolean {
    const kind = this.#kinds.get(node)
    if (kind === undefined) return false
    const [x, weight, bias] = node.inputs as [string, string, string | undefined]
    const attributes = this.#attributes(node)
    const kernel = this.#dims(weight)!.slice(2)
    const { strides, dilations, begin, end } = windowsOver(attributes, this.#dims(x)!.slice(2), kernel)
    this.#pack(weight, packingOf(kind, this.#block))
    if (kind === 'first') this.plain(x)
    if (bias) this.plain(bias)
    const input = kind === 'first' ? x : this.#blockedForm(x)
    const form = blockedOp(this.#b, this.#block, 'Conv', [input, weight, bias], {
      kernel_shape: kernel,
      strides,
      dilations,
      pads: [...begin, ...end],
      group: attributes.int('group', 1),
    })
    this.#blocked.set(node.outputs[0]!, form)
    return true
  }

  #pack(name: string, packing: Packing): void {
    if (this.packing.has(name)) return
    const { initializers } = this.model.graph
    initializers.set(name, packTensor(initializers.get(name)!, packing))
    this.packing.set(name, packing)
  }

  /** With the batch's statistics an operator of our own; with given ones an affine function, emitted as such. */
  batchNormalization(node: Node): boolean {
    const [x, ...rest] = node.inputs as [string, string, string, string, string]
    const form = this.#blocked.get(x)
    const type = this.#shapes.type(x)
    const attributes = this.#attributes(node)
    if (form === undefined || type === undefined || (attributes.opset < 9 && attributes.int('spatial', 1) === 0)) return false
    for (const name of rest) this.plain(name)
    const epsilon = attributes.float('epsilon', 1e-5)
    const block = this.#block
    if (attributes.int('training_mode', 0) === 0) {
      if (node.outputs.slice(1).some((name) => name !== '')) return false
      this.#blocked.set(node.outputs[0]!, this.#affine({ dims: this.#dims(x)!, dtype: type.dtype, block }, form, rest, epsilon))
      return true
    }
    const [y, ...next] = [0, 1, 2].map((i) => node.outputs[i] || undefined)
    const saved = ['centred', 'inverse'].map((hint) => this.#b.fresh(`${y}/${hint}`))
    const outputs = [this.#b.fresh(`${y}/blocked`), ...next.map((name) => name ?? ''), ...saved]
    this.#b.ops(blockedBatchNormalizationKey, [form, ...rest], outputs, { epsilon, momentum: attributes.float('momentum', 0.9), block })
    this.#blocked.set(y!, outputs[0]!)
    for (const name of next) if (name !== undefined) this.#plain.add(name)
    return true
  }

  #affine(shape: Parameters<typeof emitAffine>[1], x: string, [scale, bias, mean, variance]: readonly string[], epsilon: number): string {
    const b = this.#b
    const small = b.constant(tensorOfNumbers(shape.dtype, [], [epsilon]), 'epsilon')
    const factor = b.op('Mul', [scale, b.op('Reciprocal', [b.op('Sqrt', [b.op('Add', [variance, small])])])])
    return emitAffine(b, shape, x, factor, b.op('Sub', [bias, b.op('Mul', [mean, factor])]))
  }

  pool(node: Node): boolean {
    const [x] = node.inputs as [string]
    const form = this.#blocked.get(x)
    const attributes = this.#attributes(node)
    if (form === undefined || node.outputs.length > 1 || attributes.int('ceil_mode', 0) !== 0) return false
    const windows = poolWindows(attributes, this.#dims(x)!)
    const wide = windows.kernel.some((size, axis) => windows.begin[axis]! >= size || windows.end[axis]! >= size)
    if (wide || !poolFits(windows)) return false
    const counted = node.op === 'AveragePool' ? { count_include_pad: attributes.int('count_include_pad', 0) } : {}
    const blocked = blockedOp(this.#b, this.#block, node.op, [form], {
      kernel_shape: windows.kernel,
      strides: windows.strides,
      dilations: windows.dilations,
      pads: [...windows.begin, ...windows.end],
      ...counted,
    })
    this.#blocked.set(node.outputs[0]!, blocked)
    return true
  }

  /** The result has one pixel to each plane, so it is plain at the same time. */
  globalAverage(node: Node): boolean {
    const form = this.#blocked.get(node.inputs[0]!)
    if (form === undefined) return false
    const [y] = node.outputs as [string]
    this.#b.op(`${blockedDomain}::GlobalAveragePool`, [form], { block: this.#block }, y)
    this.#plain.add(y)
    this.#blocked.set(y, y)
    return true
  }

  /** Whole blocks of channels side by side are what they are in memory. */
  concat(node: Node): boolean {
    const whole = node.inputs.every((name) => this.#wholeBlocks(name) !== undefined)
    const axis = this.#attributes(node).int('axis', 1)
    if (!whole || (axis !== 1 && axis !== -3) || !node.inputs.some((name) => this.#blocked.has(name))) return false
    const forms = node.inputs.map((name) => this.#blockedForm(name))
    this.#blocked.set(node.outputs[0]!, this.#b.op('Concat', forms, { axis: 1 }))
    return true
  }

  #elementwise(node: Node): boolean {
    const dims = this.#wholeBlocks(node.outputs[0]!)
    const inputs = node.inputs.filter((name) => name !== '')
    if (dims === undefined || !inputs.some((name) => this.#blocked.has(name))) return false
    const fits = (name: string) => {
      const own = this.#dims(name)
      return own !== undefined && (sizeOf(own) === 1 || own.join() === dims.join())
    }
    if (!inputs.every(fits)) return false
    const operand = (name: string) => {
      if (name === '') return ''
      if (sizeOf(this.#dims(name)!) > 1) return this.#blockedForm(name)
      this.plain(name)
      return name
    }
    const blocked = this.#b.fresh(`${node.outputs[0]}/blocked`)
    this.model.graph.nodes.push({ ...node, name: blocked, inputs: node.inputs.map(operand), outputs: [blocked] })
    this.#blocked.set(node.outputs[0]!, blocked)
    return true
  }
}
