// How a ground is divided: an edge, a band or a blot, with borders that are sharp or soft, straight or wavy.

import type { Random } from '../../../util/random.ts'
import { smoothstep } from '../noise.ts'

/** The part of a ground that another texture lies on: [size, size], 0 to 1. */
export function divide(random: Random, size: number): Float32Array {
  const [x0, y0] = [random.uniform(0.25, 0.75), random.uniform(0.25, 0.75)]
  const angle = random.uniform(0, 2 * Math.PI)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const distance = border(random)
  const softness = random.chance(0.6) ? 0.7 / size : random.uniform(0.02, 0.12)
  const layer = new Float32Array(size * size)
  for (let y = 0, i = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const [dx, dy] = [x / size - x0, y / size - y0]
      layer[i++] = smoothstep(-softness, softness, distance(dx * cos + dy * sin, dy * cos - dx * sin))
    }
  return layer
}

/** How far inside a place lies, along and across the direction of the division; the side of the picture is 1. */
function border(random: Random): (along: number, across: number) => number {
  const [height, frequency, phase] = [random.uniform(0, 0.12), random.uniform(2, 12), random.uniform(0, 2 * Math.PI)]
  const wave = random.chance(0.5) ? (t: number) => height * Math.sin(frequency * t + phase) : () => 0
  const kind = random.next()
  if (kind < 0.45) return (along, across) => along + wave(across)
  const half = random.uniform(0.12, 0.25)
  if (kind < 0.75) return (along, across) => half - Math.abs(along + wave(across))
  const stretch = random.uniform(0.6, 1)
  const lobes = random.integer(2, 6)
  return (along, across) => {
    const turn = Math.atan2(across, along)
    return half * (1.3 + 2 * height * Math.sin(lobes * turn + phase)) - Math.hypot(along * stretch, across)
  }
}
