// What a model is good and bad at, in plain words.

import type { Interval } from './bootstrap.ts'
import type { ClassResult, VisionEvaluation } from './evaluation.ts'
import { AnomalyRecords } from './records/anomaly.ts'
import { ClassifyRecords } from './records/classify.ts'
import { CountRecords } from './records/count.ts'
import { DetectRecords } from './records/detect.ts'
import type { FigureInfo, TaskRecords } from './records/records.ts'
import { sweepScores } from './sweep.ts'

/** A figure as people read it: parts in per cent. */
export function figureText(value: number, unit: FigureInfo['unit']): string {
  if (!Number.isFinite(value)) return '–'
  if (unit === 'part') return `${(100 * value).toFixed(1)} %`
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(3)
}

/** The difference of two figures with its sign; of parts in points, since `+5 %` could be taken for a twentieth of the figure. */
export function differenceText(value: number, unit: FigureInfo['unit']): string {
  return `${value > 0 ? '+' : ''}${figureText(value, unit).replace(/ %$/, ' points')}`
}

/** Both ends of a difference, the unit once: `-1.2 to +3.4 points`. */
export function differenceIntervalText({ low, high }: Interval, unit: FigureInfo['unit']): string {
  return `${differenceText(low, unit).replace(/ points$/, '')} to ${differenceText(high, unit)}`
}

/** Both ends, the unit once: `88.6 to 95.9 %`. */
export function intervalText({ low, high }: Interval, unit: FigureInfo['unit']): string {
  const text = (value: number) => figureText(value, unit).replace(' %', '')
  return `${text(low)} to ${text(high)}${unit === 'part' ? ' %' : ''}`
}

/** The first sentence says the most; each of the others one thing. */
export function evaluationWords(evaluation: VisionEvaluation): string[] {
  const { records } = evaluation
  if (records instanceof ClassifyRecords) return classifyWords(evaluation, records)
  if (records instanceof DetectRecords) return detectWords(evaluation, records)
  if (records instanceof AnomalyRecords) return anomalyWords(evaluation, records)
  if (records instanceof CountRecords) return countWords(evaluation)
  const [name, about] = Object.entries(evaluation.about)[0]!
  return [
    `${about.title} is ${withInterval(evaluation, name)} over ${pictures(evaluation.samples)}.`,
    ...classWords(evaluation, records.classFigures[0]),
  ]
}

function pictures(count: number): string {
  return count === 1 ? '1 picture' : `${count.toLocaleString('en')} pictures`
}

function withInterval({ figures, intervals, about, bootstrap }: VisionEvaluation, name: string): string {
  const interval = intervals[name]
  const { unit } = about[name]!
  const text = figureText(figures[name]!, unit)
  return interval === undefined ? text : `${text} (${100 * bootstrap.confidence} % interval ${intervalText(interval, unit)})`
}

/** A figure of all, whether it was asked for or not. */
function figureOf(records: TaskRecords, values: Float64Array, name: string): number {
  return values[records.figures.findIndex((figure) => figure.name === name)]!
}

function classifyWords(evaluation: VisionEvaluation, records: ClassifyRecords): string[] {
  const { samples, labels } = evaluation
  const values = records.compute()
  const accuracy = figureOf(records, values, 'accuracy')
  const right = Math.round(accuracy * samples)
  const named = evaluation.figures.accuracy === undefined ? figureText(accuracy, 'part') : withInterval(evaluation, 'accuracy')
  const sentences = [`The model is right on ${right.toLocaleString('en')} of ${pictures(samples)}: ${named}.`]
  sentences.push(...classWords(evaluation, records.classFigures[2]))
  const { confusion } = records
  let worst: { t: number; p: number; count: number; part: number } | undefined
  for (const [t, row] of confusion.entries())
    for (const [p, count] of row.entries())
      if (t !== p && count > (worst?.count ?? 0)) worst = { t, p, count, part: count / row.reduce((a, b) => a + b, 0) }
  if (worst !== undefined)
    sentences.push(
      `Most often it takes ${quoted(labels[worst.t]!)} for ${quoted(labels[worst.p]!)}: ${worst.count} times, ${figureText(worst.part, 'part')} of the true ones.`,
    )
  const confidence = records.confidences.reduce((sum, value) => sum + value, 0) / samples
  const gap = confidence - accuracy
  const verdict =
    Math.abs(gap) < 0.02
      ? 'its confidence can be taken at its word'
      : gap > 0
        ? 'it is surer than it should be'
        : 'it is more often right than it says'
  sentences.push(`On average it says ${figureText(confidence, 'part')} and is right in ${figureText(accuracy, 'part')}: ${verdict}.`)
  const sure = records.truths.filter((truth, i) => truth !== records.predicted[i] && records.confidences[i]! >= 0.9).length
  if (right < samples) sentences.push(`Of its ${samples - right} mistakes it makes ${sure} with a confidence of 90 % or more.`)
  return sentences
}

function detectWords(evaluation: VisionEvaluation, records: DetectRecords): string[] {
  const values = records.compute()
  const value = (name: string) => figureOf(records, values, name)
  const things = records.supports.reduce((sum, count) => sum + count, 0)
  const first = evaluation.figures.ap50 === undefined ? figureText(value('ap50'), 'part') : withInterval(evaluation, 'ap50')
  const sentences = [
    `AP50 is ${first} over ${things.toLocaleString('en')} things in ${pictures(evaluation.samples)}.`,
    `From a confidence of ${records.settings.confidence} on it finds ${figureText(value('recall'), 'part')} of the things, and ${figureText(value('precision'), 'part')} of what it marks is right.`,
    ...classWords(evaluation, records.classFigures[1]),
  ]
  const sizes = [
    ['small', value('apSmall')],
    ['medium', value('apMedium')],
    ['large', value('apLarge')],
  ] as const
  const known = sizes.filter(([, ap]) => !Number.isNaN(ap)).toSorted((a, b) => a[1] - b[1])
  if (known.length > 1)
    sentences.push(
      `By size it is worst at ${known[0]![0]} things (AP ${figureText(known[0]![1], 'part')}) and best at ${known.at(-1)![0]} ones (${figureText(known.at(-1)![1], 'part')}).`,
    )
  const missed = records.confusion.slice(0, -1).reduce((sum, row) => sum + row.at(-1)!, 0)
  const unfounded = records.confusion.at(-1)!.reduce((sum, count) => sum + count, 0)
  sentences.push(`It misses ${missed.toLocaleString('en')} things, and marks ${unfounded.toLocaleString('en')} where there is nothing.`)
  return sentences
}

function anomalyWords(evaluation: VisionEvaluation, records: AnomalyRecords): string[] {
  const { scores, truths, threshold } = records
  const odd = truths.filter((truth) => truth === 1).length
  if (odd === 0) return [`None of the ${pictures(truths.length)} is anomalous: what the model would catch cannot be told.`]
  const auroc = evaluation.figures.imageAuroc === undefined ? '' : ` AUROC is ${withInterval(evaluation, 'imageAuroc')}.`
  const [caught, alarms] = [1, 0].map((truth) => scores.filter((score, i) => truths[i] === truth && score >= threshold).length)
  const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
  const all = sweepScores({ scores: order.map((i) => scores[i]!), hits: order.map((i) => truths[i]!), positives: odd }, { recall: 1 })
  const none = scores.filter((score, i) => truths[i] === 0 && score >= all.threshold).length
  return [
    `At its best threshold the model catches ${caught} of ${odd} anomalies, with ${alarms} false alarms in ${truths.length - odd} sound pictures.${auroc}`,
    `That threshold is ${threshold.toPrecision(4)}; it was chosen on these very pictures, so on new ones it will do a little worse.`,
    ...(odd > 0 ? [`To catch all of them it must be ${all.threshold.toPrecision(4)}, with ${none} false alarms.`] : []),
  ]
}

function countWords(evaluation: VisionEvaluation): string[] {
  const { figures, intervals, samples } = evaluation
  const bias = intervals.bias
  const lean =
    bias === undefined || (bias.low <= 0 && bias.high >= 0)
      ? 'It leans neither to too many nor to too few, as far as these pictures can tell.'
      : `It counts too ${figures.bias! > 0 ? 'many' : 'few'}: ${withInterval(evaluation, 'bias')} on average.`
  const [name, about] = Object.entries(evaluation.about)[0]!
  const share =
    figures.relativeError === undefined || Number.isNaN(figures.relativeError)
      ? ''
      : `, ${figureText(figures.relativeError, 'part')} of the mean count`
  return [
    `${about.title} is ${withInterval(evaluation, name)} over ${pictures(samples)}${share}.`,
    ...(figures.bias === undefined ? [] : [lean]),
  ]
}

/** The best and the weakest classes by one of their figures. */
function classWords({ perClass }: VisionEvaluation, about: FigureInfo | undefined): string[] {
  if (about === undefined) return []
  const known = perClass.filter(({ figures, support }) => support > 0 && Number.isFinite(figures[about.name]))
  if (known.length < 2) return []
  const order = known.toSorted((a, b) => b.figures[about.name]! - a.figures[about.name]!)
  const text = ({ class: name, figures, intervals }: ClassResult) => {
    const interval = intervals[about.name]
    return `${quoted(name)} (${figureText(figures[about.name]!, about.unit)}${interval ? `, ${intervalText(interval, about.unit)}` : ''})`
  }
  const count = Math.min(3, Math.floor(known.length / 2))
  const rare = known.filter(({ support }) => support < 10).map(({ class: name }) => quoted(name))
  return [
    `By ${about.title} it is best at ${order.slice(0, count).map(text).join(', ')}.`,
    `It is weakest at ${order.slice(-count).reverse().map(text).join(', ')}.`,
    ...(rare.length > 0
      ? [
          `There is little of ${rare.slice(0, 5).join(', ')}${rare.length > 5 ? ` and ${rare.length - 5} more` : ''} in these pictures: less than ten.`,
        ]
      : []),
  ]
}

function quoted(name: string): string {
  return `“${name}”`
}
