// How things moved between two pictures of one size.

import { type Image, toGray } from '../../../vision/image.ts'
import { checkImage, checkInteger, checkNumber, checkOdd, checkPoints, checkSameSize, refuse } from '../check.ts'
import type { Mat, NativeVector } from '../library.ts'
import type { MatScope } from '../mat-scope.ts'
import { plainFunction } from '../step.ts'

/** For each pixel of the first picture how far it moved to the second: dx and dy in turn, rows from the top. */
export interface FlowField {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

export interface TrackedPoints {
  /** x and y in turn, one pair for each point given, also for those lost. */
  readonly points: readonly number[]
  readonly found: readonly boolean[]
  /** Mean difference of brightness around each point. */
  readonly errors: readonly number[]
}

export interface ImageShift {
  readonly dx: number
  readonly dy: number
  /** 1 where the pictures are the same but for the shift, about 0 where they are unrelated. */
  readonly response: number
}

export interface Farneback {
  readonly a: Image
  readonly b: Image
  readonly scale: number
  readonly levels: number
  readonly window: number
  readonly iterations: number
  readonly size: number
  readonly sigma: number
}

export interface LucasKanade {
  readonly a: Image
  readonly b: Image
  readonly points: readonly number[]
  readonly window: number
  readonly levels: number
}

export const motionFunctions = {
  opticalFlow: plainFunction<Farneback, FlowField>({
    check({ a, b, scale, levels, window, iterations, size, sigma }) {
      checkPair('opticalFlow', a, b)
      checkNumber('opticalFlow.scale', scale, 0.1, 0.99)
      checkInteger('opticalFlow.levels', levels, 1, 30)
      checkInteger('opticalFlow.window', window, 1, 255)
      checkInteger('opticalFlow.iterations', iterations, 1, 1000)
      checkInteger('opticalFlow.size', size, 3, 31)
      checkNumber('opticalFlow.sigma', sigma, 0.1)
    },
    run(scope, { a, b, scale, levels, window, iterations, size, sigma }) {
      const out = scope.mat()
      const [first, second] = grayPair(scope, a, b)
      scope.call('calcOpticalFlowFarneback', first, second, out, scale, levels, window, iterations, size, sigma, 0)
      return { width: out.cols, height: out.rows, data: out.data32F.slice() }
    },
  }),

  trackPoints: plainFunction<LucasKanade, TrackedPoints>({
    check({ a, b, points, window, levels }) {
      checkPair('trackPoints', a, b)
      checkPoints('trackPoints.points', points, 1)
      checkOdd('trackPoints.window', window, 3)
      checkInteger('trackPoints.levels', levels, 0, 30)
    },
    run(scope, { a, b, points, window, levels }) {
      const [first, second] = grayPair(scope, a, b)
      const [moved, status, errors] = [scope.mat(), scope.mat(), scope.mat()]
      scope.call('calcOpticalFlowPyrLK', first, second, scope.points(points), moved, status, errors, scope.size(window), levels)
      return {
        points: Array.from(moved.data32F, (value) => value + 0.5),
        found: Array.from(status.data, (value) => value !== 0),
        errors: Array.from(errors.data32F),
      }
    },
  }),

  phaseCorrelate: plainFunction<{ readonly a: Image; readonly b: Image; readonly window: boolean }, ImageShift>({
    check({ a, b, window }) {
      const { width, height } = checkPair('phaseCorrelate', a, b)
      if (typeof window !== 'boolean') refuse('phaseCorrelate.window', 'true or false', window)
      if (width < 2 || height < 2) refuse('phaseCorrelate.a', 'at least 2x2 pixels', `${width}x${height}`)
    },
    run(scope, { a, b, window }) {
      const { width, height } = a
      const hanning = scope.mat()
      if (window) scope.call('createHanningWindow', hanning, scope.size(width, height), scope.constant('CV_32F'))
      const [first, second] = grayPair(scope, a, b).map((gray) => spectrum(scope, gray, window ? hanning : undefined)) as [Mat, Mat]
      crossPower(first.data32F, second.data32F)
      const surface = scope.mat()
      const flags = ['DFT_INVERSE', 'DFT_SCALE', 'DFT_REAL_OUTPUT'].reduce((sum, name) => sum + scope.constant(name), 0)
      scope.call('dft', second, surface, flags)
      return peak(surface.data32F, width, height)
    },
  }),
}

function checkPair(name: string, a: Image, b: Image) {
  const shape = checkImage(`${name}.a`, a)
  checkSameSize(`${name}.b`, shape, checkImage(`${name}.b`, b), false)
  return shape
}

function grayPair(scope: MatScope, a: Image, b: Image): [Mat, Mat] {
  return [scope.image(toGray(a)), scope.image(toGray(b))]
}

function spectrum(scope: MatScope, gray: Mat, window: Mat | undefined): Mat {
  const floats = scope.mat()
  gray.convertTo(floats, scope.constant('CV_32F'))
  if (window !== undefined) scope.call('multiply', floats, window, floats)
  const planes = scope.create<NativeVector<Mat>>('MatVector')
  planes.push_back(floats)
  planes.push_back(scope.create<Mat>('Mat', gray.rows, gray.cols, scope.constant('CV_32FC1'), scope.scalar()))
  const complex = scope.mat()
  scope.call('merge', planes, complex)
  scope.call('dft', complex, complex)
  return complex
}

/** Kuglin and Hines 1975: the conjugate of `a` times `b`, of length 1 in every frequency, in place of `b`. */
function crossPower(a: Float32Array, b: Float32Array): void {
  for (let i = 0; i < a.length; i += 2) {
    const real = a[i]! * b[i]! + a[i + 1]! * b[i + 1]!
    const imaginary = a[i]! * b[i + 1]! - a[i + 1]! * b[i]!
    const length = Math.hypot(real, imaginary) || 1
    b[i] = real / length
    b[i + 1] = imaginary / length
  }
}

/** The highest place, as the centre of mass of the 5x5 around it; what lies beyond the middle is a shift to the left or upwards. */
function peak(surface: Float32Array, width: number, height: number): ImageShift {
  let best = 0
  for (let i = 1; i < surface.length; i++) if (surface[i]! > surface[best]!) best = i
  const [x, y] = [best % width, Math.floor(best / width)]
  let [mass, dx, dy] = [0, 0, 0]
  for (let v = -2; v <= 2; v++)
    for (let u = -2; u <= 2; u++) {
      const value = Math.max(0, surface[((y + v + height) % height) * width + ((x + u + width) % width)]!)
      mass += value
      dx += u * value
      dy += v * value
    }
  const signed = (at: number, size: number) => (at > size / 2 ? at - size : at)
  return { dx: signed(x + dx / (mass || 1), width), dy: signed(y + dy / (mass || 1), height), response: mass }
}
