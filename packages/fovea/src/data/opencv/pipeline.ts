// What `vision.cv(image)` gives: steps of OpenCV in a row, run together in a worker when an answer is asked for.

import type { Polygon } from '../../vision/annotation.ts'
import { type Image, type Rgb, toRgb } from '../../vision/image.ts'
import { checkImage, checkOptions, type Shape } from './check.ts'
import type { FeatureMethod, ImageFeatures } from './features.ts'
import type { Camera } from './functions/camera.ts'
import type { FloatMap, IntegerMap } from './matrix.ts'
import type { Moments } from './outline.ts'
import type { PlannedStep } from './protocol.ts'
import type { ConnectedComponents, Contour, ContourApproximation, ContourMode } from './reads/contours.ts'
import type { Circle, HoughLine, LineSegment, TemplateMatch, TemplateMethod } from './reads/find.ts'
import type { FiducialMarker, MarkerDictionary, QrCode } from './reads/markers.ts'
import type { DistanceKind, ValueStatistics } from './reads/measures.ts'
import type { Reading, Step } from './step.ts'
import type { ColorMapName, ColorModel } from './steps/color.ts'
import type { Combination, InpaintMethod } from './steps/combine.ts'
import type { KernelShape, MorphologyKind } from './steps/filters.ts'
import type { Border, FlipDirection, Interpolation } from './steps/geometry.ts'
import type { AdaptiveMethod, ThresholdAt, ThresholdKind } from './steps/thresholds.ts'
import { type ReadName, type ReadOptions, type ReadResult, reads, type StepName, type StepOptions, steps } from './tables.ts'
import type { OpenCvThreads } from './threads.ts'

export interface RunOptions {
  /** Ends the work: what waits is dropped, what runs loses its thread, and a new one is started. */
  readonly signal?: AbortSignal
}

/** How a warp asks for pixels. */
export interface WarpOptions {
  /** Of the picture that comes out, in pixels; those of the picture that goes in. */
  readonly width?: number
  readonly height?: number
  /** Default linear. */
  readonly interpolation?: Exclude<Interpolation, 'area'>
  /** Default constant. */
  readonly border?: Border
  /** The colour outside, for border constant: one number, or one for each channel; default 0. */
  readonly fill?: readonly number[]
}

export interface MorphologyOptions {
  /** Default rectangle. */
  readonly shape?: KernelShape
  /** Default 1. */
  readonly iterations?: number
}

export interface ContourOptions extends RunOptions {
  /** Outermost outlines alone (default), or those of holes and of what lies in them too. */
  readonly mode?: ContourMode
  /** Keep every pixel, ends of straight runs (default), or fewer by Teh and Chin 1989. */
  readonly approximation?: ContourApproximation
  /** Leaves out what has a smaller area; default 0. */
  readonly minArea?: number
  /** Simplifies each outline so that it moves by at most so many pixels; default 0. */
  readonly tolerance?: number
}

export interface SegmentOptions extends RunOptions {
  /** Step of distance in pixels, default 1; step of angle in radians, default a degree. */
  readonly rho?: number
  readonly theta?: number
  /** Pixels of an edge that a line must have; default 50. */
  readonly votes?: number
  /** Pixels, default 30; and how many may be missing, default 5. */
  readonly minLength?: number
  readonly maxGap?: number
}

export interface CircleOptions extends RunOptions {
  readonly minRadius: number
  readonly maxRadius: number
  /** Between centres, in pixels; default minRadius, at least 1. */
  readonly minDistance?: number
  /** The upper limit of the edge detector inside, default 100; and how many edge pixels must vote for a centre, default 30. */
  readonly edge?: number
  readonly votes?: number
  /** How much coarser than the picture the accumulator is; default 1. */
  readonly scale?: number
}

export interface TemplateOptions extends RunOptions {
  /** Correlation of deviations from the mean (default), plain correlation, or squared difference; all normalised. */
  readonly method?: TemplateMethod
  /** At most so many places, best first, that overlap by less than half; default 1. */
  readonly count?: number
  /** The worst score that still counts. */
  readonly limit?: number
}

/**
 * A picture and what is to be done to it. Each step returns a new pipeline and changes nothing; a method that returns a promise runs all of it in a
 * worker thread, in one message. Steps throw OPENCV_ARGUMENT or OPENCV_IMAGE at once; promises reject with CANCELLED, OPENCV_FAILED (what OpenCV
 * said, and the step), OPENCV_MEMORY or OPENCV_WORKER_DIED.
 *
 * Pictures are RGB, as everywhere; OpenCV's order is never seen. Positions are pixels from the corner of the first pixel, as those of `Box`, so a
 * pixel's centre lies at a half; matrices move such positions.
 */
export class CvPipeline {
  readonly #image: Image
  readonly #threads: OpenCvThreads
  readonly #steps: readonly PlannedStep[]
  readonly #shape: Shape

  private constructor(image: Image, threads: OpenCvThreads, planned: readonly PlannedStep[], shape: Shape) {
    this.#image = image
    this.#threads = threads
    this.#steps = planned
    this.#shape = shape
  }

  /** @internal Alpha is laid over `background`. */
  static over(image: Image, threads: OpenCvThreads, background: Rgb): CvPipeline {
    const flat = image?.channels === 4 ? toRgb(image, background) : image
    return new CvPipeline(flat, threads, [], checkImage('image', flat))
  }

  get width(): number {
    return this.#shape.width
  }

  get height(): number {
    return this.#shape.height
  }

  get channels(): 1 | 3 {
    return this.#shape.channels
  }

  // Colours and brightness.

  /** Grey by the luma of ITU-R BT.601, in OpenCV's rounding; grey pictures stay. */
  gray(): CvPipeline {
    return this.#then('gray', {})
  }

  /** Three channels; grey is repeated. */
  color(): CvPipeline {
    return this.#then('color', {})
  }

  /** Between RGB and another colour model, in OpenCV's bytes: hue of hsv and hls is 0 to 179. One of the two must be rgb. */
  convertColor(from: ColorModel, to: ColorModel): CvPipeline {
    return this.#then('convertColor', { from, to })
  }

  /** Grey as false colours. */
  colorMap(map: ColorMapName): CvPipeline {
    return this.#then('colorMap', { map })
  }

  /** 255 minus each value. */
  invert(): CvPipeline {
    return this.#then('invert', {})
  }

  /** value x scale + offset, rounded and cut off at 0 and 255. */
  scaleValues(scale: number, offset = 0): CvPipeline {
    return this.#then('scaleValues', { scale, offset })
  }

  /** Spreads the brightness of a grey picture evenly. */
  equalizeHistogram(): CvPipeline {
    return this.#then('equalizeHistogram', {})
  }

  /** Contrast-limited adaptive equalisation of a grey picture (Zuiderveld 1994): in `tiles` x `tiles` parts, default 8, clipped at `clipLimit`, default 2. */
  clahe(options: { readonly clipLimit?: number; readonly tiles?: number } = {}): CvPipeline {
    checkOptions('clahe', options, ['clipLimit', 'tiles'])
    return this.#then('clahe', { clipLimit: options.clipLimit ?? 2, tiles: options.tiles ?? 8 })
  }

  // Filters.

  /** The mean of `size` x `size` pixels. */
  boxBlur(size: number): CvPipeline {
    return this.#then('boxBlur', { size })
  }

  /** A Gaussian of odd `size` pixels; sigma 0 (the default) follows from the size. */
  gaussianBlur(size: number, sigma = 0): CvPipeline {
    return this.#then('gaussianBlur', { size, sigma })
  }

  /** The median of `size` x `size` pixels, odd, 3 to 255. */
  medianBlur(size: number): CvPipeline {
    return this.#then('medianBlur', { size })
  }

  /** Smooths and keeps edges (Tomasi 1998); `sigmaColor` in values, default 50, `sigmaSpace` in pixels, default the diameter. */
  bilateralFilter(diameter: number, options: { readonly sigmaColor?: number; readonly sigmaSpace?: number } = {}): CvPipeline {
    checkOptions('bilateralFilter', options, ['sigmaColor', 'sigmaSpace'])
    return this.#then('bilateralFilter', { diameter, sigmaColor: options.sigmaColor ?? 50, sigmaSpace: options.sigmaSpace ?? diameter })
  }

  /** Correlates each channel with a square kernel of odd side, row by row; then adds `offset`. */
  filter(kernel: readonly number[], offset = 0): CvPipeline {
    return this.#then('filter', { kernel, offset })
  }

  /** The absolute derivative of order `dx` and `dy` by Sobel's kernel of 1, 3 (default), 5 or 7 pixels, cut off at 255. */
  sobel(dx: number, dy: number, size: 1 | 3 | 5 | 7 = 3): CvPipeline {
    return this.#then('sobel', { dx, dy, size })
  }

  /** The absolute sum of second derivatives, cut off at 255; odd size, default 3. */
  laplacian(size = 3): CvPipeline {
    return this.#then('laplacian', { size })
  }

  /** Edges of a grey picture as 255 on 0 (Canny 1986). `exact` takes the Euclidean gradient; default false, aperture 3. */
  canny(low: number, high: number, options: { readonly aperture?: 3 | 5 | 7; readonly exact?: boolean } = {}): CvPipeline {
    checkOptions('canny', options, ['aperture', 'exact'])
    return this.#then('canny', { low, high, aperture: options.aperture ?? 3, exact: options.exact ?? false })
  }

  /** Erosion, dilation and what is made of them, by a kernel of `size` x `size` pixels. */
  morphology(kind: MorphologyKind, size: number, options: MorphologyOptions = {}): CvPipeline {
    checkOptions('morphology', options, ['shape', 'iterations'])
    return this.#then('morphology', { kind, size, shape: options.shape ?? 'rectangle', iterations: options.iterations ?? 1 })
  }

  // Thresholds.

  /** Values above `at` become `high` (default 255), others 0; other kinds as named. `otsu` and `triangle` find the value in a grey picture. */
  threshold(at: ThresholdAt, options: { readonly kind?: ThresholdKind; readonly high?: number } = {}): CvPipeline {
    checkOptions('threshold', options, ['kind', 'high'])
    return this.#then('threshold', { at, kind: options.kind ?? 'binary', high: options.high ?? 255 })
  }

  /** White where a grey pixel is above the mean of `size` x `size` pixels (odd) about it less `offset` (default 0); weighted by a Gaussian, or `mean`. */
  adaptiveThreshold(
    size: number,
    options: { readonly offset?: number; readonly method?: AdaptiveMethod; readonly kind?: 'binary' | 'binaryInverted' } = {},
  ): CvPipeline {
    checkOptions('adaptiveThreshold', options, ['offset', 'method', 'kind'])
    const { offset = 0, method = 'gaussian', kind = 'binary' } = options
    return this.#then('adaptiveThreshold', { size, offset, method, kind })
  }

  /** White where every channel lies from `low` to `high`, both included; gives a grey picture. */
  inRange(low: readonly number[], high: readonly number[]): CvPipeline {
    return this.#then('inRange', { low, high })
  }

  // Geometry.

  /** Default interpolation linear; `area` is the one for making pictures smaller. */
  resize(width: number, height: number, interpolation: Interpolation = 'linear'): CvPipeline {
    return this.#then('resize', { width, height, interpolation })
  }

  /** The rectangle of whole pixels from (`x`, `y`), which must lie inside. */
  crop(x: number, y: number, width: number, height: number): CvPipeline {
    return this.#then('crop', { x, y, width, height })
  }

  flip(direction: FlipDirection): CvPipeline {
    return this.#then('flip', { direction })
  }

  /** Clockwise. */
  rotate(degrees: 90 | 180 | 270): CvPipeline {
    return this.#then('rotate', { degrees })
  }

  /** Moves the picture by an affine map of 6 numbers, row by row, from positions of this picture to those of the new one. */
  warpAffine(matrix: readonly number[], options: WarpOptions = {}): CvPipeline {
    checkOptions('warpAffine', options, ['width', 'height', 'interpolation', 'border', 'fill'])
    return this.#then('warpAffine', warpDefaults(matrix, options))
  }

  /** Moves the picture by a homography of 9 numbers, row by row, from positions of this picture to those of the new one. */
  warpPerspective(matrix: readonly number[], options: WarpOptions = {}): CvPipeline {
    checkOptions('warpPerspective', options, ['width', 'height', 'interpolation', 'border', 'fill'])
    return this.#then('warpPerspective', warpDefaults(matrix, options))
  }

  /** Takes the distortion of the lens away. */
  undistort(camera: Camera): CvPipeline {
    return this.#then('undistort', { camera })
  }

  // With a second picture, and repairs.

  /** Pixel by pixel with a picture of the same size and channels. */
  combine(kind: Combination, other: Image): CvPipeline {
    return this.#then('combine', { kind, other })
  }

  /** `share` of the other picture (default half) and the rest of this one. */
  blend(other: Image, share = 0.5): CvPipeline {
    return this.#then('blend', { other, share })
  }

  /** Black where the mask, a grey picture of the same size, is 0. */
  mask(mask: Image): CvPipeline {
    return this.#then('mask', { mask })
  }

  /** Gives `value` to the pixel at (`x`, `y`) and all joined to it whose values differ from its own by at most `tolerance` (default 0), through 4 or 8 neighbours (default 4). */
  floodFill(
    x: number,
    y: number,
    value: readonly number[],
    options: { readonly tolerance?: number; readonly neighbours?: 4 | 8 } = {},
  ): CvPipeline {
    checkOptions('floodFill', options, ['tolerance', 'neighbours'])
    return this.#then('floodFill', { x, y, value, tolerance: options.tolerance ?? 0, neighbours: options.neighbours ?? 4 })
  }

  /** Paints over what the mask, a grey picture of the same size, holds above 0: by Telea 2004 (default) or along isophotes (Bertalmio 2001). */
  inpaint(mask: Image, options: { readonly radius?: number; readonly method?: InpaintMethod } = {}): CvPipeline {
    checkOptions('inpaint', options, ['radius', 'method'])
    return this.#then('inpaint', { mask, radius: options.radius ?? 3, method: options.method ?? 'telea' })
  }

  /** White where something in the rectangle of whole pixels stands out from what lies around it (Rother 2004); takes colour, gives a grey picture. */
  grabCut(x: number, y: number, width: number, height: number, iterations = 5): CvPipeline {
    return this.#then('grabCut', { x, y, width, height, iterations })
  }

  // Answers.

  /** The picture as it is now. */
  image(options: RunOptions = {}): Promise<Image> {
    return this.#read('image', options, [], () => ({}))
  }

  /** The outlines of what is not black in a grey picture, in OpenCV's order; with area, perimeter, boxes, hull and moments. */
  contours(options: ContourOptions = {}): Promise<readonly Contour[]> {
    return this.#read(
      'contours',
      options,
      ['mode', 'approximation', 'minArea', 'tolerance'],
      ({ mode = 'external', approximation = 'simple', minArea = 0, tolerance = 0 }) => ({ mode, approximation, minArea, tolerance }),
    )
  }

  /** The parts of a grey picture that are not black and hang together through 8 neighbours (default) or 4. */
  components(options: RunOptions & { readonly neighbours?: 4 | 8 } = {}): Promise<ConnectedComponents> {
    return this.#read('components', options, ['neighbours'], ({ neighbours = 8 }) => ({ neighbours }))
  }

  /** Moments of a grey picture by its values, or of what is not black in it. */
  moments(options: RunOptions & { readonly binary?: boolean } = {}): Promise<Moments> {
    return this.#read('moments', options, ['binary'], ({ binary = false }) => ({ binary }))
  }

  /** Mean, standard deviation and extremes of each channel. */
  statistics(options: RunOptions = {}): Promise<readonly ValueStatistics[]> {
    return this.#read('statistics', options, [], () => ({}))
  }

  /** For each channel how many values fall into each of `bins` (default 256) equal parts of 0 to 255; of the mask's pixels alone where one is given. */
  histogram(options: RunOptions & { readonly bins?: number; readonly mask?: Image } = {}): Promise<readonly (readonly number[])[]> {
    return this.#read('histogram', options, ['bins', 'mask'], ({ bins = 256, mask }) => ({ bins, mask }))
  }

  /** For each pixel of a grey picture the way to the nearest black one; default l2, exact. */
  distances(options: RunOptions & { readonly kind?: DistanceKind } = {}): Promise<FloatMap> {
    return this.#read('distances', options, ['kind'], ({ kind = 'l2' }) => ({ kind }))
  }

  /** Grows the markers (numbers above 0 in a map of zeros) over a picture in colour until they meet (Meyer 1992); -1 lies between them, and on the rim. */
  watershed(markers: IntegerMap, options: RunOptions = {}): Promise<IntegerMap> {
    return this.#read('watershed', options, [], () => ({ markers }))
  }

  /** Straight lines through white pixels of a grey picture (Hough), those of most votes first. */
  lines(
    options: RunOptions & { readonly rho?: number; readonly theta?: number; readonly votes?: number } = {},
  ): Promise<readonly HoughLine[]> {
    return this.#read('lines', options, ['rho', 'theta', 'votes'], ({ rho = 1, theta = Math.PI / 180, votes = 100 }) => ({
      rho,
      theta,
      votes,
    }))
  }

  /** Straight pieces through white pixels of a grey picture (Matas 2000). */
  segments(options: SegmentOptions = {}): Promise<readonly LineSegment[]> {
    return this.#read(
      'segments',
      options,
      ['rho', 'theta', 'votes', 'minLength', 'maxGap'],
      ({ rho = 1, theta = Math.PI / 180, votes = 50, minLength = 30, maxGap = 5 }) => ({ rho, theta, votes, minLength, maxGap }),
    )
  }

  /** Circles in a grey picture by their edges (Yuen 1990), those of most votes first. */
  circles(options: CircleOptions): Promise<readonly Circle[]> {
    return this.#read(
      'circles',
      options,
      ['minRadius', 'maxRadius', 'minDistance', 'edge', 'votes', 'scale'],
      ({ minRadius, maxRadius, minDistance = Math.max(1, minRadius), edge = 100, votes = 30, scale = 1 }) => ({
        minRadius,
        maxRadius,
        minDistance,
        edge,
        votes,
        scale,
      }),
    )
  }

  /** Corners of a grey picture that can be followed well (Shi and Tomasi 1994), best first: x and y in turn. */
  corners(
    options: RunOptions & {
      readonly count?: number
      readonly quality?: number
      readonly minDistance?: number
      readonly size?: number
    } = {},
  ): Promise<Polygon> {
    return this.#read(
      'corners',
      options,
      ['count', 'quality', 'minDistance', 'size'],
      ({ count = 100, quality = 0.01, minDistance = 5, size = 3 }) => ({ count, quality, minDistance, size }),
    )
  }

  /** Where a smaller picture of the same channels is found in this one. */
  matchTemplate(template: Image, options: TemplateOptions = {}): Promise<readonly TemplateMatch[]> {
    return this.#read('template', options, ['method', 'count', 'limit'], ({ method = 'correlation', count = 1, limit }) => ({
      template,
      method,
      count,
      limit,
    }))
  }

  /** Points of a grey picture that can be found again, with descriptors: ORB (default), AKAZE, BRISK or KAZE, at most `count` (default 500). */
  features(options: RunOptions & { readonly method?: FeatureMethod; readonly count?: number } = {}): Promise<ImageFeatures> {
    return this.#read('features', options, ['method', 'count'], ({ method = 'orb', count = 500 }) => ({ method, count }))
  }

  /** ArUco and AprilTag markers of a dictionary, default 4x4-50. */
  markers(options: RunOptions & { readonly dictionary?: MarkerDictionary } = {}): Promise<readonly FiducialMarker[]> {
    return this.#read('markers', options, ['dictionary'], ({ dictionary = '4x4-50' }) => ({ dictionary }))
  }

  /** QR codes and what they say. */
  qrCodes(options: RunOptions = {}): Promise<readonly QrCode[]> {
    return this.#read('qrCodes', options, [], () => ({}))
  }

  #then<K extends StepName>(name: K, options: StepOptions<K>): CvPipeline {
    const shape = (steps[name] as unknown as Step<StepOptions<K>>).check(options, this.#shape)
    return new CvPipeline(this.#image, this.#threads, [...this.#steps, { name, options }], shape)
  }

  /** @param complete From what was given to all options, once their names are known to be right. */
  async #read<K extends ReadName, T extends RunOptions>(
    read: K,
    given: T,
    known: readonly (keyof T & string)[],
    complete: (given: T) => ReadOptions<K>,
  ): Promise<ReadResult<K>> {
    checkOptions(read, given, known)
    const options = complete(given)
    const { signal } = given
    ;(reads[read] as unknown as Reading<ReadOptions<K>, unknown>).check(options, this.#shape)
    const request = { kind: 'pipeline', image: this.#image, steps: this.#steps, read, options } as const
    return (await this.#threads.run(request, signal)) as ReadResult<K>
  }
}

function warpDefaults(matrix: readonly number[], options: WarpOptions) {
  const { width, height, interpolation = 'linear', border = 'constant', fill = [0] } = options
  return { matrix, width, height, interpolation, border, fill }
}
