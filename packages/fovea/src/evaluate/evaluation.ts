// The result of an evaluation, and how it is put together.

import type { PredictionTask } from '../vision/predictions.ts'
import type { Bootstrap, BootstrapSettings, Interval } from './bootstrap.ts'
import { wilsonInterval } from './normal.ts'
import type { FigureInfo, TaskRecords } from './records/records.ts'
import type { WorstPicture } from './worst.ts'

/** Figures by name; NaN where there is nothing of the kind to measure. */
export type Figures = Readonly<Record<string, number>>
/** Intervals by name of figure; those that nothing can be said of are absent. */
export type Intervals = Readonly<Record<string, Interval>>

export interface ClassResult {
  readonly class: string
  /** What there is of it: pictures, things, or pixels. */
  readonly support: number
  readonly figures: Figures
  readonly intervals: Intervals
}

/** Milliseconds for one picture in the model, without reading it from disk; a picture of a batch counts as its share. */
export interface Timing {
  readonly mean: number
  readonly median: number
  readonly p95: number
  /** Of the whole run, reading included. */
  readonly picturesPerSecond: number
}

export interface VisionEvaluation {
  readonly task: PredictionTask
  /** Pictures that were measured. */
  readonly samples: number
  /** Which part of the data: `test`, `val`, `held out at training`, `all`. */
  readonly part: string
  readonly labels: readonly string[]
  readonly figures: Figures
  /**
   * How sure the figures are: Wilson's interval for plain proportions of pictures (accuracy, and precision and recall of a class in
   * classification), else the bootstrap over pictures. They tell of the choice of pictures alone, not of that of training.
   */
  readonly intervals: Intervals
  readonly perClass: readonly ClassResult[]
  /** By name of figure: what it is, and which way is better. */
  readonly about: Readonly<Record<string, FigureInfo>>
  readonly timing: Timing
  /** Mistakes first, the worst first. */
  readonly worst: readonly WorstPicture[]
  readonly failures: readonly { readonly path: string; readonly reason: string }[]
  /** Sentences for the user: guesses, pictures that were trained on. */
  readonly warnings: readonly string[]
  readonly bootstrap: BootstrapSettings
  /** What was kept of each picture: sweeps, comparisons and plots are made of it. */
  readonly records: TaskRecords
}

export interface EvaluationParts extends Pick<VisionEvaluation, 'records' | 'part' | 'worst' | 'failures' | 'warnings'> {
  /** From the names that were asked for to places of figures. */
  readonly metrics: ReadonlyMap<string, number>
  readonly drawn: Bootstrap
  readonly settings: BootstrapSettings
  readonly milliseconds: readonly number[]
  readonly seconds: number
}

export function summarize(parts: EvaluationParts): VisionEvaluation {
  const { records, metrics, drawn, settings, milliseconds, seconds } = parts
  const warnings = [...parts.warnings]
  if (settings.samples > 0 && records.pictures.length < 30)
    warnings.push(`${records.pictures.length} pictures are few: the intervals are rough.`)
  const perClass = records.labels.slice(0, records.supports.length).map((name, label): ClassResult => {
    const places = records.classFigures.map(
      (figure, i) => [figure.name, records.figures.length + label * records.classFigures.length + i] as const,
    )
    return { class: name, support: records.supports[label]!, ...select(records, places, drawn, settings) }
  })
  return {
    task: records.task,
    samples: records.pictures.length,
    part: parts.part,
    labels: records.labels,
    ...select(records, [...metrics], drawn, settings),
    perClass,
    about: Object.fromEntries([...metrics].map(([name, place]) => [name, records.figures[place]!])),
    timing: timingOf(milliseconds, seconds),
    worst: parts.worst,
    failures: parts.failures,
    warnings,
    bootstrap: settings,
    records,
  }
}

function select(
  records: TaskRecords,
  places: readonly (readonly [string, number])[],
  { values, intervals }: Bootstrap,
  { samples, confidence }: BootstrapSettings,
): { figures: Figures; intervals: Intervals } {
  const found = places.flatMap(([name, place]) => {
    if (samples === 0) return []
    const proportion = records.proportion(place)
    const interval = proportion ? wilsonInterval(proportion.hits, proportion.cases, confidence) : intervals[place]
    return interval === undefined ? [] : [[name, interval] as const]
  })
  return { figures: Object.fromEntries(places.map(([name, place]) => [name, values[place]!])), intervals: Object.fromEntries(found) }
}

function timingOf(milliseconds: readonly number[], seconds: number): Timing {
  const sorted = Float64Array.from(milliseconds).sort()
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
  return {
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    median: at(0.5),
    p95: at(0.95),
    picturesPerSecond: milliseconds.length / seconds,
  }
}
