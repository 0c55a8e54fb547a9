import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeImage } from '../../data/decode.ts'
import { Random } from '../../util/random.ts'
import type { Detection } from '../../vision/annotation.ts'
import { outcomeColors } from '../../vision/drawing/outcomes.ts'
import { filledImage, type Image } from '../../vision/image.ts'
import type { Prediction } from '../../vision/predictions.ts'
import { encodeMask } from '../../vision/run-lengths.ts'
import { calibrate, chooseRejection } from '../calibrate.ts'
import { compareEvaluations } from '../compare.ts'
import type { VisionEvaluation } from '../evaluation.ts'
import { VisionEvaluator } from '../evaluator.ts'
import { evaluationPlots } from '../plots.ts'
import type { EvaluationSample } from '../records/records.ts'
import { comparisonText, visionEvaluationJson } from '../report.ts'
import { sweepThresholds } from '../sweep.ts'
import { differenceText } from '../words.ts'
import { drawWorst } from '../worst-sheet.ts'
import { escapeHtml, html, Markup } from './markup.ts'
import { reportHtml, writeReport } from './report.ts'

const evil = '<script>alert("x")</script>'
const classes = ['crack', evil, "it's & <b>"].map((name) => ({ name }))
const mask = encodeMask(
  Array.from({ length: 96 * 64 }, (_, i) => (i % 96 < 30 ? 1 : 0)),
  96,
  64,
)
const box = { x1: 20, y1: 16, x2: 60, y2: 48 }

function samples(count: number): EvaluationSample[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `test/${evil}/'"><img src=x onerror=y>${i}.png`,
    image: filledImage(96, 64, [120, 120, 120]),
    labels: [i % 3],
    annotations: [{ label: i % 3, box, ...(i % 2 === 0 ? { mask } : {}) }],
    captions: ['a <i>cat</i> on a mat'],
  }))
}

/** An answer for each task, right for some pictures and wrong for others. */
const answers: Record<Prediction['task'], (random: Random, sample: EvaluationSample) => Prediction> = {
  classify: (random, { labels: [label] }) => {
    const raw = [0, 1, 2].map((c) => Math.exp(random.normal() + (c === label ? 1.5 : 0)))
    const sum = raw.reduce((a, b) => a + b)
    return { task: 'classify', probabilities: raw.map((value) => value / sum) }
  },
  multilabel: (random, { labels: [label] }) => ({
    task: 'multilabel',
    probabilities: [0, 1, 2].map((c) => 1 / (1 + Math.exp(-random.normal() - (c === label ? 1 : -1)))),
  }),
  detect: (random, { labels: [label] }) => {
    const near: Detection = { label: random.chance(0.8) ? label! : (label! + 1) % 3, score: random.uniform(0.3, 1), box }
    const far: Detection = { label: 0, score: random.uniform(0.1, 0.9), box: { x1: 70, y1: 2, x2: 90, y2: 20 } }
    const detections = [...(random.chance(0.7) ? [near] : []), ...(random.chance(0.4) ? [far] : [])]
    return { task: 'detect', detections, candidates: detections }
  },
  segment: (_, { labels: [label] }) => ({
    task: 'segment',
    width: 96,
    height: 64,
    data: Array.from({ length: 96 * 64 }, (__, i) => (i % 96 < 34 ? label! : 3)),
  }),
  anomaly: (random, { labels: [label] }) => ({ task: 'anomaly', score: random.normal(label === 0 ? 0 : 1, 0.6) }),
  count: (random) => ({ task: 'count', count: 1 + random.normal() }),
  caption: (random) => ({ task: 'caption', caption: random.chance(0.5) ? 'a <i>cat</i>' : 'a dog on a mat' }),
}

function evaluate(task: Prediction['task'], seed = 1, nms: readonly number[] = []): Promise<VisionEvaluation> {
  const random = new Random(seed)
  const names = task === 'anomaly' ? [{ name: 'good' }, ...classes.slice(1)] : classes
  return new VisionEvaluator({ bootstrap: { samples: 30 }, nms }).evaluate((_, sample) => answers[task](random, sample), {
    classes: names,
    pictures: samples(30),
  })
}

describe('escaping', () => {
  test('all but markup is escaped, in text and in attributes', () => {
    expect(html`<p title="${evil}">${"a'b"}${new Markup('<br>')}${[1, undefined, false, html`<i>${'&'}</i>`]}</p>`.text).toBe(
      '<p title="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;">a&#39;b<br>1<i>&amp;</i></p>',
    )
    expect(escapeHtml('a\u202egnp.exe\u0000\n')).toBe('a\ufffdgnp.exe\ufffd\n')
  })

  test('no text can leave its place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/)
      }),
    )
  })
})

describe('the report', () => {
  test.each(Object.keys(answers) as Prediction['task'][])('of %s holds all it shows, and nothing of strangers as markup', async (task) => {
    const evaluation = await evaluate(task)
    const page = await reportHtml(evaluation, { title: evil, model: [['Name', evil]], data: [['Place', evil]], date: new Date(0) })
    // One script, ours; nothing is loaded but what is inside.
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).toMatch(/script-src &#39;sha256-[\w+/=]+&#39;/)
    expect(page).not.toMatch(/<img src=x|<b>"|<link|<iframe|@import|url\(/)
    for (const [, address] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(address).toMatch(/^data:image\/jpeg;base64,/)
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//)
    expect(page).not.toMatch(/>(NaN|undefined|Infinity|\[object)/)
    expect(page).toContain('1970-01-01 00:00 UTC')
    expect(page.match(/<img /g)!.length).toBeLessThanOrEqual(24)
    // Elements are closed in turn.
    const open: string[] = []
    for (const [, close, name, self] of page.replace(/<(script|style)>.*?<\/\1>/gs, '').matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
      if (close) expect(open.pop()).toBe(name)
      else if (!self && !['meta', 'img', 'br'].includes(name!)) open.push(name!)
    }
    expect(open).toEqual([])
  })

  test('names in any script are read in its plots, and are no markup there either', async () => {
    const names = ['漢字<script>', 'قطة', '"><img src=y>猫']
    const evaluation = await new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(
      (_, { labels: [label] }) => ({ task: 'classify', probabilities: [0, 1, 2].map((c) => (c === label ? 0.8 : 0.1)) }),
      { classes: names.map((name) => ({ name })), pictures: samples(6) },
    )
    const page = await reportHtml(evaluation)
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toContain('<img src=y')
    expect(page).toMatch(/<text [^>]*font-family="Inter, system-ui, sans-serif"[^>]*>漢字&lt;script&gt;<\/text>/)
    expect(page).toMatch(/<text [^>]*>قطة<\/text>/)
  })

  test('thresholds and a comparison are in it', async () => {
    const [first, second] = [await evaluate('detect', 1, [0.3, 0.6]), await evaluate('detect', 2)]
    const comparison = { result: await compareEvaluations(first, second), first: evil, second: 'other' }
    const page = await reportHtml(first, { comparison, sweep: await sweepThresholds(first, { goal: { recall: 0.5 } }) })
    expect(page).toContain('paired bootstrap')
    expect(page).toContain('a recall of 50.0 %')
    expect(page).toContain('Overlap of suppression')
    expect(page).toContain('all classes, one threshold')
    expect(page.match(/<script/g)).toHaveLength(1)
  })

  test('temperature and rejection of a classifier are in it', async () => {
    const random = new Random(4)
    const evaluation = await new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(
      (_, { labels: [label] }) => {
        const guessed = random.chance(0.7) ? label : random.integer(0, 3)
        return { task: 'classify', probabilities: [0, 1, 2].map((c) => (c === guessed ? 0.96 : 0.02)) }
      },
      { classes: ['a', 'b', 'c'].map((name) => ({ name })), pictures: samples(60) },
    )
    const calibration = calibrate(evaluation)
    const rejection = chooseRejection(calibration.evaluation, { accuracy: 1 })
    const page = await reportHtml(evaluation, { calibration, rejection })
    expect(page).toContain(`a temperature of ${calibration.temperature.toPrecision(4)}`)
    expect(page).toContain('The model is surer than it should be')
    expect(page).toContain('No threshold reaches that')
    expect(page).toContain('aria-label="Reliability after calibration"')
    expect(page).toContain('aria-label="What is answered, and how well"')
    expect(await reportHtml(evaluation)).not.toContain('<h2>Confidence')
  })

  test('is written as a file, and stays small with many pictures and classes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fovea-report-'))
    try {
      const many = Array.from({ length: 120 }, (_, i) => ({ name: `class ${i}` }))
      const random = new Random(1)
      const evaluation = await new VisionEvaluator({ bootstrap: { samples: 20 } }).evaluate(
        (_, { labels: [label] }) => {
          const probabilities = many.map((_, c) => (c === (random.chance(0.7) ? label : 0) ? 1 : 0) as number)
          return { task: 'classify', probabilities }
        },
        { classes: many, pictures: samples(240).map((sample, i) => ({ ...sample, labels: [i % 120] })) },
      )
      await writeReport(join(folder, 'report.html'), evaluation)
      const page = await readFile(join(folder, 'report.html'), 'utf8')
      expect(page.length).toBeLessThan(3e6)
      expect(page).toContain('class 119')
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test.each(['classify', 'detect', 'segment'] as const)(
    'of %s with 1,000 classes is bounded, and its JSON holds the whole matrix',
    async (task) => {
      const many = Array.from({ length: 1000 }, (_, i) => ({ name: `class ${i}` }))
      const pictures = samples(task === 'segment' ? 8 : 60).map((sample, i) => ({
        ...sample,
        labels: [i * 13],
        annotations: [{ label: i * 13, box, mask }],
      }))
      const evaluation = await new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(
        (_, { labels: [label] }): Prediction => {
          const found = label! % 2 === 0 ? label! : 999
          if (task === 'classify') return { task, probabilities: many.map((__, c) => Number(c === found)) }
          if (task === 'detect') return { task, detections: [{ label: found, score: 0.9, box }] }
          return { task, width: 96, height: 64, data: new Uint16Array(96 * 64).fill(found) }
        },
        { classes: many, pictures },
      )
      const page = await reportHtml(evaluation)
      expect(page.length).toBeLessThan(4e6)
      for (const { name, svg } of await evaluationPlots(evaluation)) {
        const [, width, height] = svg.match(/width="(\d+)" height="(\d+)"/)!
        expect(Math.max(Number(width), Number(height)), name).toBeLessThan(1500)
      }
      const { confusion } = visionEvaluationJson(evaluation) as { confusion: number[][] }
      expect(confusion).toHaveLength(task === 'classify' ? 1000 : 1001)
      expect(confusion[26]![26]).toBeGreaterThan(0)
      expect(confusion[13]![999]).toBeGreaterThan(0)
    },
  )

  test('its pictures are JPEG, and small', async () => {
    const page = await reportHtml(await evaluate('detect'), { pictures: 3 })
    const images = [...page.matchAll(/src="data:image\/jpeg;base64,([^"]*)"/g)].map(([, text]) => Buffer.from(text!, 'base64'))
    expect(images).toHaveLength(3)
    for (const bytes of images) expect(await decodeImage(bytes)).toMatchObject({ width: 240, height: 160 })
  })
})

test.each(Object.keys(answers) as Prediction['task'][])('plots of %s are well formed', async (task) => {
  const plots = await evaluationPlots(await evaluate(task))
  expect(plots.map(({ name }) => name)).toEqual(
    {
      classify: ['confusion', 'reliability', 'risk-coverage', 'precision-recall', 'f1-confidence', 'roc'],
      multilabel: ['precision-recall', 'f1-confidence', 'roc'],
      detect: ['confusion', 'precision-recall', 'f1-confidence', 'size'],
      segment: ['confusion', 'iou'],
      anomaly: ['scores', 'roc', 'precision-recall'],
      count: ['errors'],
      caption: [],
    }[task],
  )
  for (const { svg } of plots) {
    expect(svg).toMatch(/^<svg xmlns.*<\/svg>$/s)
    expect(svg).not.toMatch(/<text|NaN|undefined|Infinity/)
  }
})

test('pictures that are all sound, or all of one class, or without anything to find give a report too', async () => {
  for (const task of ['anomaly', 'classify', 'multilabel', 'detect', 'segment'] as const) {
    const random = new Random(2)
    const pictures = samples(4).map((sample) => ({ ...sample, labels: [0], annotations: [] }))
    const evaluation = await new VisionEvaluator({ bootstrap: { samples: 20 } }).evaluate((_, sample) => answers[task](random, sample), {
      classes: [{ name: 'good' }, ...classes.slice(1)],
      pictures,
    })
    const sweep = task === 'segment' ? {} : { sweep: await sweepThresholds(evaluation) }
    const page = (await reportHtml(evaluation, sweep)).replace(/<script>.*?<\/script>/s, '')
    expect(page.match(/>[^<]*(NaN|undefined|Infinity)[^<]*/)?.[0]).toBeUndefined()
    expect(() => JSON.stringify(visionEvaluationJson(evaluation))).not.toThrow()
  }
})

test('the sheet shows what was found, what is not there and what was missed', async () => {
  const sheet = (await drawWorst(await evaluate('detect'), { side: 160 }))!
  const colors = new Set<string>()
  for (let i = 0; i < sheet.data.length; i += 3)
    colors.add(`#${[0, 1, 2].map((c) => sheet.data[i + c]!.toString(16).padStart(2, '0')).join('')}`)
  for (const color of Object.values(outcomeColors)) expect(colors).toContain(color)
  expect(await drawWorst({ ...(await evaluate('count')), worst: [] })).toBeUndefined()
})

test('right pictures are among the wrong ones neither on the sheet nor in the report', async () => {
  const some = async (wrong: number) => {
    const evaluation = await new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(
      (_, { name, labels: [label] }) => {
        const given = Number(/(\d+)\.png$/.exec(name)![1]) < wrong ? (label! + 1) % 3 : label!
        return { task: 'classify', probabilities: [0, 1, 2].map((c) => (c === given ? 0.8 : 0.1)) }
      },
      { classes, pictures: samples(30) },
    )
    // 15 cells and 20 have as many columns: the height tells how many rows there are.
    const cells = (sheet: Image | undefined) =>
      Math.round((sheet!.height - 54) / (100 + 35 + 14)) * Math.round((sheet!.width - 14) / (100 + 14))
    return { evaluation, page: await reportHtml(evaluation), sheet: await drawWorst(evaluation, { side: 100 }), cells }
  }
  const two = await some(2)
  expect(two.cells(two.sheet)).toBe(2)
  const headings = (page: string) =>
    [...page.matchAll(/<h2>([^<]*)<\/h2>/g)].map(([, text]) => text).filter((text) => /wrong|Right/.test(text!))
  expect(headings(two.page)).toEqual(['Most wrong pictures', 'Right, but hardest'])
  const [, grid] = /Most wrong pictures(.*?)<h2>/s.exec(two.page)!
  expect(grid!.match(/<img /g)).toHaveLength(2)
  expect(two.page).toContain('Not wrong: these came nearest to it.')
  const none = await some(0)
  expect(headings(none.page)).toEqual(['Right, but hardest'])
  expect(none.page).toContain('No picture is wrong; these came nearest to it.')
  expect(none.sheet!.width).toBeGreaterThan(300)
  expect(headings((await some(30)).page)).toEqual(['Most wrong pictures'])
})

test('differences of percentages are points', async () => {
  const [first, second] = [await evaluate('classify', 1), await evaluate('classify', 2)]
  const result = await compareEvaluations(first, second)
  const text = comparisonText(result, 'a', 'b')
  expect(text).toMatch(/Accuracy +\d+\.\d % +\d+\.\d % +[+-]?\d+\.\d points +[+-]?\d+\.\d to [+-]?\d+\.\d points/)
  expect(text).toMatch(/Cross-entropy in nats +\d\.\d+ +\d\.\d+ +[+-]?\d\.\d+ +[+-]?\d\.\d+ to [+-]?\d\.\d+ /)
  const [, table] = /<h2>Comparison(.*?)<h2>/s.exec(await reportHtml(first, { comparison: { result, first: 'a', second: 'b' } }))!
  for (const [, cell] of table!.matchAll(/<td class="(?:good|bad|)" data-value="[^"]*">([^<]*)/g)) expect(cell).not.toContain('%')
  expect(table).toMatch(/>[+-]?\d+\.\d points<span class="range">[+-]?\d+\.\d to [+-]?\d+\.\d points</)
  expect(table).toContain('of percentages in percentage points')
  expect(differenceText(0.05, 'part')).toBe('+5.0 points')
  expect(differenceText(-2, 'number')).toBe('-2.000')
})
