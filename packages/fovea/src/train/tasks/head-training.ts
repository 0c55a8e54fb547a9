// What a head adds to a training: a loss, what it is compared with, and how good it is.

import type { ImageDataset } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { SegmentationLossOptions } from '../../nn/segmentation/loss.ts'
import type { EmittedLoss } from '../../passes/training-step.ts'

export interface SegmentLossOptions extends Pick<SegmentationLossOptions, 'pixels' | 'dice'> {
  /** How much more pixels on a border between classes count; it falls off within about three pixels (after Ronneberger 2015). @default 0 */
  readonly boundary?: number
}

/** What heads that detect lessen. */
export interface DetectLossOptions {
  /** Of boxes: complete or generalized IoU (arXiv:2005.03572, arXiv:1902.09630). @default 'ciou' */
  readonly box?: 'ciou' | 'giou'
  /** Of classes: with focus on what is far from right (arXiv:2006.04388), or without. @default 'quality-focal' */
  readonly classification?: 'quality-focal' | 'cross-entropy'
}

/** What all heads of a training know of it. */
export interface HeadContext {
  readonly train: ImageDataset
  readonly batchSize: number
  /** Of what the network sees in training. */
  readonly imageSize: readonly [height: number, width: number]
  /** True where that are windows of pictures, which cut things off. @default false */
  readonly cropped?: boolean
  readonly segmentLoss?: SegmentLossOptions
  readonly detectLoss?: DetectLossOptions
  /** Pictures that one of a batch may be joined from. */
  readonly joined: number
}

/** Gathers the answers to pictures that are held out. */
export interface Meter {
  /** One answer for each picture of the batch, in pixels of the batch. */
  add(batch: Batch, answers: readonly HeadAnswer[]): void
  /** `score`: 0 to 1, the higher the better. */
  compute(): { readonly score: number; readonly figures: Readonly<Record<string, number>> }
}

export interface HeadTraining {
  /** Emits the loss and the inputs that `targets` feeds. Names of outputs are those of its terms. */
  loss(b: GraphBuilder): EmittedLoss
  targets(batch: Batch): Record<string, Tensor>
  meter(held: ImageDataset): Meter
}
