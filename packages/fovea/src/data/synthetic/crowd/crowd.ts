// Crowds with known numbers, drawn by formula: how well a counter counts can be told to the last head, on layouts and grounds that its training never saw.

import { FoveaError } from '../../../util/errors.ts'
import { Random } from '../../../util/random.ts'
import type { Annotation } from '../../../vision/annotation.ts'
import { createImage, type Image } from '../../../vision/image.ts'
import type { ImageDataset } from '../../dataset.ts'
import { type CrowdBackground, crowdBackgrounds, drawBackground, drawClutter } from './backgrounds.ts'
import type { ColorCanvas } from './canvas.ts'
import { type CrowdFigure, crowdFigures, drawFigure, drawShadow, type Lamp } from './figures.ts'
import { type CrowdLayout, type CrowdPoint, crowdLayouts, type Ground, placeCrowd } from './layouts.ts'

export interface CrowdOptions {
  /** @default 0 */
  readonly seed?: number
  /** In pixels. @default 384 */
  readonly width?: number
  /** @default 288 */
  readonly height?: number
  /** How many there are: exactly so many points. @default 5 to 120 by seed, few as likely as many on a logarithmic scale */
  readonly count?: number
  /** One, or those from which the seed picks: leave some out of training to hold them back. @default all */
  readonly layout?: CrowdLayout | readonly CrowdLayout[]
  readonly background?: CrowdBackground | readonly CrowdBackground[]
  readonly figure?: CrowdFigure | readonly CrowdFigure[]
  /** Diameter of a head in pixels at half the height of the picture. @default as fits the number, 6 to 28 */
  readonly size?: number
  /** How much heads grow from top to bottom: 0 not at all, 1 from half the size to one and a half. @default 0 to 0.7 by seed */
  readonly perspective?: number
  /** Things that are no people. @default 0 to 5 by seed */
  readonly clutter?: number
}

export interface Crowd {
  /** RGB. */
  readonly image: Image
  /** Middles of heads, far ones first. */
  readonly points: readonly CrowdPoint[]
  readonly layout: CrowdLayout
  readonly background: CrowdBackground
  readonly figure: CrowdFigure
}

/** The most that is drawn; more would hide each other. */
const mostPeople = 5000

/**
 * One picture. It depends on the options alone; points depend neither on the ground nor on the figures.
 *
 * ```ts
 * const { image, points } = generateCrowd({ seed: 7, count: 60, layout: 'ring' })
 * ```
 *
 * @throws FoveaError DATA_OPTION_INVALID
 */
export function generateCrowd(options: CrowdOptions = {}): Crowd {
  const { seed = 0, width = 384, height = 288 } = options
  const whole = (field: string, value: number, low: number, high: number) => {
    if (!(Number.isInteger(value) && value >= low && value <= high)) throw invalid(field, `a whole number from ${low} to ${high}`, value)
  }
  if (!Number.isFinite(seed)) throw invalid('seed', 'a number', seed)
  whole('width', width, 32, 4096)
  whole('height', height, 32, 4096)
  const choice = new Random(seed, 'crowd', 'choice')
  const layout = chosen('layout', options.layout, crowdLayouts, choice)
  const background = chosen('background', options.background, crowdBackgrounds, choice)
  const figure = chosen('figure', options.figure, crowdFigures, choice)
  const number = Math.round(5 * 24 ** choice.next())
  const [scale, slope, things] = [choice.uniform(0.28, 0.6), choice.uniform(0, 0.7), choice.integer(0, 6)]
  const { count = number, perspective = slope, clutter = things } = options
  whole('count', count, 0, mostPeople)
  whole('clutter', clutter, 0, 1000)
  if (!(perspective >= 0 && perspective <= 1)) throw invalid('perspective', '0 to 1', perspective)
  // Room for each, of which heads take a part.
  const most = Math.min(width, height) / 2
  const { size = Math.min(28, most, Math.max(6, scale * Math.sqrt((width * height) / Math.max(1, count)))) } = options
  if (!(size >= 2 && size <= most)) throw invalid('size', `2 to ${most} pixels`, size)

  const ground: Ground = { width, height, sizeAt: (y) => size * (1 + perspective * (Math.min(1, Math.max(0, y / height)) - 0.5)) }
  const points = placeCrowd(layout, count, ground, new Random(seed, 'crowd', 'points', width, height)).sort(
    (a, b) => a.y - b.y || a.x - b.x,
  )
  const canvas: ColorCanvas = { width, height, data: new Float32Array(width * height * 3) }
  const scenery = new Random(seed, 'crowd', 'ground', width, height)
  drawBackground(background, canvas, scenery)
  drawClutter(canvas, clutter, size, scenery)
  const people = new Random(seed, 'crowd', 'figures')
  const lamp: Lamp = { angle: people.uniform(0, 2 * Math.PI), length: people.uniform(0, 2.2), strength: people.uniform(0.1, 0.6) }
  for (const point of points) drawShadow(figure, canvas, point, lamp)
  for (const point of points) drawFigure(figure, canvas, point, lamp, people)
  return { image: develop(canvas, new Random(seed, 'crowd', 'camera')), points, layout, background, figure }
}

/** Light of the day, fall-off of the lens, and noise of the sensor. */
function develop({ width, height, data }: ColorCanvas, random: Random): Image {
  const gain = random.uniform(0.6, 1.2)
  const tint = [random.uniform(0.93, 1.07), 1, random.uniform(0.9, 1.1)]
  const angle = random.uniform(0, 2 * Math.PI)
  const slope = random.uniform(0, 0.35)
  const [across, down] = [0.7 * slope * Math.cos(angle), 0.7 * slope * Math.sin(angle)]
  const vignette = random.uniform(0, 0.35)
  const noise = random.uniform(0.004, 0.03)
  // Normal numbers cost more than all else here: each row begins anywhere in a table of them.
  const grain = Float32Array.from({ length: 1 << 14 }, () => random.normal(0, noise))
  const out = new Uint8Array(data.length)
  for (let y = 0, i = 0; y < height; y++) {
    let at = random.integer(0, grain.length)
    for (let x = 0; x < width; x++) {
      const [u, v] = [(2 * x) / width - 1, (2 * y) / height - 1]
      const light = gain * (1 + u * across + v * down - vignette * 0.5 * (u * u + v * v))
      for (let c = 0; c < 3; c++, i++) {
        const value = data[i]! * light * tint[c]! + grain[at++ & (grain.length - 1)]!
        out[i] = Math.min(255, Math.max(0, Math.round(255 * value)))
      }
    }
  }
  return createImage(width, height, 3, out)
}

/** Points as the data sets of counting have them: a keypoint each, of one class. */
export function crowdAnnotations({ points }: Pick<Crowd, 'points'>): Annotation[] {
  return points.map(({ x, y }) => ({ label: 0, keypoints: [{ x, y, visibility: 2 }] }))
}

/** So many pictures in memory, for the loader: the first by `seed`, the next by `seed` + 1. */
export function crowdDataset({ pictures, seed = 0, ...options }: CrowdOptions & { readonly pictures: number }): ImageDataset {
  if (!(Number.isInteger(pictures) && pictures >= 1)) throw invalid('pictures', 'a whole number of at least 1', pictures)
  const samples = Array.from({ length: pictures }, (_, i) => {
    const crowd = generateCrowd({ ...options, seed: seed + i })
    return { path: `crowd_${String(seed + i).padStart(6, '0')}.png`, label: -1, image: crowd.image, annotations: crowdAnnotations(crowd) }
  })
  return { classes: ['person'], samples }
}

/** Always draws a number, so that a choice that is given changes no other. */
function chosen<T extends string>(field: string, given: T | readonly T[] | undefined, all: readonly T[], random: Random): T {
  const list = given === undefined ? all : typeof given === 'string' ? [given] : given
  const wrong = list.find((one) => !all.includes(one))
  if (list.length === 0 || wrong !== undefined) throw invalid(field, `some of ${all.join(', ')}`, wrong ?? 'none')
  return random.pick(list)
}

function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_OPTION_INVALID', { field, expected, found: String(found) })
}
