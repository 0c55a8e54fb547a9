// What layers build on: a graph under construction, its parameters and their roles, and seeded first values.

import { type AttributeInputs, GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import type { Initialiser } from './initialisers.ts'

/** A value with channels: a map [N, C, H, W], rows [N, C], tokens [N, L, C]. Layers read the count from here, so that callers never repeat it. */
export interface Feature {
  /** Name of the value in the graph. */
  readonly value: string
  readonly channels: number
  /** Pixels of the picture between neighbouring positions: 1 at the input. */
  readonly stride: number
}

/** `weight` and `bias` of layers, `norm` for scale and shift of normalisation, `running` for its statistics, which are not trained. */
export type ParameterKind = 'weight' | 'bias' | 'norm' | 'running'

export interface Parameter {
  readonly kind: ParameterKind
  /** Part of the model that it belongs to, e.g. `conv3`. */
  readonly stage?: string
  /** Whether weight decay applies: to weights only. */
  readonly decay: boolean
  /** Of position embeddings: the rows and columns of patches that the last tokens stand for. */
  readonly grid?: readonly [rows: number, columns: number]
}

export interface ModuleOptions {
  /** Of the first values: the same seed gives the same weights. @default 0 */
  readonly seed?: number
  /** Element type of parameters and activations; float64 is for gradient checks. @default 'float32' */
  readonly dtype?: 'float32' | 'float64'
  /**
   * `zero` leaves out the drawing of first values, for networks whose weights are loaded. `shape` makes all parameters views of one
   * buffer of zeros: for networks of which only names and shapes are asked, or all of whose weights are replaced. @default 'seeded'
   */
  readonly values?: 'seeded' | 'zero' | 'shape'
}

/**
 * Builds a network. Layers are plain functions that take the module, a name and a feature; parameters become initializers under
 * the names of PyTorch's state dicts: path of the module, layer, `weight`. The value that a layer makes has the layer's path.
 *
 * ```ts
 * const m = new ModuleBuilder(new GraphBuilder())
 * const x = m.input('pixels', 3, ['N', 'H', 'W'])
 * const y = relu(m, 'act1', batchNorm2d(m, 'bn1', conv2d(m, 'conv1', x, { out: 64, kernel: 7, stride: 2 })))
 * ```
 */
export class ModuleBuilder {
  readonly b: GraphBuilder
  readonly dtype: 'float32' | 'float64'
  /** All parameters so far, by the name of their initializer; shared by all modules of a network. */
  readonly parameters: Map<string, Parameter>
  readonly #seed: number
  readonly #values: NonNullable<ModuleOptions['values']>
  /** What parameters are views of where only their shapes count; shared by all modules of a network. */
  readonly #zeros: { buffer: ArrayBuffer }
  readonly #path: string
  readonly #stage: string | undefined

  constructor(
    b: GraphBuilder = new GraphBuilder(),
    options: ModuleOptions = {},
    within?: { root: ModuleBuilder; path: string; stage?: string },
  ) {
    this.b = b
    this.dtype = options.dtype ?? 'float32'
    this.#seed = options.seed ?? 0
    this.#values = options.values ?? 'seeded'
    this.#zeros = within === undefined ? { buffer: new ArrayBuffer(0) } : within.root.#zeros
    this.parameters = within?.root.parameters ?? new Map()
    this.#path = within?.path ?? ''
    this.#stage = within?.stage
  }

  /** A module within this one: its names begin with `name.`. */
  module(name: string): ModuleBuilder {
    return this.#within(this.path(name), this.#stage)
  }

  /** The same module in another stage: parameters made through it are recorded there. */
  stage(stage: string): ModuleBuilder {
    return this.#within(this.#path, stage)
  }

  /** Path of this module, '' for the whole network. */
  get name(): string {
    return this.#path
  }

  /** Full name of something in this module. */
  path(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`
  }

  /** Declares an input of the graph, [N, channels, H, W]; the other dimensions may be symbols. */
  input(name: string, channels: number, [batch, ...size]: readonly Dim[] = ['N', 'H', 'W']): Feature {
    return { value: this.b.input(name, this.dtype, [batch!, channels, ...size]), channels, stride: 1 }
  }

  /**
   * A parameter of this module. Its first values depend on the seed and its full name alone, so that changing one layer
   * leaves the others as they were.
   *
   * @throws FoveaError GRAPH_DUPLICATE_NAME
   */
  parameter(
    name: string,
    kind: ParameterKind,
    dims: readonly number[],
    initialise: Initialiser,
    about: Pick<Parameter, 'grid'> = {},
  ): string {
    const path = this.path(name)
    if (this.b.graph.initializers.has(path)) throw new FoveaError('GRAPH_DUPLICATE_NAME', { field: path })
    const values = this.#firstValues(sizeOf(dims))
    if (this.#values === 'seeded') initialise(values, dims, new Random(this.#seed, 'parameter', path))
    this.parameters.set(path, { ...about, kind, decay: kind === 'weight', ...(this.#stage === undefined ? {} : { stage: this.#stage }) })
    return this.b.weight(path, Tensor.of(this.dtype, dims, values))
  }

  #firstValues(size: number): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
    const Floats = this.dtype === 'float32' ? Float32Array : Float64Array
    if (this.#values !== 'shape') return new Floats(size)
    const bytes = size * Floats.BYTES_PER_ELEMENT
    if (this.#zeros.buffer.byteLength < bytes) this.#zeros.buffer = new ArrayBuffer(bytes)
    return new Floats(this.#zeros.buffer, 0, size)
  }

  /** Adds a node whose value has the path of `name` (numbered where that is taken). */
  op(name: string, op: string, inputs: readonly (string | undefined)[], attributes: AttributeInputs = {}): string {
    return this.b.op(op, inputs, attributes, this.b.fresh(this.path(name)))
  }

  /** A float constant of the network's element type. */
  scalar(value: number): string {
    return this.b.scalar(value, this.dtype)
  }

  /**
   * Gives a feature a name of its own outside all modules, `conv3`, that stays whatever the layers are called. The value is
   * renamed: use the feature that is returned.
   */
  named(name: string, feature: Feature): Feature {
    const { nodes } = this.b.graph
    const producer = nodes.findLast((node) => node.outputs.includes(feature.value))
    const value = this.b.fresh(name)
    if (producer === undefined) return { ...feature, value: this.b.op('Identity', [feature.value], {}, value) }
    const renamed = (names: string[]) => names.map((old) => (old === feature.value ? value : old))
    for (const node of nodes) node.inputs = renamed(node.inputs)
    producer.outputs = renamed(producer.outputs)
    producer.name = producer.outputs[0]!
    return { ...feature, value }
  }

  #within(path: string, stage: string | undefined): ModuleBuilder {
    const { b, dtype } = this
    const options = { dtype, seed: this.#seed, values: this.#values }
    return new ModuleBuilder(b, options, { root: this, path, ...(stage === undefined ? {} : { stage }) })
  }
}
