// What an architecture is given and what it gives back.

import { FoveaError } from '../../util/errors.ts'
import { type Activation, dropout, flatten, globalAveragePool, type LinearOptions, linear } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import type { PyramidKind } from '../necks/pyramid.ts'

/** Options of all architectures; each takes those that it knows. Plain JSON, so that a model file can hold them. */
export interface ArchitectureOptions {
  /** Number of classes. */
  readonly classes: number
  /** First layers of a residual network: see `stems` in resnet.ts. */
  readonly stem?: 'imagenet' | 'small' | 'cifar'
  /** Channels of the stages. */
  readonly widths?: readonly number[]
  /** Share of the embedding that is dropped in training. */
  readonly dropout?: number
  /** Begins every residual block as the identity (Goyal 2017). */
  readonly zeroInit?: boolean
  readonly activation?: Activation
  /** Channels of the tokens of each transformer of a network that has maps too. */
  readonly tokenWidths?: readonly number[]
  /** Blocks of the stages, where a network lets them be chosen. */
  readonly depths?: readonly number[]
  /** Heads of the attention; the channels of the tokens must divide into them. */
  readonly heads?: number
  /** Side of the square patches that become tokens, in pixels. */
  readonly patch?: number
  /** How the maps of a pyramid are joined, and its channels. */
  readonly neck?: PyramidKind
  readonly neckChannels?: number
}

/** A residual block: the unit in which "fine-tune the last N blocks" counts. A transformer block has two sums and counts as two. */
export interface Block {
  /** Path of its module: `layer4.1`. Both halves of a transformer block have the same. */
  readonly name: string
  /** Value that the block makes. */
  readonly output: string
  /** Names of its parameters, running statistics included. */
  readonly parameters: readonly string[]
}

export interface ArchitectureResult {
  /** From stage names (`stem`, `conv2` … `embedding`, `logits`), in the order data passes them, to values. */
  readonly features: Readonly<Record<string, Feature>>
  /** Scores [N, classes], before softmax. */
  readonly logits: Feature
  /** In the order data passes them. */
  readonly blocks: readonly Block[]
}

/** A network up to its last map: what classifiers, pyramids and detectors stand on. */
export interface Backbone extends Pick<ArchitectureResult, 'blocks'> {
  /** From stage names (`stem`, `conv2` …) to maps, in the order data passes them. */
  readonly features: Readonly<Record<string, Feature>>
  /** The map that a classifier pools. */
  readonly last: Feature
}

/** The last layer of a classifier. */
export interface ClassifierLayer extends Pick<LinearOptions, 'initialise' | 'initialiseBias'> {
  /** Path of the linear layer. @default 'fc' */
  readonly layer?: string
}

/** The backbone with a classifier on its last map. */
export function withClassifier(
  m: ModuleBuilder,
  { features, last, blocks }: Backbone,
  options: Pick<ArchitectureOptions, 'classes' | 'dropout'>,
  layer: ClassifierLayer = {},
): ArchitectureResult {
  const { embedding, logits } = classifierHead(m, last, options, layer)
  return { features: { ...features, embedding, logits }, logits, blocks }
}

/** Pools the last map to an embedding and classifies it: global mean, dropout, linear layer. */
export function classifierHead(
  m: ModuleBuilder,
  x: Feature,
  options: Pick<ArchitectureOptions, 'classes' | 'dropout'>,
  layer: ClassifierLayer = {},
): { embedding: Feature; logits: Feature } {
  const embedding = m.named('embedding', flatten(m, 'flatten', globalAveragePool(m, 'pool', x)))
  return { embedding, logits: classify(m, embedding, options, layer) }
}

/** Scores of an embedding: dropout, linear layer. */
export function classify(
  m: ModuleBuilder,
  embedding: Feature,
  options: Pick<ArchitectureOptions, 'classes' | 'dropout'>,
  { layer = 'fc', ...initial }: ClassifierLayer = {},
): Feature {
  const kept = dropout(m, 'dropout', embedding, options.dropout ?? 0)
  return m.named('logits', linear(m.stage('logits'), layer, kept, { out: options.classes, ...initial }))
}

/** The two residual sums of a transformer block as blocks of their own. @param parameters of the whole transformer block */
export function halves(name: string, [attention, perceptron]: readonly [string, string], parameters: readonly string[]): Block[] {
  const first = (path: string) => /\.(norm1|attn)\./.test(path.slice(name.length))
  return [
    { name, output: attention, parameters: parameters.filter(first) },
    { name, output: perceptron, parameters: parameters.filter((path) => !first(path)) },
  ]
}

/** @throws FoveaError NN_OPTION_INVALID where there is not one value for each stage */
export function checkStages(field: string, values: readonly number[], stages: number): void {
  if (values.length !== stages)
    throw new FoveaError('NN_OPTION_INVALID', { field, expected: `${stages} numbers, one per stage`, found: `${values.length}` })
}

/** Runs `build` and returns its result with the names of the parameters that it made. */
export function recorded<T>(m: ModuleBuilder, build: () => T): { result: T; parameters: string[] } {
  const before = m.parameters.size
  const result = build()
  return { result, parameters: [...m.parameters.keys()].slice(before) }
}
