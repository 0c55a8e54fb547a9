// Filters over a neighbourhood: blurs, kernels of one's own, derivatives, edges, morphology.

import { checkGray, checkInteger, checkNumber, checkNumbers, checkOdd, checkOneOf, refuse } from '../check.ts'
import type { Mat } from '../library.ts'
import type { MatScope } from '../mat-scope.ts'
import { step } from '../step.ts'

const morphologyKinds = {
  erode: 'MORPH_ERODE',
  dilate: 'MORPH_DILATE',
  open: 'MORPH_OPEN',
  close: 'MORPH_CLOSE',
  gradient: 'MORPH_GRADIENT',
  topHat: 'MORPH_TOPHAT',
  blackHat: 'MORPH_BLACKHAT',
} as const

const kernelShapes = { rectangle: 'MORPH_RECT', ellipse: 'MORPH_ELLIPSE', cross: 'MORPH_CROSS' } as const

export type MorphologyKind = keyof typeof morphologyKinds
export type KernelShape = keyof typeof kernelShapes

export interface Morphology {
  readonly kind: MorphologyKind
  readonly size: number
  readonly shape: KernelShape
  readonly iterations: number
}

export interface Filter {
  readonly kernel: readonly number[]
  readonly offset: number
}

export interface Canny {
  readonly low: number
  readonly high: number
  readonly aperture: 3 | 5 | 7
  readonly exact: boolean
}

export const filterSteps = {
  boxBlur: step<{ readonly size: number }>({
    check({ size }, shape) {
      checkInteger('boxBlur.size', size, 1, 1023)
      return shape
    },
    apply: (scope, source, { size }) => filtered(scope, 'blur', source, scope.size(size)),
  }),

  gaussianBlur: step<{ readonly size: number; readonly sigma: number }>({
    check({ size, sigma }, shape) {
      checkOdd('gaussianBlur.size', size, 1)
      checkNumber('gaussianBlur.sigma', sigma, 0)
      return shape
    },
    apply: (scope, source, { size, sigma }) => filtered(scope, 'GaussianBlur', source, scope.size(size), sigma),
  }),

  medianBlur: step<{ readonly size: number }>({
    check({ size }, shape) {
      // Its kernel for bytes sorts by a histogram of 16-bit counts.
      checkOdd('medianBlur.size', size, 3, 255)
      return shape
    },
    apply: (scope, source, { size }) => filtered(scope, 'medianBlur', source, size),
  }),

  bilateralFilter: step<{ readonly diameter: number; readonly sigmaColor: number; readonly sigmaSpace: number }>({
    check({ diameter, sigmaColor, sigmaSpace }, shape) {
      checkInteger('bilateralFilter.diameter', diameter, 1, 101)
      checkNumber('bilateralFilter.sigmaColor', sigmaColor, 0)
      checkNumber('bilateralFilter.sigmaSpace', sigmaSpace, 0)
      return shape
    },
    apply: (scope, source, { diameter, sigmaColor, sigmaSpace }) =>
      filtered(scope, 'bilateralFilter', source, diameter, sigmaColor, sigmaSpace),
  }),

  filter: step<Filter>({
    check({ kernel, offset }, shape) {
      checkNumbers('filter.kernel', kernel)
      const side = Math.sqrt(kernel.length)
      if (!Number.isInteger(side) || side < 1 || side % 2 === 0) refuse('filter.kernel', 'a square of odd side, row by row', kernel)
      checkNumber('filter.offset', offset)
      return shape
    },
    apply(scope, source, { kernel, offset }) {
      const side = Math.sqrt(kernel.length)
      return filtered(scope, 'filter2D', source, -1, scope.numbers(side, side, kernel, 'CV_32FC1'), scope.point(-1, -1), offset)
    },
  }),

  sobel: step<{ readonly dx: number; readonly dy: number; readonly size: number }>({
    check({ dx, dy, size }, shape) {
      checkOneOf('sobel.size', size, [1, 3, 5, 7])
      const most = Math.max(2, size - 1)
      checkInteger('sobel.dx', dx, 0, most)
      checkInteger('sobel.dy', dy, 0, most)
      if (dx + dy === 0) refuse('sobel.dx', 'a derivative by x or y', 'order 0 in both')
      return shape
    },
    apply: (scope, source, { dx, dy, size }) => magnitude(scope, 'Sobel', source, dx, dy, size),
  }),

  laplacian: step<{ readonly size: number }>({
    check({ size }, shape) {
      checkOdd('laplacian.size', size, 1, 31)
      return shape
    },
    apply: (scope, source, { size }) => magnitude(scope, 'Laplacian', source, size),
  }),

  canny: step<Canny>({
    check({ low, high, aperture, exact }, shape) {
      checkNumber('canny.low', low, 0)
      checkNumber('canny.high', high, low)
      checkOneOf('canny.aperture', aperture, [3, 5, 7])
      if (typeof exact !== 'boolean') refuse('canny.exact', 'true or false', exact)
      checkGray('canny', shape)
      return shape
    },
    apply: (scope, source, { low, high, aperture, exact }) => filtered(scope, 'Canny', source, low, high, aperture, exact),
  }),

  morphology: step<Morphology>({
    check({ kind, size, shape: kernel, iterations }, shape) {
      checkOneOf('morphology.kind', kind, Object.keys(morphologyKinds) as MorphologyKind[])
      checkOneOf('morphology.shape', kernel, Object.keys(kernelShapes) as KernelShape[])
      checkInteger('morphology.size', size, 1, 1023)
      checkInteger('morphology.iterations', iterations, 1, 1000)
      return shape
    },
    apply(scope, source, { kind, size, shape, iterations }) {
      const kernel = scope.keep(scope.call<Mat>('getStructuringElement', scope.constant(kernelShapes[shape]), scope.size(size)))
      return filtered(scope, 'morphologyEx', source, scope.constant(morphologyKinds[kind]), kernel, scope.point(-1, -1), iterations)
    },
  }),
}

/** Calls a function whose first arguments are source and target. */
function filtered(scope: MatScope, name: string, source: Mat, ...args: readonly unknown[]): Mat {
  const out = scope.mat()
  scope.call(name, source, out, ...args)
  return out
}

/** The absolute value of a derivative, cut off at 255; bytes could not hold its sign. */
function magnitude(scope: MatScope, name: string, source: Mat, ...args: readonly unknown[]): Mat {
  const signed = filtered(scope, name, source, scope.constant('CV_32F'), ...args)
  return filtered(scope, 'convertScaleAbs', signed)
}
