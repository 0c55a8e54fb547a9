// Resampling along one axis: for each position of the result, which input elements it mixes and how.

import type { Attributes } from './operator.ts'

/** How an axis is resampled: attributes of Resize. */
export interface Resampling {
  readonly mode: 'nearest' | 'linear' | 'cubic'
  readonly coordinates: string
  readonly nearest: string
  /** Coefficient of the cubic kernel (Keys 1981). */
  readonly cubic: number
  readonly excludeOutside: boolean
  readonly antialias: boolean
}

/** An axis to resample. */
export interface ResampledAxis {
  readonly input: number
  readonly output: number
  readonly scale: number
  /** Part of the input that `tf_crop_and_resize` takes, in fractions. */
  readonly region: readonly [start: number, end: number]
}

/** One row for each position of the result. An empty row stands for a position outside the input, which is extrapolated. */
export type AxisWeights = readonly (readonly [position: number, weight: number][])[]

const coordinateModes = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
]
const nearestModes = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil', 'simple']

/** Reads the attributes of Resize and Upsample. Up to opset 10 coordinates were asymmetric. */
export function resampling(ctx: Attributes): Resampling {
  const old = ctx.node.op === 'Upsample' || ctx.opset < 11
  const mode = ctx.string('mode', 'nearest').replace('bilinear', 'linear')
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'cubic') ctx.fail('mode nearest, linear or cubic', mode)
  const coordinates = ctx.string('coordinate_transformation_mode', old ? 'asymmetric' : 'half_pixel')
  if (!coordinateModes.includes(coordinates)) ctx.fail(`a coordinate_transformation_mode of ${coordinateModes.join(', ')}`, coordinates)
  const nearest = ctx.string('nearest_mode', old ? 'simple' : 'round_prefer_floor')
  if (!nearestModes.includes(nearest)) ctx.fail(`a nearest_mode of ${nearestModes.slice(0, 4).join(', ')}`, nearest)
  return {
    mode,
    coordinates,
    nearest,
    cubic: ctx.float('cubic_coeff_a', -0.75),
    excludeOutside: ctx.int('exclude_outside', 0) !== 0,
    antialias: ctx.int('antialias', 0) !== 0,
  }
}

/**
 * The position in the input that a position of the result stands for. Steps are rounded by `f`: the nearest element at a tie depends on
 * it, and runtimes compute in float32.
 */
function originOf(x: number, { input, output, scale, region }: ResampledAxis, coordinates: string, f: (value: number) => number): number {
  // The standard lets sizes be fractions here: with scales given, the result's length before it was rounded down.
  const length = scale * input
  const halfPixel = () => f(f((x + 0.5) / scale) - 0.5)
  switch (coordinates) {
    case 'align_corners':
      return length === 1 ? 0 : f((x * (input - 1)) / (length - 1))
    case 'asymmetric':
      return f(x / scale)
    case 'tf_half_pixel_for_nn':
      return f((x + 0.5) / scale)
    case 'pytorch_half_pixel':
      return output === 1 ? 0 : halfPixel()
    case 'half_pixel_symmetric':
      return f(f((input / 2) * (1 - f(output / f(length)))) + halfPixel())
    case 'tf_crop_and_resize': {
      const [start, end] = region
      if (output === 1) return f(((start + end) * (input - 1)) / 2)
      return f(start * (input - 1) + (x * (end - start) * (input - 1)) / (length - 1))
    }
    default:
      return halfPixel()
  }
}

function nearestOf(origin: number, mode: string, scale: number): number {
  const floor = Math.floor(origin)
  switch (mode) {
    case 'floor':
      return floor
    case 'ceil':
      return Math.ceil(origin)
    case 'round_prefer_ceil':
      return Math.floor(origin + 0.5)
    // Before opset 11 the standard left it open; this is what ONNX Runtime does.
    case 'simple':
      return scale < 1 ? Math.ceil(origin) : Math.trunc(origin)
    default:
      return origin - floor <= 0.5 ? floor : floor + 1
  }
}

/** Piecewise cubic of Keys (1981). */
function cubicKernel(distance: number, a: number): number {
  const x = Math.abs(distance)
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}

/** Weights of every position of a resampled axis. */
export function axisWeights(axis: ResampledAxis, options: Resampling): AxisWeights {
  return Array.from({ length: axis.output }, (_, x) => {
    const origin = originOf(x, axis, options.coordinates, options.mode === 'nearest' ? Math.fround : (value) => value)
    const outside = options.coordinates === 'tf_crop_and_resize' && (origin < 0 || origin > axis.input - 1)
    return outside ? [] : weightsAt(origin, axis, options)
  })
}

function weightsAt(origin: number, { input, scale }: ResampledAxis, options: Resampling): [number, number][] {
  const clamp = (position: number) => Math.min(input - 1, Math.max(0, position))
  if (options.mode === 'nearest') return [[clamp(nearestOf(origin, options.nearest, scale)), 1]]
  // Antialiasing widens the kernel by the factor of reduction.
  const shrink = options.antialias ? Math.min(1, scale) : 1
  const reach = (options.mode === 'linear' ? 1 : 2) / shrink
  const base = Math.floor(origin)
  const taps: [number, number][] = []
  for (let position = base + Math.floor(-reach) + 1; position <= base + Math.ceil(reach); position++) {
    const distance = (position - origin) * shrink
    const weight = options.mode === 'linear' ? Math.max(0, 1 - Math.abs(distance)) : cubicKernel(distance, options.cubic)
    if (options.excludeOutside && clamp(position) !== position) continue
    taps.push([position, weight])
  }
  const total = options.excludeOutside || options.antialias ? taps.reduce((sum, [, weight]) => sum + weight, 0) : 1
  const merged = new Map<number, number>()
  for (const [position, weight] of taps) merged.set(clamp(position), (merged.get(clamp(position)) ?? 0) + weight / total)
  return [...merged]
}

/** The weights as a matrix [output, input]. */
export function weightMatrix(weights: AxisWeights, input: number): Float64Array {
  const matrix = new Float64Array(weights.length * input)
  weights.forEach((row, x) => {
    for (const [position, weight] of row) matrix[x * input + position]! += weight
  })
  return matrix
}

/** The factor by which an axis only repeats its elements, each next to its copies; undefined where it does not. */
export function repeatFactor(weights: AxisWeights, input: number): number | undefined {
  const factor = weights.length / input
  if (!Number.isInteger(factor)) return undefined
  const repeats = weights.every((row, x) => row.length === 1 && row[0]![0] === Math.floor(x / factor) && row[0]![1] === 1)
  return repeats ? factor : undefined
}
