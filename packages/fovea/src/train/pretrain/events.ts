// What a pretraining tells while it runs.

import type { LoopRecord } from '../history.ts'
import type { LoopEvent } from '../loop.ts'
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

export interface PretrainRecord extends LoopRecord {
  readonly figures: PretrainFigures
}

type StepEvent = Extract<LoopEvent<PretrainRecord>, { kind: 'step' }>

export type PretrainEvent =
  | { readonly kind: 'plan'; readonly recipe: PretrainRecipe; readonly parameters: number; readonly stepsPerEpoch: number }
  /** `loss`: mean over the running epoch. */
  | (Omit<StepEvent, 'running'> & { readonly loss: number })
  | Exclude<LoopEvent<PretrainRecord>, StepEvent>
