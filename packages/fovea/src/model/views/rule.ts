// What the joined answer of a head has to keep to.

import type { Tensor } from '../../graph/tensor.ts'
import type { Head } from '../heads/head.ts'
import type { HeadOptions } from '../heads/run.ts'
import type { ModelMetadata } from '../metadata.ts'

export interface ViewRule {
  readonly labels: readonly string[]
  readonly topK: number
  /** Of classes: below this probability the answer is not known. */
  readonly reject: number | undefined
  /** The overlap that doubles are left out from. */
  readonly iou: number
  /** True where boxes of different classes leave each other alone. */
  readonly byClass: boolean
  /** The most detections. */
  readonly limit: number
  /** From which score on a detection, or one of several classes, is told. */
  readonly confidence: (label: number) => number
}

/** @param feeds thresholds of the run by their names */
export function viewRule(
  head: Head | undefined,
  { labels, rejection }: Pick<ModelMetadata, 'labels' | 'rejection'>,
  feeds: Readonly<Record<string, Tensor>>,
  { topK = 5, reject }: HeadOptions,
): ViewRule {
  const numbers = (name: string | undefined) => (name === undefined ? undefined : feeds[name]?.data)
  const detect = head?.task === 'detect' ? head : undefined
  const confidence = head?.task === 'detect' || head?.task === 'multilabel' ? numbers(head.thresholds.confidence) : undefined
  return {
    labels: head?.labels ?? labels,
    topK,
    reject: reject ?? rejection?.[head?.name ?? '']?.threshold,
    // Of a head that answers once, doubles come from the looks alone.
    iou: detect?.suppression === 'none' ? 0.6 : Number(numbers(detect?.thresholds.iou)?.[0] ?? 0.6),
    byClass: detect?.suppression !== 'agnostic',
    limit: Number(numbers(detect?.thresholds.limit)?.[0] ?? 300),
    confidence: (label) => Number(confidence?.[label] ?? 0),
  }
}
