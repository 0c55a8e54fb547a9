// Names the stages of any model by how far it has reduced the picture, so that `conv3` means something for imported models too.

import { consumersOf, dominatorsOf, nodesBefore, producersOf, valuesAfter, valuesUsed } from '../graph/analysis.ts'
import { isStatic } from '../graph/dims.ts'
import type { Graph, Model, Node } from '../graph/model.ts'
import { bindDimensions } from './bind-dimensions.ts'
import { findHead } from './find-head.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'
import { findResidualBlocks } from './residual-blocks.ts'

/** From stage names to values of the graph. */
export type Stages = Record<string, string>

/** Up to this side, networks that reduce a picture by no more than 8 are counted as He 2016 counts those for CIFAR. */
const smallSide = 96

/**
 * Finds stages. What is called
 * - `conv2` … `conv5`: the last value at a reduction by 4, 8, 16, 32 that all deeper ones are computed from; `stem` at 2. What the
 *   next block widens before it reduces the picture belongs to that block, and what the last layer makes of maps to none. Networks for
 *   small pictures, which reduce by 8 at most, begin with `conv2` at no reduction, and `stem` is their first activation;
 * - `p2` … `p5`: where a top-down path meets the backbone at these reductions (feature pyramids, U-Nets);
 * - `block3`, `block6` … : the ends of the quarters of a transformer's blocks;
 * - `embedding`: what the last linear layer takes, or the first output that is a row for each picture.
 *
 * @param pixels the value [N, C, H, W] that pictures enter by
 */
export function findStages(model: Model, pixels: string): Stages {
  const { graph } = model
  const shapes = inferValues(bindDimensions(model, { N: 1 }).model)
  const embedding = findEmbedding(model, shapes)
  const maps = levelsOf(graph, shapes, pixels)
  const head = headOf(model, shapes)
  if (head !== undefined) for (const name of valuesAfter(graph, [head])) if (name !== head) maps.delete(name)
  const backbone = backboneStages(graph, maps, shapes, pixels)
  return {
    ...backbone,
    ...(Object.keys(backbone).length > 1 ? {} : transformerStages(graph, shapes)),
    ...pyramidStages(graph, maps),
    ...(embedding === undefined ? {} : { embedding }),
  }
}

function findEmbedding(model: Model, shapes: ShapeTable): string | undefined {
  const head = headOf(model, shapes)
  if (head === undefined) return model.graph.outputs.map(({ name }) => name).find((name) => isRow(shapes, name))
  return isRow(shapes, head) && producersOf(model.graph).has(head) ? head : undefined
}

/** What the last linear layer of a model that gives a row of scores takes: a row, or a map where the layer comes before the pool. */
function headOf(model: Model, shapes: ShapeTable): string | undefined {
  const scores = model.graph.outputs[0]?.name
  return scores !== undefined && isRow(shapes, scores) ? findHead(model, scores)?.features : undefined
}

function isRow(shapes: ShapeTable, name: string): boolean {
  const dims = shapes.dims(name)
  return dims !== undefined && dims.length >= 2 && dims.slice(2).every((dim) => dim === 1) && shapes.type(name)?.dtype === 'float32'
}

/** For every map, how many times the picture's sides have been halved. */
function levelsOf(graph: Graph, shapes: ShapeTable, pixels: string): Map<string, number> {
  const levels = new Map<string, number>()
  const picture = shapes.dims(pixels)?.slice(2)
  if (!isStatic(picture) || picture.length !== 2 || picture.includes(0)) return levels
  levels.set(pixels, 0)
  const producers = producersOf(graph)
  for (const node of graph.nodes) {
    const name = node.outputs[0] ?? ''
    const before = node.inputs.map((input) => levels.get(input)).filter((level) => level !== undefined)
    const through = before.length > 0 || isInside(producers, node, levels)
    const dims = shapes.dims(name)
    if (!through || dims?.length !== 4 || shapes.type(name)?.dtype !== 'float32') continue
    // A border, which may be wide beside a small map, makes no other level of it.
    const level = node.op === 'Pad' ? before[0] : levelOf(dims, picture)
    if (level !== undefined && !(level > 0 && isGlobal(node, level, Math.max(...before)))) levels.set(name, level)
  }
  return levels
}

/** A map that was reshaped for a moment, as channel shuffles do, is a map again behind it. */
function isInside(producers: ReadonlyMap<string, Node>, node: Node, levels: ReadonlyMap<string, number>): boolean {
  if (!['Reshape', 'Transpose', 'Gather', 'Slice', 'Squeeze', 'Split', 'DepthToSpace'].includes(node.op)) return false
  let value = node.inputs[0] ?? ''
  for (let i = 0; i < 4; i++) {
    if (levels.has(value)) return true
    const producer = producers.get(value)
    if (producer === undefined) return false
    value = producer.inputs[0] ?? ''
  }
  return false
}

function levelOf(dims: readonly unknown[], picture: readonly number[]): number | undefined {
  const levels = picture.map((side, i) => {
    const reduced = dims[i + 2]
    return typeof reduced === 'number' && reduced > 0 ? Math.round(Math.log2(side / reduced)) : undefined
  })
  // Padding may let one side differ a little.
  return levels[0] !== undefined && levels[0] >= 0 && levels[0] === levels[1] ? levels[0] : undefined
}

/** True for what sums a whole map up, which is no stage of it. */
function isGlobal({ op }: Node, level: number, before: number): boolean {
  if (op === 'GlobalAveragePool' || op === 'GlobalMaxPool') return true
  // A small picture has but few places left to sum up.
  return op.startsWith('Reduce') ? level > before : op.endsWith('Pool') && level - before > 2
}

/** Walks up from the deepest map through the values that everything behind them passes. */
function backboneStages(graph: Graph, levels: ReadonlyMap<string, number>, shapes: ShapeTable, pixels: string): Stages {
  const deepest = Math.max(0, ...levels.values())
  const end = endOf(graph, levels, deepest)
  if (end === undefined) return {}
  const dominators = dominatorsOf(graph)
  const producers = producersOf(graph)
  const chain: string[] = []
  for (let at: string | undefined = end; at !== undefined && at !== pixels; at = dominators.get(at))
    if (levels.has(at) && producers.get(at)?.op !== 'Pad') chain.unshift(at)
  const last = new Map<number, string>()
  for (const name of chain) last.set(levels.get(name)!, name)
  const blocks = new Blocks(graph, shapes, dominators)
  for (const [level, name] of last) if (level < deepest) last.set(level, blocks.endBefore(name))

  const side = Math.max(...(shapes.dims(pixels) ?? []).slice(2).map(Number))
  const small = deepest <= 3 && side <= smallSide
  const stages: Stages = {}
  // The first activation, else whatever comes first.
  const first = chain.find((name) => isActivation(producers.get(name))) ?? chain[0]
  const stem = small ? first : (last.get(1) ?? first)
  if (stem !== undefined) stages.stem = stem
  for (let stage = 2; stage <= 5; stage++) {
    const value = last.get(small ? stage - 2 : stage)
    if (value !== undefined && value !== stem) stages[`conv${stage}`] = value
  }
  return stages
}

/** Tells where a block ends whose successor reduces the picture. */
class Blocks {
  readonly #shapes: ShapeTable
  readonly #dominators: ReadonlyMap<string, string>
  readonly #producers: ReadonlyMap<string, Node>
  readonly #consumers: ReadonlyMap<string, readonly Node[]>

  constructor(graph: Graph, shapes: ShapeTable, dominators: ReadonlyMap<string, string>) {
    this.#shapes = shapes
    this.#dominators = dominators
    this.#producers = producersOf(graph)
    this.#consumers = consumersOf(graph)
  }

  /**
   * The value that an inverted residual block (Sandler 2018) starts from, given the last one before its strided convolution: such a
   * block widens its input by a convolution of 1x1, which a convolution of each channel by itself then reduces. A pointwise
   * convolution between two of those is the end of a separable one (Howard 2017) instead.
   */
  endBefore(value: string): string {
    const widening = this.#convolutionBehind(value)
    const input = widening?.inputs[0] ?? ''
    if (widening === undefined || !this.#widens(widening)) return value
    const users = this.#usersOf(value).flatMap((node) => (node.op === 'Pad' ? this.#usersOf(node.outputs[0]!) : [node]))
    if (users.length === 0 || !users.every((node) => this.#isDepthwise(node))) return value
    const before = this.#convolutionBehind(input)
    return before !== undefined && this.#isDepthwise(before) ? value : input
  }

  #usersOf(value: string): readonly Node[] {
    return this.#consumers.get(value) ?? []
  }

  /** The convolution that made a value, but for normalisation and activation. */
  #convolutionBehind(value: string): Node | undefined {
    for (let at: string | undefined = value; at !== undefined; at = this.#dominators.get(at)) {
      const node = this.#producers.get(at)
      if (node?.op === 'Conv') return node
      if (!isActivation(node) && !['BatchNormalization', 'Identity'].includes(node?.op ?? '')) return undefined
    }
    return undefined
  }

  #widens(convolution: Node): boolean {
    const [output, input, ...kernel] = this.#shapes.dims(convolution.inputs[1] ?? '') ?? []
    return typeof output === 'number' && typeof input === 'number' && output > input && kernel.every((side) => side === 1)
  }

  #isDepthwise({ op, inputs, attributes }: Node): boolean {
    const group = attributes.get('group')
    const channels = this.#shapes.dims(inputs[0] ?? '')?.[1]
    return op === 'Conv' && group?.type === 'int' && group.value > 1n && Number(group.value) === channels
  }
}

function isActivation(node: Node | undefined): boolean {
  return node !== undefined && ['Relu', 'Clip', 'HardSwish', 'LeakyRelu', 'PRelu', 'Gelu', 'Elu', 'Selu', 'Mish', 'Mul'].includes(node.op)
}

/** Of the deepest maps, the last that everything which leaves them passes. */
function endOf(graph: Graph, levels: ReadonlyMap<string, number>, deepest: number): string | undefined {
  const region = new Set([...levels].filter(([, level]) => level === deepest).map(([name]) => name))
  // What is computed between two of the maps, such as the weights of channels, belongs to them.
  const behind = valuesAfter(graph, region)
  for (const node of nodesBefore(graph, [...region])) for (const name of node.outputs) if (behind.has(name)) region.add(name)
  const consumers = consumersOf(graph)
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const leaving = [...region].filter(
    (name) => outputs.has(name) || (consumers.get(name) ?? []).some((node) => !node.outputs.some((output) => region.has(output))),
  )
  const dominators = dominatorsOf(graph)
  const pathOf = (value: string) => {
    const path: string[] = []
    for (let at: string | undefined = value; at !== undefined; at = dominators.get(at)) path.push(at)
    return path
  }
  const [path, ...others] = leaving.map(pathOf)
  const common = path?.find((name) => levels.get(name) === deepest && others.every((other) => other.includes(name)))
  return common ?? [...levels].findLast(([, level]) => level === deepest)?.[0]
}

/** The ends of the quarters of the blocks that work on tokens [N, T, C]; each block has two residual sums, attention's and the MLP's. */
function transformerStages(graph: Graph, shapes: ShapeTable): Stages {
  const sums = findResidualBlocks(graph).filter(({ output }) => shapes.dims(output)?.length === 3)
  const depth = Math.floor(sums.length / 2)
  if (depth < 2) return {}
  const stages: Stages = {}
  for (let quarter = 1; quarter <= 4; quarter++) {
    const block = Math.round((depth * quarter) / 4)
    if (block > 0) stages[`block${block}`] = sums[2 * block - 1]!.output
  }
  return stages
}

/** The first values that merge an enlarged map with one that never was. */
function pyramidStages(graph: Graph, levels: ReadonlyMap<string, number>): Stages {
  const stages: Stages = {}
  const fromAbove = new Set<string>()
  for (const node of graph.nodes) {
    const used = [...valuesUsed(node)]
    const output = node.outputs[0] ?? ''
    const level = levels.get(output)
    const enlarged = used.some((name) => fromAbove.has(name))
    if (enlarged || (level !== undefined && used.some((name) => (levels.get(name) ?? 0) > level)))
      for (const name of node.outputs) fromAbove.add(name)
    if (level === undefined || level < 2 || level > 5 || !['Add', 'Concat', 'Sum'].includes(node.op)) continue
    if (enlarged && used.some((name) => levels.has(name) && !fromAbove.has(name))) stages[`p${level}`] ??= output
  }
  return stages
}
