// The plots that belong to an evaluation, by its task.

import { loadWebFont } from '../data/font.ts'
import { drawBarChart } from '../vision/drawing/plots/bar-chart.ts'
import { drawConfusion } from '../vision/drawing/plots/confusion-plot.ts'
import { type Curve, drawCurves } from '../vision/drawing/plots/curve-plot.ts'
import { drawHistogram } from '../vision/drawing/plots/histogram-plot.ts'
import { drawReliability } from '../vision/drawing/plots/reliability-plot.ts'
import type { TextFont } from '../vision/drawing/text.ts'
import { riskCoverage, riskCoverageArea } from '../vision/metrics/risk-coverage.ts'
import type { VisionEvaluation } from './evaluation.ts'
import { AnomalyRecords } from './records/anomaly.ts'
import { ClassifyRecords } from './records/classify.ts'
import { CountRecords } from './records/count.ts'
import { DetectRecords } from './records/detect.ts'
import { MultilabelRecords } from './records/multilabel.ts'
import { knownMean, partText, type TaskRecords } from './records/records.ts'
import { SegmentRecords } from './records/segment.ts'
import { classScores, detectionScores, multilabelScores, type SweepPoint, type SweptScores, sweepScores } from './sweep.ts'

export interface EvaluationPlot {
  /** For a file: `precision-recall`. */
  readonly name: string
  /** What it shows, for those who do not see it. */
  readonly title: string
  readonly svg: string
}

/** Classes beyond this many get no curves of their own: a plot of them could not be read. */
const maxCurves = 100
/** Of more classes than have curves, the bars of so many. */
const maxBars = 60

/**
 * Those that can be drawn of this evaluation; none for captions. @param font Of their texts. @default the font that is bundled; scripts that it lacks
 * become `<text>`, for the fonts of whoever shows the SVG
 */
export async function evaluationPlots({ records }: VisionEvaluation, font?: TextFont): Promise<EvaluationPlot[]> {
  return plotsOf(records, font ?? (await loadWebFont()))
}

function plotsOf(records: TaskRecords, font: TextFont): EvaluationPlot[] {
  if (records instanceof ClassifyRecords) return classifyPlots(records, font)
  if (records instanceof MultilabelRecords) return multilabelPlots(records, font)
  if (records instanceof DetectRecords) return detectPlots(records, font)
  if (records instanceof SegmentRecords) return segmentPlots(records, font)
  if (records instanceof AnomalyRecords) return anomalyPlots(records, font)
  if (records instanceof CountRecords) return countPlots(records, font)
  return []
}

function classifyPlots(records: ClassifyRecords, font: TextFont): EvaluationPlot[] {
  const { labels, calibration, confusion } = records
  const drawn = [
    { name: 'confusion', title: 'Confusion matrix', svg: drawConfusion({ counts: confusion, classes: labels }, font) },
    { name: 'reliability', title: 'Reliability diagram', svg: drawReliability(calibration, font) },
  ]
  if (records.row(0) === undefined || labels.length > maxCurves) return drawn
  const swept = labels.map((name, label) => ({ name, scores: classScores(records, label) })).filter(({ scores }) => scores.positives > 0)
  return [...drawn, riskPlot(records, font), ...decisionPlots(swept, 'each class against the rest', font), ...rocPlot(swept, font)]
}

/** At most some 300 points, the last among them: more make a file large and a line no finer. */
export function thinned<T>(points: readonly T[]): T[] {
  const step = Math.ceil(points.length / 300)
  return points.filter((_, i) => i % step === 0 || i === points.length - 1)
}

/** What is wrong among the answers, where only the surest are given. */
function riskPlot({ confidences, truths, predicted }: ClassifyRecords, font: TextFont): EvaluationPlot {
  const rights = truths.map((truth, i) => truth === predicted[i])
  const points = riskCoverage(confidences, rights).map(({ coverage, accuracy }) => ({ x: coverage, y: 1 - accuracy }))
  const curve = {
    name: 'surest first',
    value: riskCoverageArea(confidences, rights).toFixed(3),
    points: thinned(points),
    isMain: true,
  }
  const title = 'Risk over coverage'
  const subtitle = 'answers that are wrong, of the part that is answered'
  return { name: 'risk-coverage', title, svg: drawCurves({ title, subtitle, xTitle: 'coverage', yTitle: 'risk', curves: [curve] }, font) }
}

function multilabelPlots(records: MultilabelRecords, font: TextFont): EvaluationPlot[] {
  const swept = records.labels
    .slice(0, maxCurves)
    .map((name, label) => ({ name, scores: multilabelScores(records, label) }))
    .filter(({ scores }) => scores.positives > 0)
  return swept.length === 0 ? [] : [...decisionPlots(swept, 'each class by itself', font), ...rocPlot(swept, font)]
}

function detectPlots(records: DetectRecords, font: TextFont): EvaluationPlot[] {
  const { labels, matches, confusion, settings } = records
  const swept = matches
    .slice(0, maxCurves)
    .map((one, label) => ({ name: labels[label]!, scores: detectionScores([one]) }))
    .filter(({ scores }) => scores.positives > 0 && scores.scores.length > 0)
  const values = records.compute()
  const sizes = ['apSmall', 'apMedium', 'apLarge'].map((name, i) => ({
    label: ['small, < 32²', 'medium', 'large, > 96²'][i]!,
    value: values[records.figures.findIndex((figure) => figure.name === name)]!,
  }))
  const bars = sizes.filter(({ value }) => !Number.isNaN(value))
  const subtitle = `with what was missed and what is not there, at IoU 0.5, confidence ${settings.confidence}`
  return [
    {
      name: 'confusion',
      title: 'Confusion matrix with background',
      svg: drawConfusion({ counts: confusion, classes: [...labels, 'background'], subtitle }, font),
    },
    ...(swept.length === 0 ? [] : decisionPlots(swept, 'at IoU 0.5', font)),
    ...(bars.length === 0
      ? []
      : [
          {
            name: 'size',
            title: 'AP by size',
            svg: drawBarChart(
              { title: 'AP by size of things', subtitle: 'areas in pixels, after COCO', bars, high: 1, text: partText },
              font,
            ),
          },
        ]),
  ]
}

function segmentPlots(records: SegmentRecords, font: TextFont): EvaluationPlot[] {
  const values = records.compute()
  const bars = records.labels
    .map((label, c) => ({ label, value: values[records.figures.length + c * records.classFigures.length]! }))
    .filter(({ value }) => !Number.isNaN(value))
  const title = 'IoU by class'
  const weakest = new Set(bars.toSorted((a, b) => a.value - b.value).slice(0, maxBars))
  const chart =
    bars.length <= maxCurves
      ? { title, bars }
      : {
          title,
          subtitle: `the ${maxBars} weakest of ${bars.length.toLocaleString('en')} classes`,
          bars: bars.filter((bar) => weakest.has(bar)),
        }
  return [
    {
      name: 'confusion',
      title: 'Confusion matrix of pixels',
      svg: drawConfusion({ counts: records.confusion, classes: records.labels, title: 'Confusion matrix of pixels' }, font),
    },
    ...(bars.length === 0 ? [] : [{ name: 'iou', title, svg: drawBarChart({ ...chart, high: 1, text: partText }, font) }]),
  ]
}

function anomalyPlots(records: AnomalyRecords, font: TextFont): EvaluationPlot[] {
  const { scores, truths, threshold } = records
  const group = (truth: number) => scores.filter((_, i) => truths[i] === truth)
  const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
  const swept = [
    {
      name: 'anomalous',
      scores: { scores: order.map((i) => scores[i]!), hits: order.map((i) => truths[i]!), positives: group(1).length },
    },
  ]
  const histogram = drawHistogram(
    {
      title: 'Scores of pictures',
      xTitle: 'anomaly score',
      groups: [
        { name: `sound (${group(0).length})`, values: group(0) },
        { name: `anomalous (${group(1).length})`, values: group(1) },
      ],
      ...(Number.isFinite(threshold) ? { mark: { x: threshold, text: `best F1 from ${threshold.toPrecision(3)}` } } : {}),
    },
    font,
  )
  const curves =
    group(1).length === 0 || group(0).length === 0 ? [] : [...rocPlot(swept, font), precisionRecall(swept, 'of pictures', font)]
  return [{ name: 'scores', title: 'Histogram of scores', svg: histogram }, ...curves]
}

function countPlots({ counts, truths }: CountRecords, font: TextFont): EvaluationPlot[] {
  const values = counts.map((count, i) => count - truths[i]!)
  const svg = drawHistogram(
    {
      title: 'Errors',
      subtitle: 'counted minus true',
      xTitle: 'error',
      groups: [{ name: `${values.length} pictures`, values }],
      mark: { x: 0, text: 'right' },
    },
    font,
  )
  return [{ name: 'errors', title: 'Histogram of errors', svg }]
}

interface Swept {
  readonly name: string
  readonly scores: SweptScores
}

function decisionPlots(swept: readonly Swept[], subtitle: string, font: TextFont): EvaluationPlot[] {
  return [precisionRecall(swept, subtitle, font), f1Confidence(swept, subtitle, font)]
}

/** The best named first, so that the legend reads from best to worst. */
function ranked<T extends { readonly area: number }>(list: readonly T[]): T[] {
  return list.toSorted((a, b) => b.area - a.area)
}

const hundredths = Array.from({ length: 101 }, (_, i) => i / 100)

function precisionRecall(swept: readonly Swept[], subtitle: string, font: TextFont): EvaluationPlot {
  const curves = swept.map(({ name, scores }) => {
    const { curve } = sweepScores(scores)
    // The best precision at this recall or more, as COCO and VOC measure it.
    const envelope = hundredths.map((recall) =>
      Math.max(0, ...curve.filter((point) => point.recall >= recall).map(({ precision }) => precision)),
    )
    const points = curve.map(({ precision, recall }) => ({ x: recall, y: precision }))
    return { name, envelope, area: knownMean(envelope), points: points.length === 0 ? [] : [{ x: 0, y: points[0]!.y }, ...points] }
  })
  const all: Curve[] = ranked(curves).map(({ name, area, points }) => ({ name, value: area.toFixed(3), points }))
  if (curves.length > 1) {
    const mean = hundredths.map((x, i) => ({ x, y: knownMean(curves.map(({ envelope }) => envelope[i]!)) }))
    all.unshift({ name: 'mean', value: knownMean(curves.map(({ area }) => area)).toFixed(3), points: mean, isMain: true })
  }
  const title = 'Precision over recall'
  return { name: 'precision-recall', title, svg: drawCurves({ title, subtitle, xTitle: 'recall', yTitle: 'precision', curves: all }, font) }
}

function f1Confidence(swept: readonly Swept[], subtitle: string, font: TextFont): EvaluationPlot {
  const curves = swept.map(({ name, scores }) => {
    const { curve, f1 } = sweepScores(scores)
    const points = curve.map((point) => ({ x: point.threshold, y: point.f1 })).toReversed()
    // From one score to the next it does not change.
    const steps = points.flatMap(({ x, y }, i) => [
      { x: points[i - 1]?.x ?? 0, y },
      { x, y },
    ])
    return { name, area: f1, points: steps, curve }
  })
  // At a confidence between two scores counts what lies above it.
  const at = (curve: readonly SweepPoint[], confidence: number) => curve.findLast(({ threshold }) => threshold >= confidence)?.f1 ?? 0
  const mean = hundredths.map((x) => ({ x, y: knownMean(curves.map(({ curve }) => at(curve, x))) }))
  const best = mean.reduce((a, b) => (b.y > a.y ? b : a))
  const all: Curve[] = ranked(curves).map(({ name, area, points }) => ({ name, value: area.toFixed(3), points }))
  if (curves.length > 1) all.unshift({ name: 'mean', value: best.y.toFixed(3), points: mean, isMain: true })
  const title = 'F1 over confidence'
  const mark = { ...best, text: `best from ${partText(best.x)}` }
  return { name: 'f1-confidence', title, svg: drawCurves({ title, subtitle, xTitle: 'confidence', yTitle: 'F1', curves: all, mark }, font) }
}

/** None where all are of one kind. */
function rocPlot(swept: readonly Swept[], font: TextFont): EvaluationPlot[] {
  const curves = swept.flatMap(({ name, scores }) => {
    const negatives = scores.scores.length - scores.positives
    if (negatives === 0) return []
    let [right, wrong, area] = [0, 0, 0]
    const points = [{ x: 0, y: 0 }]
    for (let i = 0; i < scores.scores.length; i++) {
      if (scores.hits[i]) right++
      else wrong++
      if (i + 1 < scores.scores.length && scores.scores[i + 1] === scores.scores[i]) continue
      const [x, y] = [wrong / negatives, right / scores.positives]
      const last = points.at(-1)!
      area += ((x - last.x) * (y + last.y)) / 2
      points.push({ x, y })
    }
    const step = Math.ceil(points.length / 300)
    return [{ name, area, points: points.filter((_, i) => i % step === 0 || i === points.length - 1) }]
  })
  if (curves.length === 0) return []
  const title = 'ROC'
  const named: Curve[] = ranked(curves).map(({ name, area, points }) => ({ name, value: area.toFixed(3), points }))
  const plot = {
    title,
    subtitle: 'area under each curve at the right',
    xTitle: 'false positive rate',
    yTitle: 'true positive rate',
    curves: named,
    diagonal: true,
  }
  return [{ name: 'roc', title, svg: drawCurves(plot, font) }]
}
