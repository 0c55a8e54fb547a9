// Texture classes: each is a program, drawn once from its number, that composes one or two families of patterns.

import { Random } from '../../../util/random.ts'
import { type Noise, smoothstep, valueNoise } from '../noise.ts'
import { patternFamilies } from './patterns.ts'

/** Number of texture classes. */
export const textureClasses = 180

/** How a program bends the values of its pattern. */
type Bend = (value: number) => number

interface Program {
  /** Draws one instance: values of about -1 to 1 over the unit square. */
  readonly instance: (random: Random) => Noise
  /** Mean and deviation over an instance, by which all are made equal. */
  readonly mean: number
  readonly deviation: number
}

const programs = new Map<number, Program>()

/** A texture of a class over the unit square, with a mean of about 0 and a deviation of about 1. */
export function textureInstance(textureClass: number, random: Random): Noise {
  let program = programs.get(textureClass)
  if (program === undefined) {
    program = drawProgram(textureClass)
    programs.set(textureClass, program)
  }
  const { instance, mean, deviation } = program
  const value = instance(random)
  return (x, y) => (value(x, y) - mean) / deviation
}

/** Tries programs until one has structure at the sizes that pictures show. */
function drawProgram(textureClass: number): Program {
  for (let attempt = 0; ; attempt++) {
    const instance = composed(textureClass, attempt)
    const { mean, deviation, correlation } = statistics(instance(new Random(0, 'texture', textureClass, 'sample')))
    if (deviation > 0.12 && correlation > 0.15 && correlation < 0.985) return { instance, mean, deviation }
  }
}

/** The program: all that it draws of `traits` is the class, all that it draws of `random` the instance. */
function composed(textureClass: number, attempt: number): Program['instance'] {
  const seed = ['texture', textureClass, attempt] as const
  const plan = new Random(0, ...seed)
  // Families take turns, so that each has as many classes as the others.
  const family = patternFamilies[textureClass % patternFamilies.length]!
  const second = plan.chance(0.45) ? plan.pick(patternFamilies) : undefined
  const frequency = Math.exp(plan.uniform(Math.log(4), Math.log(16)))
  const other = frequency * Math.exp(plan.uniform(-1.2, 1.2))
  const stretch = plan.chance(0.35) ? plan.uniform(1.5, 4) : 1
  const warp = plan.chance(0.4) ? plan.uniform(0.1, 0.6) : 0
  const bend = drawBend(plan)
  const mix = plan.integer(0, 3)
  const share = plan.uniform(0.3, 0.7)
  return (random) => {
    const scale = Math.exp(random.uniform(-0.25, 0.25))
    const angle = random.uniform(0, 2 * Math.PI)
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
    const [px, py] = [random.uniform(0, 50), random.uniform(0, 50)]
    const first = family(new Random(0, ...seed, 'first'), random)
    const over = second?.(new Random(0, ...seed, 'second'), random)
    const [wx, wy] = [valueNoise(random), valueNoise(random)]
    return (x, y) => {
      let u = x * cos - y * sin
      let v = (x * sin + y * cos) / stretch
      if (warp > 0) {
        u += (warp * wx(x * 4, y * 4)) / 8
        v += (warp * wy(x * 4, y * 4)) / 8
      }
      const a = first(u * frequency * scale + px, v * frequency * scale + py)
      if (over === undefined) return bend(a)
      const b = over(u * other * scale + py, v * other * scale + px)
      if (mix === 0) return bend(share * a + (1 - share) * b)
      if (mix === 1) return bend(Math.max(a, b - share))
      // One lies in patches on the other.
      const patch = smoothstep(-0.15, 0.15, wx(x * 3 + 7, y * 3))
      return bend(a) * patch + b * (1 - patch)
    }
  }
}

function drawBend(plan: Random): Bend {
  const [kind, at, edge, levels] = [plan.integer(0, 7), plan.uniform(-0.4, 0.4), plan.uniform(0.1, 0.6), plan.integer(2, 5)]
  if (kind === 0) return (value) => 2 * smoothstep(at - edge, at + edge, value) - 1
  if (kind === 1) return (value) => 1 - 2 * Math.abs(Math.max(-1, Math.min(1, value)))
  if (kind === 2) return (value) => Math.sin((value + at) * Math.PI * (0.7 + edge * 2))
  if (kind === 3) return (value) => Math.round(value * levels) / levels
  return (value) => Math.max(-1.8, Math.min(1.8, value))
}

/** Over a grid of 40 x 40 positions, as a picture of 64 pixels would sample it. */
function statistics(value: Noise): { mean: number; deviation: number; correlation: number } {
  const side = 40
  const samples = Array.from({ length: side * side }, (_, i) => value((i % side) / 64, Math.floor(i / side) / 64))
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length
  const variance = samples.reduce((sum, sample) => sum + (sample - mean) ** 2, 0) / samples.length
  let along = 0
  for (let i = 0; i < samples.length - side; i++) {
    const next = i % side === side - 1 ? mean : samples[i + 1]!
    along += (samples[i]! - mean) * ((next + samples[i + side]!) / 2 - mean)
  }
  return { mean, deviation: Math.sqrt(variance), correlation: along / Math.max(1e-9, variance * samples.length) }
}
