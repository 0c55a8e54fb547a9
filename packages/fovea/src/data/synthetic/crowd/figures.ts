// The people of a crowd, seen from above or from the front and above; or round things that are counted alike.

import type { Random } from '../../../util/random.ts'
import { type Color, type ColorCanvas, castShadow, fillEllipse, scaled } from './canvas.ts'
import type { CrowdPoint } from './layouts.ts'

export const crowdFigures = ['heads', 'people', 'discs'] as const
export type CrowdFigure = (typeof crowdFigures)[number]

/** The lamp that all figures share. */
export interface Lamp {
  /** Whither shadows fall, in radians, and how long they are in heads. */
  readonly angle: number
  readonly length: number
  /** How dark shadows are, and how much sides differ, 0 to 1. */
  readonly strength: number
}

/** Draws the shadow of a figure. All shadows lie under all figures. */
export function drawShadow(figure: CrowdFigure, canvas: ColorCanvas, { x, y, size }: CrowdPoint, lamp: Lamp): void {
  const foot = figure === 'people' ? y + 2.4 * size : y
  const reach = lamp.length * size
  const [dx, dy] = [Math.cos(lamp.angle), Math.sin(lamp.angle)]
  const width = figure === 'discs' ? 0.55 : 0.85
  castShadow(
    canvas,
    { x: x + (dx * reach) / 2, y: foot + (dy * reach) / 2, rx: reach / 2 + width * size * 0.7, ry: width * size * 0.7, angle: lamp.angle },
    lamp.strength,
  )
}

/** Draws a figure whose head is at the point; what is drawn later stands before it. */
export function drawFigure(figure: CrowdFigure, canvas: ColorCanvas, point: CrowdPoint, lamp: Lamp, random: Random): void {
  figures[figure](canvas, point, lamp, random)
}

type Draw = (canvas: ColorCanvas, point: CrowdPoint, lamp: Lamp, random: Random) => void

const figures: Record<CrowdFigure, Draw> = {
  // From above: shoulders with a head on them.
  heads(canvas, { x, y, size }, lamp, random) {
    const angle = random.uniform(0, Math.PI)
    const clothes = clothing(random)
    const broad = random.uniform(0.85, 1.1)
    fillEllipse(canvas, { x, y, rx: size * broad, ry: size * 0.52, angle }, lit(clothes, lamp, angle))
    fillEllipse(canvas, { x, y, rx: size / 2, ry: size / 2 }, lit(headwear(random), lamp, 0))
  },
  // From the front and above: legs, body, and a head with face and hair.
  people(canvas, { x, y, size }, lamp, random) {
    const [clothes, trousers, hair] = [clothing(random), scaled(clothing(random), 0.6), headwear(random)]
    const broad = random.uniform(0.75, 1.05) * size
    const step = random.uniform(0.1, 0.35) * size
    for (const side of [-1, 1]) fillEllipse(canvas, { x: x + side * step, y: y + 2.1 * size, rx: size * 0.24, ry: size * 0.85 }, trousers)
    fillEllipse(canvas, { x, y: y + 1.2 * size, rx: broad * 0.82, ry: size * 0.95 }, lit(clothes, lamp, 0))
    fillEllipse(canvas, { x, y, rx: size * 0.44, ry: size / 2 }, lit(skin(random), lamp, 0))
    const turned = random.uniform(-0.16, 0.16) * size
    // Some are seen from behind: all hair.
    const cover = random.chance(0.45) ? 0.5 : random.uniform(0.26, 0.36)
    fillEllipse(
      canvas,
      { x: x + turned * (cover < 0.5 ? 1 : 0), y: y - (0.5 - cover) * size, rx: size * 0.44, ry: size * cover },
      lit(hair, lamp, 0),
    )
  },
  // Bolts, pills, cells: round things alone.
  discs(canvas, { x, y, size }, lamp, random) {
    const color: Color = [random.uniform(0.15, 0.95), random.uniform(0.15, 0.9), random.uniform(0.15, 0.9)]
    const flat = random.uniform(0.85, 1)
    fillEllipse(canvas, { x, y, rx: size / 2, ry: (size / 2) * flat, angle: random.uniform(0, Math.PI) }, lit(color, lamp, 0))
  },
}

/** Brighter where it faces the lamp, darker at the border. `turned`: the axes of the shape against the picture's. */
function lit(color: Color, { angle, strength }: Lamp, turned: number) {
  const [dx, dy] = [Math.cos(angle - turned), Math.sin(angle - turned)]
  return (u: number, v: number): Color => {
    const facing = -(u * dx + v * dy)
    return scaled(color, 1 + 0.7 * strength * facing - 0.22 * (u * u + v * v))
  }
}

function clothing(random: Random): Color {
  if (random.chance(0.35)) {
    const grey = random.uniform(0.06, 0.9)
    return [grey, grey * random.uniform(0.94, 1.05), grey * random.uniform(0.92, 1.1)]
  }
  return [random.uniform(0.05, 0.9), random.uniform(0.05, 0.8), random.uniform(0.05, 0.9)]
}

/** Hair of any colour, or a hat. */
function headwear(random: Random): Color {
  if (random.chance(0.2)) return clothing(random)
  const shade = random.uniform(0.04, 0.75) ** 1.6
  return [shade + 0.03, shade * random.uniform(0.7, 0.9) + 0.025, shade * random.uniform(0.4, 0.75) + 0.02]
}

function skin(random: Random): Color {
  const shade = random.uniform(0.28, 0.92)
  return [shade, shade * random.uniform(0.68, 0.8), shade * random.uniform(0.5, 0.66)]
}
