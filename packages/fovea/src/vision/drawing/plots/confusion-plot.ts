// A confusion matrix as a picture: rows are the truth, colours the part of the row, numbers the counts.

import { FoveaError } from '../../../util/errors.ts'
import { maxOf } from '../../../util/extremes.ts'
import { colorAt, colorTable, ink, readableOn } from '../colors.ts'
import { element, group, line, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { drawTitle } from './axes.ts'

export interface ConfusionPlot {
  /** `counts[t][p]`: samples of true class t predicted as p. */
  readonly counts: readonly (readonly number[])[]
  readonly classes: readonly string[]
  readonly title?: string
  readonly subtitle?: string
}

/** Up to `whole` classes all are drawn. Of more, `shown`: names of more could not be read, and one cell a pair would fill megabytes. */
const most = { whole: 100, shown: 60 }

/**
 * Draws up to 100 classes: counts where they fit, names at a slant where they are long, every second or fifth where they are many. Of more classes
 * it draws the 60 that are mixed up most, and all others as one, and the subtitle says so.
 */
export function drawConfusion(plot: ConfusionPlot, font: TextFont): string {
  const { title = 'Confusion matrix' } = plot
  const size = plot.classes.length
  if (size === 0 || plot.counts.length !== size || plot.counts.some((row) => row.length !== size)) {
    throw new FoveaError('DRAWING_INVALID', { field: 'counts', expected: `${size} x ${size} counts`, found: `${plot.counts.length} rows` })
  }
  const { counts, classes, subtitle } = size > most.whole ? reduced(plot) : plot
  const n = classes.length
  const cell = Math.min(64, Math.max(n > 100 ? 5 : 9, Math.floor(620 / n)))
  const nameSize = Math.min(12, Math.max(7, cell * 0.82))
  const step = Math.max(1, Math.ceil((nameSize * 1.15) / cell))
  const names = classes.map((name) => font.fit(name, nameSize, 150))
  const widest = maxOf(names.map((name) => font.width(name, nameSize)))
  const flat = widest < cell - 6
  const slanted = !flat && cell >= 22
  // A slanted name also reaches to the right, beyond the last column.
  const nameHeight = flat ? nameSize * 1.4 : slanted ? widest * 0.71 + nameSize : widest + 6
  const overhang = slanted ? Math.max(0, widest * 0.71 - cell / 2) : 0
  const side = cell * n
  const left = 46 + widest + 10
  const top = (subtitle === undefined ? 52 : 72) + 10
  const scaleX = left + side + Math.max(26, overhang * 0.35)
  const width = Math.max(scaleX + 66, left + side + overhang + 16, font.width(subtitle ?? '', 11.5) + 40, 360)
  const height = top + side + nameHeight + 44
  const table = colorTable('blues')
  return svgDocument(
    width,
    height,
    [
      ...drawTitle(title, subtitle, 20, 18, font),
      group({ class: 'cells' }, drawCells(counts, cell, left, top, table, font)),
      ...names.flatMap((name, i) => (i % step === 0 ? drawNames(name, i, { cell, left, top, side, nameSize, flat, slanted }, font) : [])),
      font.draw('true class', 26, top + side / 2, { size: 12, color: ink.text, anchor: 'middle', rotate: -90 }),
      font.draw('predicted class', left + side / 2, height - 14, { size: 12, color: ink.text, anchor: 'middle' }),
      ...drawScale(scaleX, top, Math.min(side, 240), table, font),
    ],
    ink.paper,
  )
}

/** The plot of the classes that are mixed up most; sums of rows stay what they were. */
function reduced({ counts, classes, subtitle }: ConfusionPlot): Pick<ConfusionPlot, 'counts' | 'classes' | 'subtitle'> {
  const { kept, by } = mostConfused(counts, most.shown)
  const places = classes.map(() => kept.length)
  for (const [place, label] of kept.entries()) places[label] = place
  const sums = Array.from({ length: kept.length + 1 }, () => new Array<number>(kept.length + 1).fill(0))
  for (const [t, row] of counts.entries()) for (const [p, count] of row.entries()) sums[places[t]!]![places[p]!]! += count
  const note = `the ${kept.length} of ${classes.length.toLocaleString('en')} classes ${by}, all others as one`
  return {
    counts: sums,
    classes: [...kept.map((label) => classes[label]!), `${(classes.length - kept.length).toLocaleString('en')} others`],
    subtitle: subtitle === undefined ? note : `${subtitle}; ${note}`,
  }
}

/** Classes of the pairs with the most mistakes, in their own order; where mistakes are of fewer classes, those with the most samples too. */
function mostConfused(counts: ConfusionPlot['counts'], limit: number): { kept: number[]; by: string } {
  const pairs = counts.flatMap((row, t) => row.flatMap((count, p) => (t !== p && count > 0 ? [{ t, p, count }] : [])))
  // A stable sort: of equal pairs the first one counts.
  pairs.sort((a, b) => b.count - a.count)
  const kept = new Set<number>()
  for (const { t, p } of pairs) {
    if (kept.size + Number(!kept.has(t)) + Number(!kept.has(p)) > limit) continue
    kept.add(t).add(p)
    if (kept.size === limit) break
  }
  const support = counts.map((row) => row.reduce((sum, count) => sum + count, 0))
  const others = counts.map((_, label) => label).sort((a, b) => support[b]! - support[a]!)
  for (const label of others) {
    if (kept.size >= limit) break
    kept.add(label)
  }
  return { kept: [...kept].sort((a, b) => a - b), by: pairs.length > 0 ? 'that are mixed up most' : 'with the most samples' }
}

function drawCells(counts: ConfusionPlot['counts'], cell: number, left: number, top: number, table: Uint8Array, font: TextFont): string[] {
  const side = cell * counts.length
  const drawn = [rect(left, top, side, side, { fill: colorAt(table, 0) })]
  const longest = maxOf(counts.flatMap((row) => row.map((count) => String(count).length)))
  // One size for all counts, such that the longest fits; below 7 px nobody can read them.
  const size = Math.min(14, cell * 0.42, (cell - 4) / (0.62 * longest))
  counts.forEach((row, t) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    row.forEach((count, p) => {
      const part = total === 0 ? 0 : count / total
      const color = colorAt(table, part)
      const [x, y] = [left + p * cell, top + t * cell]
      if (count > 0) drawn.push(rect(x, y, cell, cell, { fill: color }))
      if (size < 7 || (count === 0 && cell < 30)) return
      const withPart = cell >= 46 && count > 0
      const ink2 = count === 0 ? '#c3c9d2' : readableOn(color)
      drawn.push(
        font.draw(String(count), x + cell / 2, y + cell / 2 - (withPart ? size * 0.42 : 0), {
          size,
          color: ink2,
          bold: t === p,
          anchor: 'middle',
          baseline: 'middle',
        }),
      )
      if (withPart)
        drawn.push(
          font.draw(`${(part * 100).toFixed(part === 1 ? 0 : 1)} %`, x + cell / 2, y + cell / 2 + size * 0.72, {
            size: size * 0.68,
            color: ink2,
            anchor: 'middle',
            baseline: 'middle',
          }),
        )
    })
  })
  if (cell >= 14) {
    for (let i = 1; i < counts.length; i++) {
      drawn.push(line(left, top + i * cell, left + side, top + i * cell, { stroke: ink.grid, 'stroke-width': 1 }))
      drawn.push(line(left + i * cell, top, left + i * cell, top + side, { stroke: ink.grid, 'stroke-width': 1 }))
    }
  }
  drawn.push(rect(left, top, side, side, { fill: 'none', stroke: ink.axis, 'stroke-width': 1 }))
  return drawn
}

interface NamePlace {
  readonly cell: number
  readonly left: number
  readonly top: number
  readonly side: number
  readonly nameSize: number
  readonly flat: boolean
  readonly slanted: boolean
}

function drawNames(name: string, i: number, { cell, left, top, side, nameSize, flat, slanted }: NamePlace, font: TextFont): string[] {
  const middle = (i + 0.5) * cell
  const style = { size: nameSize, color: ink.text, baseline: 'middle' as const }
  const below = top + side
  const column = flat
    ? font.draw(name, left + middle, below + 7, { ...style, anchor: 'middle', baseline: 'top' })
    : font.draw(name, left + middle, below + 7, { ...style, rotate: slanted ? 45 : 90 })
  return [font.draw(name, left - 8, top + middle, { ...style, anchor: 'end' }), column]
}

function drawScale(x: number, top: number, height: number, table: Uint8Array, font: TextFont): string[] {
  const steps = 48
  const part = height / steps
  const drawn = Array.from({ length: steps }, (_, i) =>
    rect(x, top + i * part, 12, part + 0.5, { fill: colorAt(table, 1 - i / (steps - 1)) }),
  )
  drawn.push(element('rect', { x, y: top, width: 12, height, fill: 'none', stroke: ink.axis, 'stroke-width': 1 }))
  for (const value of height < 80 ? [0, 1] : [0, 0.5, 1]) {
    drawn.push(font.draw(`${value * 100} %`, x + 18, top + (1 - value) * height, { size: 10.5, color: ink.faint, baseline: 'middle' }))
  }
  return drawn
}
