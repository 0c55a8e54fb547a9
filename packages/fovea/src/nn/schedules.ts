// Learning rate schedules: plain data, and a pure function from data and step to learning rate.

import { FoveaError } from '../util/errors.ts'

/** The same rate throughout. */
export interface ConstantSchedule {
  readonly kind: 'constant'
  readonly learningRate: number
}

/** Multiplies the rate by `factor` after every `every` steps. */
export interface StepSchedule {
  readonly kind: 'step'
  readonly learningRate: number
  readonly every: number
  /** @default 0.1 */
  readonly factor?: number
}

/** Half a cosine from `learningRate` down to `minimum` (Loshchilov & Hutter 2017, arXiv:1608.03983). */
export interface CosineSchedule {
  readonly kind: 'cosine'
  readonly learningRate: number
  readonly steps: number
  /** @default 0 */
  readonly minimum?: number
}

/** Up to `maximum`, then down to almost nothing (Smith 2018, arXiv:1708.07120; torch's form with two phases). */
export interface OneCycleSchedule {
  readonly kind: 'oneCycle'
  readonly maximum: number
  readonly steps: number
  /** Share of the steps in which the rate rises. @default 0.3 */
  readonly rising?: number
  /** The first rate is the maximum divided by this. @default 25 */
  readonly divide?: number
  /** The last rate is the first divided by this. @default 1e4 */
  readonly finalDivide?: number
  /** @default 'cosine' */
  readonly anneal?: 'cosine' | 'linear'
}

/** A linear rise from `start` times the first rate of another schedule, which follows it (Goyal 2017, arXiv:1706.02677). */
export interface WarmUpSchedule {
  readonly kind: 'warmUp'
  readonly steps: number
  /** @default 0.01 */
  readonly start?: number
  /** Counts its own steps from the end of the rise. */
  readonly schedule: Schedule
}

export type Schedule = ConstantSchedule | StepSchedule | CosineSchedule | OneCycleSchedule | WarmUpSchedule

type Rules = { readonly [Kind in Schedule['kind']]: (schedule: Extract<Schedule, { kind: Kind }>, step: number) => number }

const rules: Rules = {
  constant: ({ learningRate }) => learningRate,
  step: ({ learningRate, every, factor = 0.1 }, step) => learningRate * factor ** Math.floor(step / every),
  cosine: ({ learningRate, steps, minimum = 0 }, step) => halfCosine(learningRate, minimum, Math.min(1, step / steps)),
  oneCycle({ maximum, steps, rising = 0.3, divide = 25, finalDivide = 1e4, anneal = 'cosine' }, step) {
    const between = anneal === 'cosine' ? halfCosine : line
    const first = maximum / divide
    const last = steps - 1
    const top = rising * steps - 1
    return step <= top
      ? between(first, maximum, step / Math.max(top, 1e-9))
      : between(maximum, first / finalDivide, last <= top ? 1 : Math.min(1, (step - top) / (last - top)))
  },
  warmUp({ steps, start = 0.01, schedule }, step) {
    if (step >= steps) return learningRateAt(schedule, step - steps)
    return learningRateAt(schedule, 0) * line(start, 1, step / steps)
  },
}

/**
 * The learning rate of a step; steps count from 0. Behind its last step a schedule keeps its last rate.
 *
 * @throws FoveaError NN_OPTION_INVALID where the schedule is of no known kind
 */
export function learningRateAt(schedule: Schedule, step: number): number {
  if (!Object.hasOwn(rules, schedule.kind))
    throw new FoveaError('NN_OPTION_INVALID', {
      field: 'kind',
      expected: `one of ${Object.keys(rules).join(', ')}`,
      found: `${schedule.kind}`,
    })
  const rule = rules[schedule.kind] as (schedule: Schedule, step: number) => number
  return rule(schedule, Math.max(0, step))
}

function line(from: number, to: number, share: number): number {
  return from + (to - from) * share
}

function halfCosine(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2
}
