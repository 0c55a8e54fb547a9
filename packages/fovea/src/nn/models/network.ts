// What an architecture is given and what it gives back.

import { type Activation, dropout, flatten, globalAveragePool, linear } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'

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
}

/** A residual block: the unit in which "fine-tune the last N blocks" counts. */
export interface Block {
  /** Path of its module: `layer4.1`. */
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

/** Pools the last map to an embedding and classifies it: global mean, dropout, linear layer `fc`. */
export function classifierHead(
  m: ModuleBuilder,
  x: Feature,
  options: Pick<ArchitectureOptions, 'classes' | 'dropout'>,
): { embedding: Feature; logits: Feature } {
  const embedding = m.named('embedding', flatten(m, 'flatten', globalAveragePool(m, 'pool', x)))
  const kept = dropout(m, 'dropout', embedding, options.dropout ?? 0)
  return { embedding, logits: m.named('logits', linear(m.stage('logits'), 'fc', kept, { out: options.classes })) }
}

/** Runs `build` and returns its result with the names of the parameters that it made. */
export function recorded<T>(m: ModuleBuilder, build: () => T): { result: T; parameters: string[] } {
  const before = m.parameters.size
  const result = build()
  return { result, parameters: [...m.parameters.keys()].slice(before) }
}
