// What a pretraining tells while it runs.

import type { PretrainRecipe } from './options.ts'

/** Figures on scenes that were held out, 0 to 1. */
export interface PretrainFigures {
  /** Share of scenes whose object was named rightly, "none" included. */
  readonly shape: number
  /** Share of scenes whose largest texture was named rightly. */
  readonly texture: number
  /** Share of the cells that one texture fills (9 parts of 10 at least) whose texture was named rightly, at the finest level. */
  readonly cells: number
  /** Intersection over union of the object's mask at the finest level, over all scenes together. */
  readonly mask: number
}

export interface PretrainRecord {
  /** From 0. */
  readonly epoch: number
  /** Mean loss over the epoch's batches. */
  readonly loss: number
  readonly figures: PretrainFigures
  readonly step: number
  readonly seconds: number
  readonly imagesPerSecond: number
}

export type PretrainEvent =
  | { readonly kind: 'plan'; readonly recipe: PretrainRecipe; readonly parameters: number; readonly stepsPerEpoch: number }
  | { readonly kind: 'note'; readonly text: string }
  | {
      readonly kind: 'step'
      readonly epoch: number
      readonly batch: number
      readonly batches: number
      /** Mean over the running epoch. */
      readonly loss: number
      readonly learningRate: number
      readonly imagesPerSecond: number
      readonly secondsLeft: number
    }
  | { readonly kind: 'epoch'; readonly record: PretrainRecord }
