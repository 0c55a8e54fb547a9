// A picture with what was found in it drawn over it, beside the truth where that is known.

import { ink } from '../vision/drawing/colors.ts'
import { type DrawnThing, drawDetections as drawThings } from '../vision/drawing/detections.ts'
import { picture, svgDocument } from '../vision/drawing/svg.ts'
import type { TextFont } from '../vision/drawing/text.ts'
import { type DrawnLine, type DrawnZone, drawCountedLine, drawTrails, drawZone, drawZoneCount } from '../vision/drawing/tracking.ts'
import { type Image, toRgb, verifyImage } from '../vision/image.ts'
import { resizeImage } from '../vision/resize.ts'
import type { Trail } from '../vision/tracking/trails.ts'
import { imageDataUrl, renderSvg } from './encode.ts'
import { loadFont } from './font.ts'

export interface DrawDetectionsOptions {
  /** Things that were marked by hand: they are drawn on a second picture beside the first. */
  readonly truth?: readonly DrawnThing[]
  /** With `truth`: what it is drawn on, where `image` is not the plain picture but one with heat over it; of the same size. @default image */
  readonly plain?: Image
  /** With `truth`: what stands over the two. @default 'found', 'truth' */
  readonly titles?: readonly [found: string, truth: string]
  /** Names of classes, for things without one. */
  readonly labels?: readonly string[]
  /** Writes name and score at each thing. @default true */
  readonly withNames?: boolean
  /** Where tracks were lately (`Trails`): each track then has a colour of its own. */
  readonly trails?: readonly Trail[]
  /** Lines with their counts (`LineZone`). */
  readonly lines?: readonly DrawnLine[]
  /** Zones with theirs (`PolygonZone`). */
  readonly zones?: readonly DrawnZone[]
  readonly font?: TextFont
}

/** Small pictures are enlarged to this, so that names can be read; large ones keep their size. */
const leastSide = 480
/** The gap between a picture and its truth, in parts of the longer side. */
const gap = 0.02

/** @throws FoveaError IMAGE_INVALID where the image is not well formed */
export async function drawDetections(image: Image, found: readonly DrawnThing[], options: DrawDetectionsOptions = {}): Promise<Image> {
  verifyImage(image)
  const { truth, plain, labels = [], withNames = true, trails = [], lines = [], zones = [], font = await loadFont() } = options
  const scale = Math.max(1, Math.round((2 * leastSide) / Math.max(image.width, image.height)) / 2)
  const [width, height] = [Math.round(image.width * scale), Math.round(image.height * scale)]
  const shown = (one: Image) => imageDataUrl(scale === 1 ? toRgb(one) : resizeImage(toRgb(one), height, width, 'bicubic'))
  const href = await shown(image)
  const named = (things: readonly DrawnThing[]) =>
    things.map((thing) => {
      const name = thing.name ?? labels[thing.label]
      return name === undefined ? thing : { ...thing, name }
    })
  const drawing = { width, height, scale }
  const below = [...zones.map((zone) => drawZone(zone, drawing)), ...(trails.length > 0 ? [drawTrails(trails, drawing)] : [])]
  const above = [...zones.map((zone) => drawZoneCount(zone, font, drawing)), ...lines.map((one) => drawCountedLine(one, font, drawing))]
  const tracked =
    picture(href, 0, 0, width, height) +
    below.join('') +
    drawThings(named(found), font, { ...drawing, withNames, colorBy: trails.length > 0 ? 'track' : 'class' }) +
    above.join('')
  if (truth === undefined) return toRgb(await renderSvg(svgDocument(width, height, [tracked])))
  const space = Math.max(4, Math.round(gap * Math.max(width, height)))
  const band = Math.round(Math.max(18, height / 18))
  const title = (text: string, x: number) =>
    font.draw(font.fit(text, band * 0.6, width), x + width / 2, band / 2, {
      size: band * 0.6,
      color: ink.title,
      bold: true,
      anchor: 'middle',
      baseline: 'middle',
    })
  const at = (x: number, content: string) => `<g transform="translate(${x} ${band})">${content}</g>`
  const right = width + space
  const known =
    picture(plain === undefined ? href : await shown(plain), 0, 0, width, height) +
    drawThings(named(truth), font, { width, height, scale, withNames })
  const [left, other] = options.titles ?? ['found', 'truth']
  const parts = [title(left, 0), title(other, right), at(0, tracked), at(right, known)]
  return toRgb(await renderSvg(svgDocument(2 * width + space, height + band, parts, ink.paper)))
}
