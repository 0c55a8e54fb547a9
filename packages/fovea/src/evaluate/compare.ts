// Is one model better than another? Paired tests on the same pictures.

import { FoveaError } from '../util/errors.ts'
import { type BootstrapOptions, bootstrap, bootstrapSettings, type Interval, type Work } from './bootstrap.ts'
import type { VisionEvaluation } from './evaluation.ts'
import { mcnemarExact } from './normal.ts'
import { ClassifyRecords } from './records/classify.ts'
import type { FigureInfo } from './records/records.ts'

export interface FigureComparison {
  readonly name: string
  readonly about: FigureInfo
  /** On the pictures that both measured. */
  readonly first: number
  readonly second: number
  /** First minus second. */
  readonly difference: number
  readonly interval: Interval | undefined
  /** Two-sided: the chance of a difference at least so large between models that are equally good. NaN where nothing can be said. */
  readonly p: number
  readonly test: 'McNemar, exact' | 'paired bootstrap'
  /** Where p lies below 1 - confidence: which is better. */
  readonly better: 'first' | 'second' | undefined
}

export interface Comparison {
  /** Pictures that both measured, known by their names. */
  readonly samples: number
  readonly figures: readonly FigureComparison[]
  /** Of classifiers: pictures that just one gets right. */
  readonly onlyFirst: number | undefined
  readonly onlySecond: number | undefined
  readonly confidence: number
}

/**
 * Compares two evaluations on the pictures that both hold. Accuracy: McNemar's exact test on the pictures that just one gets right.
 * Other figures: the same pictures are drawn for both, again and again, and p is twice the smaller part of the differences on either side of 0
 * (one added to both counts, so that p is never 0); its interval is that of the percentiles, so that the two agree. The tests are not corrected for there being several: look first at the figure that you chose before.
 *
 * @throws FoveaError EVALUATE_COMPARE for other tasks, classes, or fewer than two pictures in common; CANCELLED
 */
export async function compareEvaluations(
  first: VisionEvaluation,
  second: VisionEvaluation,
  options: Omit<BootstrapOptions, 'method'> = {},
  work: Work = {},
): Promise<Comparison> {
  const settings = bootstrapSettings({ ...first.bootstrap, ...options, method: 'percentile' })
  const [a, b] = [first.records, second.records]
  const fail = (expected: string, found: string) => new FoveaError('EVALUATE_COMPARE', { expected, found })
  if (a.task !== b.task) throw fail(a.task, b.task)
  if (a.labels.join('\n') !== b.labels.join('\n')) throw fail(`the classes ${a.labels.join(', ')}`, b.labels.join(', '))
  const pairs = commonPictures(a.pictures, b.pictures)
  if (pairs.length < 2) throw fail('at least two pictures in common', `${pairs.length}`)
  const weightsOf = (count: number, side: 0 | 1, drawn: ArrayLike<number>) => {
    const weights = new Float64Array(count)
    for (let i = 0; i < pairs.length; i++) weights[pairs[i]![side]!] = drawn[i]!
    return weights
  }
  const sides = (drawn: ArrayLike<number>) =>
    [a.compute(weightsOf(a.pictures.length, 0, drawn)), b.compute(weightsOf(b.pictures.length, 1, drawn))] as const
  const [valuesA, valuesB] = sides(new Float64Array(pairs.length).fill(1))
  const differences = (drawn: ArrayLike<number>) => {
    const [x, y] = sides(drawn)
    return x.slice(0, a.figures.length).map((value, f) => value - y[f]!)
  }
  const { intervals, drawn } = await bootstrap(pairs.length, differences, settings, work)
  const right = discordant(first, second, pairs)
  const figures = a.figures.map((about, f): FigureComparison => {
    const exact = right !== undefined && about.name === 'accuracy'
    const difference = valuesA[f]! - valuesB[f]!
    const p = exact ? mcnemarExact(right.onlyFirst, right.onlySecond) : twoSided(drawn[f]!)
    return {
      name: about.name,
      about,
      first: valuesA[f]!,
      second: valuesB[f]!,
      difference,
      interval: intervals[f],
      p,
      test: exact ? 'McNemar, exact' : 'paired bootstrap',
      better: p < 1 - settings.confidence ? betterOf(about, valuesA[f]!, valuesB[f]!) : undefined,
    }
  })
  return { samples: pairs.length, figures, onlyFirst: right?.onlyFirst, onlySecond: right?.onlySecond, confidence: settings.confidence }
}

/** Places of the pictures that both have; pictures of equal names, as several folders may hold, are paired in their order. */
function commonPictures(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const places = new Map<string, number[]>()
  for (const [i, name] of b.entries()) places.set(name, [...(places.get(name) ?? []), i])
  return a.flatMap((name, i) => {
    const other = places.get(name)?.shift()
    return other === undefined ? [] : [[i, other] as const]
  })
}

function discordant(first: VisionEvaluation, second: VisionEvaluation, pairs: readonly (readonly [number, number])[]) {
  const [a, b] = [first.records, second.records]
  if (!(a instanceof ClassifyRecords && b instanceof ClassifyRecords)) return undefined
  let [onlyFirst, onlySecond] = [0, 0]
  for (const [i, j] of pairs) {
    const [x, y] = [a.ranks[i] === 0, b.ranks[j] === 0]
    if (x && !y) onlyFirst++
    if (y && !x) onlySecond++
  }
  return { onlyFirst, onlySecond }
}

function twoSided(drawn: Float64Array): number {
  let [below, above, known] = [0, 0, 0]
  for (const value of drawn) {
    if (Number.isNaN(value)) continue
    known++
    if (value <= 0) below++
    if (value >= 0) above++
  }
  return known === 0 ? Number.NaN : Math.min(1, (2 * (Math.min(below, above) + 1)) / (known + 1))
}

function betterOf({ better }: FigureInfo, first: number, second: number): 'first' | 'second' | undefined {
  const [a, b] = better === 'zero' ? [-Math.abs(first), -Math.abs(second)] : better === 'lower' ? [-first, -second] : [first, second]
  return a === b ? undefined : a > b ? 'first' : 'second'
}
