// The head of a classifier beside other heads.

import { linear } from '../../nn/layers/index.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import type { ClassifyHead } from './head.ts'

export interface ClassifyHeadSpec {
  readonly task: 'classify'
  /** @default 'classify' */
  readonly name?: string
  /** At least two. */
  readonly labels: readonly string[]
}

/** A linear layer behind the embedding, and its softmax: output `NAME_probabilities`. @param embedding rows [N, C] */
export function buildClassifyHead(m: ModuleBuilder, embedding: Feature, name: string, { labels }: ClassifyHeadSpec): ClassifyHead {
  const { b } = m
  const logits = linear(m, 'linear', embedding, { out: labels.length }).value
  const probabilities = b.output(b.op('Softmax', [logits], { axis: -1 }), undefined, b.fresh(`${name}_probabilities`))
  return { task: 'classify', name, labels, outputs: { probabilities }, scores: { logits } }
}
