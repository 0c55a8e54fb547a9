// An evaluation as one HTML file that needs nothing else: no network, no other file.

import { createHash } from 'node:crypto'
import { writeFileAtomically } from '../../data/files.ts'
import { loadFont, loadWebFont } from '../../data/font.ts'
import { frameworkVersion } from '../../util/version.ts'
import { outcomeColors } from '../../vision/drawing/outcomes.ts'
import { drawLinePlot } from '../../vision/drawing/plots/line-plot.ts'
import type { TextFont } from '../../vision/drawing/text.ts'
import type { Interval } from '../bootstrap.ts'
import type { CalibrationResult, RejectionResult } from '../calibrate.ts'
import type { Comparison, FigureComparison } from '../compare.ts'
import type { VisionEvaluation } from '../evaluation.ts'
import { type EvaluationPlot, evaluationPlots } from '../plots.ts'
import type { FigureInfo } from '../records/records.ts'
import type { Sweep } from '../sweep.ts'
import { differenceIntervalText, differenceText, evaluationWords, figureText, intervalText } from '../words.ts'
import { type Thumbnail, worstThumbnails } from '../worst-sheet.ts'
import { confidenceSection } from './confidence.ts'
import { html, Markup } from './markup.ts'
import { nameCell, numberCell, plotFigure, table } from './parts.ts'
import { reportScript, reportStyle } from './style.ts'

/** A name and what is said under it. */
export type Fact = readonly [name: string, value: string]

export interface ReportOptions {
  /** @default 'Evaluation' */
  readonly title?: string
  /** What model it is: name, version, hash, preprocessing (`modelFacts`). */
  readonly model?: readonly Fact[]
  /** What data they are. */
  readonly data?: readonly Fact[]
  readonly sweep?: Sweep
  /** Of a classifier: its temperature, as `calibrate` found it. */
  readonly calibration?: CalibrationResult
  /** Of a classifier: below which probability it does not answer, as `chooseRejection` found it. */
  readonly rejection?: RejectionResult
  readonly comparison?: { readonly result: Comparison; readonly first: string; readonly second: string }
  /** @default now */
  readonly date?: Date
  /** How many of the worst pictures are shown, each at most 240 pixels wide. @default 24 */
  readonly pictures?: number
}

const maxFailures = 100
const thumbnailSide = 240

/** Writes the report: under a temporary name, then renamed. @throws FoveaError FILE_WRITE */
export async function writeReport(file: string, evaluation: VisionEvaluation, options: ReportOptions = {}): Promise<void> {
  await writeFileAtomically(file, await reportHtml(evaluation, options))
}

/**
 * The report as one HTML text: what the model is good and bad at in plain words, figures with intervals, classes, plots, the worst
 * pictures, comparison and thresholds where they are given, and how all of it was measured. Names are escaped; a content security policy
 * forbids everything that is not in the file.
 */
export async function reportHtml(evaluation: VisionEvaluation, options: ReportOptions = {}): Promise<string> {
  const {
    title = 'Evaluation',
    model = [],
    data = [],
    sweep,
    calibration,
    rejection,
    comparison,
    date = new Date(),
    pictures = 24,
  } = options
  const font = await loadWebFont()
  const plots = await evaluationPlots(evaluation, font)
  // These become pixels here, not in the browser.
  const thumbnails = await worstThumbnails(evaluation.worst, pictures, thumbnailSide, await loadFont())
  const scriptHash = createHash('sha256').update(reportScript).digest('base64')
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'; base-uri 'none'; form-action 'none'`
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title}</title>
<style>${new Markup(reportStyle)}</style></head>
<body><main>
<header><div class="eyebrow">Fovea evaluation · ${evaluation.task}</div><h1>${title}</h1>
<p class="lead">${evaluation.samples.toLocaleString('en')} pictures (${evaluation.part}) · ${date.toISOString().slice(0, 16).replace('T', ' ')} UTC</p></header>
${summarySection(evaluation)}
${figureCards(evaluation)}
${comparison === undefined ? '' : comparisonSection(comparison)}
${classSection(evaluation)}
${plotSection(plots)}
${sweep === undefined ? '' : sweepSection(sweep, font)}
${confidenceSection({ calibration, rejection }, font)}
${pictureSection(evaluation, thumbnails)}
${factSection(evaluation, model, data)}
<footer>Made by Fovea ${frameworkVersion}. This file holds all it shows; it opens offline.</footer>
</main><script>${new Markup(reportScript)}</script></body></html>
`
  return page.text
}

function summarySection(evaluation: VisionEvaluation): Markup {
  const [first = '', ...others] = evaluationWords(evaluation)
  return html`<section class="card summary"><p class="first">${first}</p><ul>${others.map((sentence) => html`<li>${sentence}</li>`)}</ul>
${evaluation.warnings.map((warning) => html`<p class="warn">${warning}</p>`)}</section>`
}

function figureCards({ figures, intervals, about, bootstrap }: VisionEvaluation): Markup {
  const names = Object.keys(figures)
  const shown = names.filter((name) => !Number.isNaN(figures[name]!))
  const confidence = `${100 * bootstrap.confidence} %`
  const card = (name: string) => {
    const { title, unit } = about[name]!
    const [value, interval] = [figures[name]!, intervals[name]]
    return html`<div class="card figure"><div class="name">${title}</div><div class="value">${figureText(value, unit)}</div>
<div class="range">${interval === undefined ? 'no interval' : `${confidence}: ${intervalText(interval, unit)}`}</div>${unit === 'part' && track(value, interval)}</div>`
  }
  const missing = names.filter((name) => Number.isNaN(figures[name]!)).map((name) => about[name]!.title)
  return html`<section class="cards">${shown.map(card)}</section>
${missing.length > 0 && html`<p class="small" style="margin-top:10px">Not to be measured on these pictures: ${missing.join('; ')}.</p>`}`
}

function track(value: number, interval: Interval | undefined): Markup {
  const at = (part: number) => Math.min(1, Math.max(0, part)).toFixed(4)
  const range = interval === undefined ? '' : html`<i style="--low:${at(interval.low)};--high:${at(interval.high)}"></i>`
  return html`<div class="track" aria-hidden="true">${range}<b style="--at:${at(value)}"></b></div>`
}

function figureCell(value: number, interval: Interval | undefined, { unit }: FigureInfo): Markup {
  const range = interval && html`<span class="range">${intervalText(interval, unit)}</span>`
  const meter =
    unit === 'part' &&
    Number.isFinite(value) &&
    html`<span class="meter"><i style="--at:${Math.min(1, Math.max(0, value)).toFixed(4)}"></i></span>`
  return numberCell(value, figureText(value, unit), range, meter)
}

const unitOfSupport = { classify: 'pictures', detect: 'things', segment: 'pixels' } as const

function classSection({ perClass, records, task }: VisionEvaluation): Markup | undefined {
  if (perClass.length === 0) return undefined
  const support = task in unitOfSupport ? unitOfSupport[task as keyof typeof unitOfSupport] : 'support'
  const rows = perClass.map((one) => [
    nameCell(one.class),
    numberCell(one.support, one.support.toLocaleString('en')),
    ...records.classFigures.map((about) => figureCell(one.figures[about.name]!, one.intervals[about.name], about)),
  ])
  return html`<h2>Classes</h2><p class="lead">Press a heading to sort. Small print: the interval.</p>${table(['class', support, ...records.classFigures.map(({ title }) => title)], rows)}`
}

function plotSection(plots: readonly EvaluationPlot[]): Markup | undefined {
  if (plots.length === 0) return undefined
  return html`<h2>Plots</h2><section class="plots">${plots.map(({ title, svg }) => plotFigure(title, svg))}</section>`
}

function pictureSection({ task, worst: all }: VisionEvaluation, thumbnails: readonly Thumbnail[]): Markup | undefined {
  if (thumbnails.length === 0) return undefined
  const keys = [
    ['found', 'found'],
    ['wrong', task === 'segment' ? 'wrong pixels' : 'not there, or of another class'],
    ['missed', task === 'anomaly' ? 'anomalous by the truth' : 'missed'],
  ] as const
  const tones = new Set(thumbnails.flatMap(({ worst }) => worst.marks.map(({ tone }) => tone)))
  const legend = keys
    .filter(([tone]) => tones.has(tone))
    .map(([tone, text]) => html`<span class="key"><i style="background:${outcomeColors[tone]}"></i>${text}</span>`)
  const isWrong = all.some(({ isMistake }) => isMistake)
  const [wrong, right] = [thumbnails.filter(({ worst }) => worst.isMistake), thumbnails.filter(({ worst }) => !worst.isMistake)]
  return html`${wrong.length > 0 && html`<h2>Most wrong pictures</h2><p class="lead">The worst first. ${legend}</p>${pictureGrid(wrong)}`}
${right.length > 0 && html`<h2>Right, but hardest</h2><p class="lead">${isWrong ? 'Not wrong: these came nearest to it.' : html`No picture is wrong; these came nearest to it. ${legend}`}</p>${pictureGrid(right)}`}`
}

function pictureGrid(thumbnails: readonly Thumbnail[]): Markup {
  return html`<section class="pictures">${thumbnails.map(
    ({
      worst,
      jpeg,
      width,
      height,
    }) => html`<figure class="card${worst.isMistake ? ' mistake' : ''}"><div class="frame"><img width="${width}" height="${height}" alt="${worst.caption}" src="data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}"></div>
<figcaption><b>${worst.caption}</b>${worst.note}<br><code>${lastParts(worst.name)}</code></figcaption></figure>`,
  )}</section>`
}

/** The end of a path: the folder often names the class. */
function lastParts(path: string): string {
  return path.split(/[\\/]/).slice(-2).join('/')
}

function comparisonSection({ result, first, second }: NonNullable<ReportOptions['comparison']>): Markup {
  const { figures, samples, onlyFirst, onlySecond, confidence } = result
  const clear = figures.filter(({ better }) => better !== undefined)
  const of = (side: 'first' | 'second') => clear.filter(({ better }) => better === side).map(({ about }) => about.title)
  const sentences = [
    of('first').length > 0 && `${first} is better in: ${of('first').join('; ')}.`,
    of('second').length > 0 && `${second} is better in: ${of('second').join('; ')}.`,
    clear.length === 0 && `These ${samples} pictures show no difference between the two models.`,
    onlyFirst !== undefined && `Only ${first} is right on ${onlyFirst} pictures, only ${second} on ${onlySecond}.`,
  ]
  const known = figures.filter(({ first: value }) => !Number.isNaN(value))
  return html`<h2>Comparison</h2><div class="card summary"><p><b>${first}</b> against <b>${second}</b>, on the same ${samples.toLocaleString('en')} pictures</p>
<ul>${sentences.map((one) => one && html`<li>${one}</li>`)}</ul></div><div style="height:14px"></div>
${table(['figure', first, second, 'difference', 'p', 'test'], known.map(comparisonRow))}
<p class="small" style="margin-top:8px">Differences are those of the first model minus the second, of percentages in percentage points, with their ${100 * confidence} % interval. p is the chance of a difference at least so large between models that are equally good; with many figures, some are small by chance.</p>`
}

function comparisonRow({ about, first, second, difference, interval, p, test, better }: FigureComparison): Markup[] {
  const { unit } = about
  const tone = better === 'first' ? 'good' : better === 'second' ? 'bad' : ''
  return [
    nameCell(about.title),
    numberCell(first, figureText(first, unit)),
    numberCell(second, figureText(second, unit)),
    html`<td class="${tone}" data-value="${String(difference)}">${differenceText(difference, unit)}${interval && html`<span class="range">${differenceIntervalText(interval, unit)}</span>`}</td>`,
    numberCell(p, pText(p)),
    html`<td>${test}</td>`,
  ]
}

/** Never said to be nothing. */
export function pText(p: number): string {
  return Number.isNaN(p) ? '–' : p < 0.0001 ? '< 0.0001' : p.toFixed(4)
}

function sweepSection({ perClass, overall, pixels, nms, goal, samples }: Sweep, font: TextFont): Markup {
  const [wanted, value] = goal === 'f1' ? ['the best F1'] : (Object.entries(goal)[0] as [string, number])
  const named = { recall: 'a recall', missRate: 'a miss rate', precision: 'a precision' }[wanted] ?? wanted
  const part = (figure: number) => numberCell(figure, figureText(figure, 'part'))
  const rows = [
    ...(overall === undefined ? [] : [{ class: perClass.length > 0 ? 'all classes, one threshold' : 'pictures', ...overall }]),
    ...(pixels === undefined ? [] : [{ class: 'pixels, for the best F1', ...pixels }]),
    ...perClass.filter(({ support }) => support > 0),
  ].map((one) => [
    nameCell(one.class),
    numberCell(one.threshold, Number.isFinite(one.threshold) ? one.threshold.toPrecision(4) : '–'),
    part(one.precision),
    part(one.recall),
    part(one.f1),
    html`<td class="${one.reached ? '' : 'bad'}">${one.reached ? 'yes' : 'no'}</td>`,
  ])
  const curve = nms && {
    title: 'Overlap of suppression',
    subtitle: `best at IoU ${nms.iou}`,
    xTitle: 'IoU',
    yTitle: 'mean F1 of the classes at their thresholds',
    series: [{ name: 'F1', points: nms.curve.map(({ iou, f1 }) => ({ x: iou, y: f1 })) }],
    mark: { x: nms.iou, text: `${nms.iou}`, series: 'F1' },
  }
  return html`<h2>Thresholds</h2><p class="lead">Scores from the threshold on count. Asked for: ${named}${value === undefined ? '' : ` of ${figureText(value, 'part')}`}. Chosen and measured on the same ${samples.toLocaleString('en')} pictures: on new ones a little worse.</p>
${table(['class', 'threshold', 'precision', 'recall', 'F1', 'reached'], rows)}
${curve && html`<div style="height:16px"></div><section class="plots">${plotFigure(curve.title, drawLinePlot(curve, font, 640, 440))}</section>`}`
}

function factSection(evaluation: VisionEvaluation, model: readonly Fact[], data: readonly Fact[]): Markup {
  const { bootstrap, timing, failures, samples, part, labels, task } = evaluation
  const intervals =
    bootstrap.samples === 0
      ? 'none were asked for'
      : `${100 * bootstrap.confidence} %: ${bootstrap.samples.toLocaleString('en')} drawings of the pictures with replacement (${bootstrap.method === 'bca' ? 'BCa bootstrap' : 'percentile bootstrap'}, seed ${bootstrap.seed})${task === 'classify' ? "; Wilson's interval for accuracy, and for precision and recall of a class" : ''}`
  const milliseconds = (value: number) => `${value.toPrecision(3)} ms`
  const measured: Fact[] = [
    ['Pictures', `${samples.toLocaleString('en')} measured, ${failures.length} left out`],
    ['Part', part],
    ['Intervals', intervals],
    [
      'What they tell',
      'how much the figures hang on the choice of pictures; not what another training, or other kinds of pictures, would give',
    ],
    [
      'Time in the model',
      `${milliseconds(timing.mean)} a picture on average, median ${milliseconds(timing.median)}, 95 % within ${milliseconds(timing.p95)}`,
    ],
    ['With reading', `${timing.picturesPerSecond.toFixed(1)} pictures a second`],
  ]
  const cards = [
    ['Model', model],
    [
      'Data',
      [...data, ['Classes', labels.length > 30 ? `${labels.length}: ${labels.slice(0, 30).join(', ')} …` : labels.join(', ')] as const],
    ],
    ['How it was measured', measured],
  ] as const
  const list = (facts: readonly Fact[]) => html`<dl>${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
  return html`<h2>Model, data, method</h2><section class="facts">${cards.map(([name, facts]) => facts.length > 0 && html`<div class="card"><h3>${name}</h3>${list(facts)}</div>`)}</section>
${failures.length > 0 && html`<details><summary>${failures.length} pictures were left out</summary><ul class="small">${failures.slice(0, maxFailures).map(({ path, reason }) => html`<li><code>${path}</code>: ${reason}</li>`)}</ul></details>`}`
}
