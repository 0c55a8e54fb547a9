import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { createImage, filledImage } from '../image.ts'
import { CalibrationError } from '../metrics/calibration.ts'
import { categoryColor, colorAt, colorTable, hexColor, mixColors, parseColor, readableOn } from './colors.ts'
import { overlayHeatmap } from './heatmap.ts'
import { drawLabel, labelLayout, percentText } from './label.ts'
import { niceTicks, tickText } from './plots/axes.ts'
import { drawBarChart } from './plots/bar-chart.ts'
import { drawConfusion } from './plots/confusion-plot.ts'
import { drawHistory, drawLinePlot } from './plots/line-plot.ts'
import { drawPictureSheet } from './plots/picture-sheet.ts'
import { drawReliability } from './plots/reliability-plot.ts'
import { element, number } from './svg.ts'
import { TextFont } from './text.ts'
import { parseTypeface } from './typeface.ts'

let font: TextFont
beforeAll(async () => {
  const read = async (name: string) =>
    parseTypeface(await readFile(fileURLToPath(new URL(`../../../assets/fonts/${name}.woff`, import.meta.url))), name)
  font = new TextFont(
    [await read('inter-latin-400-normal'), await read('inter-cyrillic-400-normal')],
    [await read('inter-latin-600-normal')],
  )
})

/** A drawing is well formed, has a size, and asks no font of the machine. */
function check(svg: string): { width: number; height: number } {
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+" viewBox="0 0 \d+ \d+">.*<\/svg>$/s)
  expect(svg).not.toMatch(/<text|NaN|undefined|Infinity/)
  const open: string[] = []
  for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (close) expect(open.pop()).toBe(name)
    else if (!self) open.push(name!)
  }
  expect(open).toEqual([])
  const [, width, height] = svg.match(/width="(\d+)" height="(\d+)"/)!
  return { width: Number(width), height: Number(height) }
}

describe('SVG', () => {
  test('numbers keep two decimals and no noise', () => {
    expect([1, 0.1 + 0.2, -0.001, 12.345, 1e-9, -7.5, 100].map(number)).toEqual(['1', '0.3', '0', '12.35', '0', '-7.5', '100'])
  })

  test('text in attributes is escaped', () => {
    expect(element('a', { b: '<"&>', c: undefined })).toBe('<a b="&lt;&quot;&amp;&gt;"/>')
  })
})

describe('text', () => {
  test('is measured, and anchors move it by its width', () => {
    const width = font.width('Hamburg', 20)
    expect(width).toBeGreaterThan(60)
    expect(font.width('Hamburg', 40)).toBeCloseTo(2 * width, 9)
    const start = (svg: string) => Number(svg.match(/d="M([-\d.]+)/)![1])
    const left = start(font.draw('Hamburg', 100, 0, { size: 20 }))
    expect(start(font.draw('Hamburg', 100, 0, { size: 20, anchor: 'end' }))).toBeCloseTo(left - width, 1)
    expect(start(font.draw('Hamburg', 100, 0, { size: 20, anchor: 'middle' }))).toBeCloseTo(left - width / 2, 1)
  })

  test('is cut where it does not fit', () => {
    expect(font.fit('short', 12, 100)).toBe('short')
    const cut = font.fit('a very long name of a class', 12, 80)
    expect(cut).toMatch(/^a very.*…$/)
    expect(font.width(cut, 12)).toBeLessThanOrEqual(80)
    expect(font.fit('abc', 12, 1)).toBe('…')
  })

  test('falls back to other fonts, then to escapes', () => {
    expect(font.width('Ж', 100)).not.toBeCloseTo(62, 3)
    for (const [text, escaped] of [
      ['漢 1', '\\u6f22 1'],
      ['😀', '\\u{1f600}'],
      ['a\u0000\n', 'a\\u0000\\u000a'],
      ['a\u202eb', 'a\\u202eb'],
      ['\ud800', '\\ud800'],
    ] as const) {
      expect(font.draw(text, 0, 0, { size: 10 })).toBe(font.draw(escaped, 0, 0, { size: 10 }))
      expect(font.width(text, 100)).toBe(font.width(escaped, 100))
    }
    expect(font.draw('', 0, 0, { size: 10 })).toBe('')
  })

  test('is left to the fonts of the viewer where they have what ours lack', () => {
    const web = font.for((character) => character !== '😀')
    expect(web.draw('Cat', 0, 0, { size: 10 })).toBe(font.draw('Cat', 0, 0, { size: 10 }))
    expect(web.draw('漢 "<1>" & \u0007', 30, 40, { size: 10, color: '#123456', bold: true, anchor: 'end', rotate: -90 })).toBe(
      '<text x="30" y="40" fill="#123456" text-anchor="end" font-size="10" font-family="Inter, system-ui, sans-serif" font-weight="600" ' +
        'transform="rotate(-90 30 40)">漢 &quot;&lt;1&gt;&quot; &amp; \\u0007</text>',
    )
    expect(web.draw('漢😀', 0, 0, { size: 10 })).toContain('>漢\\u{1f600}</text>')
    expect(web.width('漢字', 10)).toBe(20)
    // A mark stands over the letter before it.
    expect(web.width('ก\u0e34', 10)).toBe(web.width('ก', 10))
    expect(web.fit('漢字漢字漢字', 10, 45)).toBe('漢字漢…')
  })

  test('what is no font is refused', () => {
    expect(() => parseTypeface(new Uint8Array(100), 'x.woff')).toThrowError(/DRAWING_INVALID/)
  })
})

describe('colours', () => {
  test('maps start and end at their landmarks and rise in lightness where they should', () => {
    const viridis = colorTable('viridis')
    expect([colorAt(viridis, 0), colorAt(viridis, 1)]).toEqual(['#440154', '#fde725'])
    expect(colorAt(viridis, -3)).toBe('#440154')
    const luma = Array.from({ length: 256 }, (_, i) => 0.3 * viridis[i * 3]! + 0.59 * viridis[i * 3 + 1]! + 0.11 * viridis[i * 3 + 2]!)
    for (let i = 8; i < 256; i++) expect(luma[i]!).toBeGreaterThan(luma[i - 8]!)
  })

  test('blending is exact at its ends', () => {
    const color = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255))
    fc.assert(
      fc.property(color, color, (a, b) => {
        expect(mixColors(a, b, 0)).toEqual(a)
        expect(mixColors(a, b, 1)).toEqual(b)
        expect(parseColor(hexColor(a))).toEqual(a)
      }),
    )
  })

  test('categories are distinct for two rounds, and text on a colour is readable', () => {
    expect(new Set(Array.from({ length: 16 }, (_, i) => categoryColor(i))).size).toBe(16)
    expect(readableOn('#08306b')).toBe('#ffffff')
    expect(readableOn('#cfe1f2')).toBe('#111827')
  })
})

describe('ticks', () => {
  test('are round and cover the range', () => {
    expect(niceTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(niceTicks(0.13, 1.07)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1, 1.2])
    expect(niceTicks(3, 3)).toEqual([1.5, 2, 2.5, 3, 3.5, 4, 4.5])
    expect(niceTicks(Number.NaN, 1)).toEqual([0, 1])
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(value, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), fc.integer({ min: 2, max: 12 }), (low, span, count) => {
        const ticks = niceTicks(low, low + span, count)
        expect(ticks[0]!).toBeLessThanOrEqual(low + span * 1e-6)
        expect(ticks.at(-1)!).toBeGreaterThanOrEqual(low + span * (1 - 1e-6))
        expect(ticks.length).toBeLessThanOrEqual(2 * count + 3)
        expect(ticks.length).toBeGreaterThan(1)
      }),
    )
  })

  test('are written with the decimals they need', () => {
    expect([0, 0.5, 1].map((v) => tickText(v, [0, 0.5, 1]))).toEqual(['0.0', '0.5', '1.0'])
    expect([0, 20].map((v) => tickText(v, [0, 20]))).toEqual(['0', '20'])
    expect(tickText(2e6, [0, 1e6, 2e6])).toBe('2.0e6')
  })
})

describe('plots', () => {
  const history = Array.from({ length: 6 }, (_, epoch) => ({
    epoch,
    loss: 1 / (epoch + 1),
    accuracy: 0.5 + epoch / 12,
    validationLoss: epoch === 2 ? undefined : 1,
  }))

  test('curves, also with gaps, one point or a constant', () => {
    check(drawHistory(history, font, { bestEpoch: 3, subtitle: 'a <b> & "c"' }))
    expect(check(drawHistory([{ epoch: 0, loss: 2 }], font)).width).toBe(560)
    const gaps = [1, Number.NaN, 2, 3].map((y, x) => ({ x, y }))
    const svg = drawLinePlot({ title: 't', series: [{ name: 's', points: gaps }] }, font)
    check(svg)
    // The lone first point is a dot, the last two a line.
    expect(svg.match(/<circle/g)).toHaveLength(1)
    expect(svg.match(/<polyline/g)).toHaveLength(1)
    expect(() => drawHistory([{ epoch: 0 }], font)).toThrowError(/DRAWING_INVALID/)
    expect(() => drawLinePlot({ title: 't', series: [{ name: 's', points: [{ x: 0, y: Number.NaN }] }] }, font)).toThrowError(
      /DRAWING_INVALID/,
    )
  })

  test.each([1, 2, 6, 25, 100, 150])('a confusion matrix of %i classes', (n) => {
    const counts = Array.from({ length: n }, (_, t) => Array.from({ length: n }, (_, p) => (t === p ? 12_345 : (t + p) % 3)))
    const { width, height } = check(drawConfusion({ counts, classes: counts.map((_, i) => `a class of some name ${i}`) }, font))
    expect(Math.max(width, height)).toBeLessThan(1500)
  })

  test('of 1,000 classes those that are mixed up most are drawn, and all others as one', () => {
    const counts = Array.from({ length: 1000 }, (_, t) => Array.from({ length: 1000 }, (_, p): number => (t === p ? 40 : 0)))
    // Ten classes that lie far apart are taken for their neighbours; one mistake elsewhere.
    for (let i = 0; i < 10; i++) counts[i * 97]![i * 97 + 1] = 5 + i
    counts[500]![600] = 1
    const classes = counts.map((_, i) => `n${i}`)
    const words: string[] = []
    const listening = new TextFont([{ ascent: 1, descent: 0.2, glyph: () => ({ advance: 0.6, commands: [] }) }])
    listening.draw = (text) => {
      words.push(text)
      return ''
    }
    const { width, height } = check(drawConfusion({ counts, classes, subtitle: 'all of it' }, listening))
    expect(Math.max(width, height)).toBeLessThan(1500)
    for (let i = 0; i < 10; i++)
      for (const name of [`n${i * 97}`, `n${i * 97 + 1}`]) expect(words.filter((word) => word === name)).toHaveLength(2)
    expect(words).toContain('n600')
    expect(words.filter((word) => word === '940 others')).toHaveLength(2)
    expect(words).toContain('all of it; the 60 of 1,000 classes that are mixed up most, all others as one')
    // Every picture is in one of the 61 x 61 cells.
    const svg = drawConfusion({ counts, classes }, font)
    expect(svg.length).toBeLessThan(1e6)
    expect(svg.match(/<g class="cells">(.*?)<\/g>/s)![1]!.match(/<rect/g)!.length).toBe(2 + 61 + 10 + 1)
    const right = counts.map((row, t) => row.map((_, p) => Number(t === p)))
    drawConfusion({ counts: right, classes }, listening)
    expect(words).toContain('the 60 of 1,000 classes with the most samples, all others as one')
  })

  test('a confusion matrix of other sizes than its classes is refused', () => {
    expect(() => drawConfusion({ counts: [[1, 2]], classes: ['a'] }, font)).toThrowError(/DRAWING_INVALID/)
    check(
      drawConfusion(
        {
          counts: [
            [0, 0],
            [0, 0],
          ],
          classes: ['a', 'b'],
        },
        font,
      ),
    )
  })

  test('reliability, bars, contact sheets', () => {
    const metric = new CalibrationError(2, 10)
    check(drawReliability({ ...metric.compute(), expectedCalibrationError: 0 }, font))
    metric.update({ scores: [0.9, 0.1, 0.55, 0.45], labels: [0, 1] })
    check(drawReliability(metric.compute(), font))
    check(drawBarChart({ title: 't', bars: Array.from({ length: 50 }, (_, i) => ({ label: `class ${i}`, value: i })) }, font))
    check(drawBarChart({ title: 't', bars: [{ label: 'none', value: 0 }] }, font))
    expect(() => drawBarChart({ title: 't', bars: [{ label: 'x', value: -1 }] }, font)).toThrowError(/DRAWING_INVALID/)
    const pictures = Array.from({ length: 9 }, (_, i) => ({
      href: 'data:,',
      width: 10 + i,
      height: 20,
      caption: `picture ${i}`,
      note: 'n',
      tone: 'bad' as const,
    }))
    check(drawPictureSheet(pictures, font, { title: 'Wrong', subtitle: '9 of 100' }))
    expect(() => drawPictureSheet([], font)).toThrowError(/DRAWING_INVALID/)
  })
})

describe('labels', () => {
  test('small pictures are enlarged, large ones reduced, the aspect ratio is kept', () => {
    expect(labelLayout(28, 28)).toMatchObject({ width: 320, height: 320 })
    expect(labelLayout(64, 32)).toMatchObject({ width: 320, height: 160 })
    expect(labelLayout(640, 480)).toMatchObject({ width: 640, height: 480 })
    expect(labelLayout(4000, 1000)).toMatchObject({ width: 1600, height: 400 })
    expect(labelLayout(1, 5000).width).toBe(1)
  })

  test.each([
    [28, 28],
    [200, 300],
    [1920, 1080],
    [3, 900],
  ])('a band fits a picture of %i x %i', (width, height) => {
    const layout = labelLayout(width, height, 3)
    const parts = [
      { label: 'rolled-in_scale', probability: 1 },
      { label: 'x'.repeat(200), probability: 0.0001 },
      { label: '', probability: 0 },
    ]
    expect(check(drawLabel('data:,', layout, parts, font))).toEqual({ width: layout.width, height: layout.height + layout.bandHeight })
  })

  test('nothing is called certain that is not', () => {
    expect([1, 0.99951, 0.973, 0.0004, 0, Number.NaN].map(percentText)).toEqual(['100.0 %', '> 99.9 %', '97.3 %', '< 0.1 %', '0.0 %', '–'])
  })
})

describe('overlayHeatmap', () => {
  test('leaves cold parts alone and colours hot ones', () => {
    const image = filledImage(20, 10, [90, 100, 110])
    expect(overlayHeatmap(image, new Float32Array(4), 2, 2).data).toEqual(image.data)
    const hot = overlayHeatmap(image, new Float32Array(4).fill(1), 2, 2, { opacity: 1 })
    expect(hot.data[0]).toBeGreaterThan(120)
    expect(hot.data[2]).toBeLessThan(30)
    const half = overlayHeatmap(createImage(20, 10, 1), [0, 1], 1, 2)
    expect([half.data[0]! < 5, half.data[57]! > 60]).toEqual([true, true])
    expect(() => overlayHeatmap(image, [1, 2, 3], 2, 2)).toThrowError(/DRAWING_INVALID/)
  })
})
