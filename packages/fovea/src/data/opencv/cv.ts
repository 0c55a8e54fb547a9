// `vision.cv`: OpenCV on pictures, in worker threads that start when they are first needed.

import type { Polygon } from '../../vision/annotation.ts'
import type { Image, Rgb } from '../../vision/image.ts'
import { type CvArgument, type CvCallResult, checkCall } from './call.ts'
import { checkInteger, checkNumbers, checkOptions, refuse } from './check.ts'
import type { FeatureMethod } from './features.ts'
import type { Alignment, AlignmentMotion, MatchedFeatures, RobustFit, RobustMethod } from './functions/align.ts'
import type { CalibrationView, CameraCalibration, CharucoBoard, CharucoView } from './functions/camera.ts'
import type { FlowField, ImageShift, TrackedPoints } from './functions/motion.ts'
import type { EllipseMethod, EnclosingCircle, FittedLine, LineDistance } from './functions/shapes.ts'
import type { TurnedBox } from './outline.ts'
import { CvPipeline, type RunOptions } from './pipeline.ts'
import type { PlainFunction } from './step.ts'
import { BackgroundSubtractor, type BackgroundSubtractorOptions } from './subtractor.ts'
import { type FunctionName, type FunctionOptions, type FunctionResult, functions } from './tables.ts'
import { OpenCvThreads } from './threads.ts'

export interface FitOptions extends RunOptions {
  /** Default ransac. */
  readonly method?: RobustMethod
  /** Pixels that a pair may be off and still agree; default 3. */
  readonly threshold?: number
  /** Default 0.995 for homographies, 0.99 for affine maps. */
  readonly confidence?: number
  /** At most; default 2000. */
  readonly iterations?: number
}

export interface AlignOptions extends RunOptions {
  /** What may have happened between the pictures; default affine. */
  readonly motion?: AlignmentMotion
  /** At most, default 50; and the change of the coefficient that ends them, default 0.001. */
  readonly iterations?: number
  readonly epsilon?: number
  /** Side of the Gaussian that both are smoothed by, odd; default 5. */
  readonly blur?: number
  /** Where to begin: 9 numbers, default no motion. */
  readonly start?: readonly number[]
}

export interface FlowOptions extends RunOptions {
  /** Size of each level of the pyramid to the one below, default 0.5; levels, default 3. */
  readonly scale?: number
  readonly levels?: number
  /** Pixels that are averaged over, default 15; iterations a level, default 3. */
  readonly window?: number
  readonly iterations?: number
  /** Neighbourhood of the polynomial, default 5, and the sigma that smooths it, default 1.1. */
  readonly size?: number
  readonly sigma?: number
}

export interface CvOptions {
  /** What transparent pictures are laid over; default white. */
  readonly background?: Rgb
}

export interface CvStats {
  /** Threads that are running now. */
  readonly threads: number
  /** Requests begun so far. */
  readonly calls: number
  /** Memory that WebAssembly holds in all threads; it grows to the largest need, and falls only when threads end. */
  readonly heapBytes: number
}

/** OpenCV by name: `cv(image)` begins a pipeline; the other functions take pictures or points at once. */
export interface Cv extends CvFunctions {
  /**
   * Begins a pipeline on a picture: `await vision.cv(image).gray().threshold('otsu').contours({ minArea: 20 })`. Nothing runs before an answer is asked for.
   * @throws OPENCV_IMAGE where the picture is not well formed.
   */
  (image: Image, options?: CvOptions): CvPipeline
}

/** What needs more than one picture, or none. */
export interface CvFunctions {
  /** The homography that carries points (x and y in turn, at least 4) onto others, and which pairs agree; undefined where there is none. */
  findHomography(from: Polygon, to: Polygon, options?: FitOptions): Promise<RobustFit | undefined>
  /** The affine map that carries points (at least 3) onto others, and which pairs agree; undefined where there is none. */
  findAffine(from: Polygon, to: Polygon, options?: FitOptions): Promise<RobustFit | undefined>
  /** The homography that carries exactly 4 points onto 4 others. */
  perspectiveOf(from: Polygon, to: Polygon, options?: RunOptions): Promise<readonly number[]>
  /** Pairs of points that look alike in two pictures, whose best match is better than `ratio` (default 0.75) times the next best. */
  matchFeatures(
    a: Image,
    b: Image,
    options?: RunOptions & { readonly method?: FeatureMethod; readonly count?: number; readonly ratio?: number },
  ): Promise<MatchedFeatures>
  /** The map from one picture onto another of the same size, by their brightness (ECC, Evangelidis 2008). Rejects with OPENCV_FAILED where it does not converge. */
  align(a: Image, b: Image, options?: AlignOptions): Promise<Alignment>
  /** How far each pixel moved from one picture to the next (Farneback 2003). */
  opticalFlow(a: Image, b: Image, options?: FlowOptions): Promise<FlowField>
  /** Where points of one picture lie in the next (Lucas and Kanade, pyramidal); odd window, default 21, levels above the first, default 3. */
  trackPoints(
    a: Image,
    b: Image,
    points: Polygon,
    options?: RunOptions & { readonly window?: number; readonly levels?: number },
  ): Promise<TrackedPoints>
  /** How far a picture as a whole is shifted against another of the same size (Kuglin 1975); `window` (default true) lets its rims count less. */
  phaseCorrelate(a: Image, b: Image, options?: RunOptions & { readonly window?: boolean }): Promise<ImageShift>
  /** The smallest turned box around points. */
  minAreaRect(points: Polygon, options?: RunOptions): Promise<TurnedBox>
  minEnclosingCircle(points: Polygon, options?: RunOptions): Promise<EnclosingCircle>
  /** Clockwise as seen. */
  convexHull(points: Polygon, options?: RunOptions): Promise<Polygon>
  /** Least squares (l2, the default), or a distance that bears outliers. */
  fitLine(points: Polygon, options?: RunOptions & { readonly distance?: LineDistance }): Promise<FittedLine>
  /** An ellipse through at least 5 points, as the turned box around it. */
  fitEllipse(points: Polygon, options?: RunOptions & { readonly method?: EllipseMethod }): Promise<TurnedBox>
  /** How unlike two outlines are whatever their place, size and turn, by Hu's moments: 0 for the same shape. Method 1 (default), 2 or 3 as OpenCV numbers them. */
  matchShapes(a: Polygon, b: Polygon, options?: RunOptions & { readonly method?: 1 | 2 | 3 }): Promise<number>
  /** Fewer points, so that the closed outline moves by at most `tolerance` pixels (Douglas and Peucker 1973). */
  simplify(points: Polygon, tolerance: number, options?: RunOptions): Promise<Polygon>
  /** Camera and lens distortion from at least 3 views of known points, by Zhang 2000. */
  calibrateCamera(views: readonly CalibrationView[], width: number, height: number, options?: RunOptions): Promise<CameraCalibration>
  /** The corners of a ChArUco board in a picture: a view for calibrateCamera, with fewer points where the board is partly hidden. */
  findCharucoBoard(image: Image, board: CharucoBoard, options?: RunOptions): Promise<CharucoView>
  /** The board as a picture to print; `margin` pixels of white around it, default 0. */
  drawCharucoBoard(board: CharucoBoard, width: number, height: number, options?: RunOptions & { readonly margin?: number }): Promise<Image>
  /** Learns a background and says what moves in front of it. */
  backgroundSubtractor(options?: BackgroundSubtractorOptions): BackgroundSubtractor
  /**
   * Any other function of OpenCV that takes and gives pictures, matrices and numbers, in OpenCV's own terms: positions count from the centre of
   * the first pixel. `await vision.cv.call('stackBlur', [image, { out: 'mat' }, { width: 5, height: 5 }])`.
   * @throws OPENCV_UNKNOWN for a name that is not in the list of docs/opencv.md, OPENCV_ARGUMENT where arguments do not fit.
   */
  call(name: string, args: readonly CvArgument[], options?: RunOptions): Promise<CvCallResult>
  /** The same functions on threads of their own, so that as many requests run at a time. */
  pool(options: { readonly workers: number }): Cv
  stats(): CvStats
  /** Ends the threads; what is under way is rejected with CANCELLED. A later call starts them again. */
  close(): Promise<void>
}

/** OpenCV on at most `workers` threads, and one more for what has a state. */
export function createCv(workers = 1): Cv {
  checkInteger('pool.workers', workers, 1, 64)
  const threads = new OpenCvThreads({ size: workers, mayEnd: true })
  // Apart, so that aborting a request never takes what a subtractor has learnt.
  const keepers = new OpenCvThreads({ size: 1, mayEnd: false })

  const run = async <K extends FunctionName, T extends RunOptions>(
    name: K,
    given: T,
    known: readonly (keyof T & string)[],
    complete: (given: T) => FunctionOptions<K>,
  ): Promise<FunctionResult<K>> => {
    checkOptions(name, given, known)
    const options = complete(given)
    ;(functions[name] as unknown as PlainFunction<FunctionOptions<K>, unknown>).check(options)
    return (await threads.run({ kind: 'function', name, options }, given.signal)) as FunctionResult<K>
  }
  const fitNames = ['method', 'threshold', 'confidence', 'iterations'] as const
  const fit = (from: Polygon, to: Polygon, usual: number) => {
    return ({ method = 'ransac', threshold = 3, confidence = usual, iterations = 2000 }: FitOptions) => ({
      from,
      to,
      method,
      threshold,
      confidence,
      iterations,
    })
  }

  const functionsOfCv: CvFunctions = {
    findHomography: (from, to, options = {}) => run('findHomography', options, fitNames, fit(from, to, 0.995)),
    findAffine: (from, to, options = {}) => run('findAffine', options, fitNames, fit(from, to, 0.99)),
    perspectiveOf: (from, to, options = {}) => run('perspectiveOf', options, [], () => ({ from, to })),
    matchFeatures: (a, b, options = {}) =>
      run('matchFeatures', options, ['method', 'count', 'ratio'], ({ method = 'orb', count = 500, ratio = 0.75 }) => ({
        a,
        b,
        method,
        count,
        ratio,
      })),
    align: (a, b, options = {}) =>
      run(
        'align',
        options,
        ['motion', 'iterations', 'epsilon', 'blur', 'start'],
        ({ motion = 'affine', iterations = 50, epsilon = 0.001, blur = 5, start }) => ({ a, b, motion, iterations, epsilon, blur, start }),
      ),
    opticalFlow: (a, b, options = {}) =>
      run(
        'opticalFlow',
        options,
        ['scale', 'levels', 'window', 'iterations', 'size', 'sigma'],
        ({ scale = 0.5, levels = 3, window = 15, iterations = 3, size = 5, sigma = 1.1 }) => ({
          a,
          b,
          scale,
          levels,
          window,
          iterations,
          size,
          sigma,
        }),
      ),
    trackPoints: (a, b, points, options = {}) =>
      run('trackPoints', options, ['window', 'levels'], ({ window = 21, levels = 3 }) => ({ a, b, points, window, levels })),
    phaseCorrelate: (a, b, options = {}) => run('phaseCorrelate', options, ['window'], ({ window = true }) => ({ a, b, window })),
    minAreaRect: (points, options = {}) => run('minAreaRect', options, [], () => ({ points })),
    minEnclosingCircle: (points, options = {}) => run('minEnclosingCircle', options, [], () => ({ points })),
    convexHull: (points, options = {}) => run('convexHull', options, [], () => ({ points })),
    fitLine: (points, options = {}) => run('fitLine', options, ['distance'], ({ distance = 'l2' }) => ({ points, distance })),
    fitEllipse: (points, options = {}) => run('fitEllipse', options, ['method'], ({ method = 'leastSquares' }) => ({ points, method })),
    matchShapes: (a, b, options = {}) => run('matchShapes', options, ['method'], ({ method = 1 }) => ({ a, b, method })),
    simplify: (points, tolerance, options = {}) => run('simplify', options, [], () => ({ points, tolerance })),
    calibrateCamera: (views, width, height, options = {}) => run('calibrateCamera', options, [], () => ({ views, width, height })),
    findCharucoBoard: (image, board, options = {}) => run('findCharucoBoard', options, [], () => ({ image, board })),
    drawCharucoBoard: (board, width, height, options = {}) =>
      run('drawCharucoBoard', options, ['margin'], ({ margin = 0 }) => ({ board, width, height, margin })),
    backgroundSubtractor: (options = {}) => new BackgroundSubtractor(keepers, options),
    async call(name, args, options = {}) {
      checkOptions('call', options, [])
      if (!Array.isArray(args)) refuse('args', 'a list of arguments', args)
      checkCall(name, args)
      return (await threads.run({ kind: 'call', name, args }, options.signal)) as CvCallResult
    },
    pool: (options) => {
      checkOptions('pool', options, ['workers'])
      return createCv(options.workers)
    },
    stats() {
      const [a, b] = [threads.stats, keepers.stats]
      return { threads: a.threads + b.threads, calls: a.calls + b.calls, heapBytes: a.heapBytes + b.heapBytes }
    },
    async close() {
      await Promise.all([threads.close(), keepers.close()])
    },
  }

  const begin = (image: Image, options: CvOptions = {}) => {
    checkOptions('cv', options, ['background'])
    const { background = [255, 255, 255] } = options
    checkNumbers('cv.background', background, 3)
    return CvPipeline.over(image, threads, background)
  }
  return Object.assign(begin, functionsOfCv)
}
