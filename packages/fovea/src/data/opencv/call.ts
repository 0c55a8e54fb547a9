// The door to every other function of OpenCV: by name, with arguments of checked kinds.

import { FoveaError } from '../../util/errors.ts'
import { similarNames } from '../../util/similar.ts'
import type { Image } from '../../vision/image.ts'
import { checkImage, refuse } from './check.ts'
import type { Mat, NativeVector } from './library.ts'
import type { MatScope } from './mat-scope.ts'
import { type CvMatrix, matrixArrays } from './matrix.ts'

/** A value of OpenCV by its name: `{ constant: 'THRESH_BINARY' }`. */
export interface CvConstant {
  readonly constant: string
}

/** Where OpenCV writes a result: an empty Mat or vector of Mats, or a matrix that it reads and changes. */
export interface CvOutput {
  readonly out: 'mat' | 'mats' | Image | CvMatrix
}

/** Numbers, truth values, pictures, matrices, several of them, points, sizes, rectangles, scalars (at most 4 numbers, the others 0), lists of numbers. */
export type CvArgument =
  | number
  | boolean
  | Image
  | CvMatrix
  | readonly number[]
  | { readonly scalar: readonly number[] }
  | { readonly mats: readonly (Image | CvMatrix)[] }
  | { readonly x: number; readonly y: number }
  | { readonly width: number; readonly height: number }
  | { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  | { readonly termination: { readonly count: number; readonly epsilon: number } }
  | CvConstant
  | CvOutput

export interface CvCallResult {
  /** What the function returned: a number, a truth value, plain data; a matrix where it returned a Mat. */
  readonly value: unknown
  /** What each output holds, in the order of the arguments. */
  readonly outputs: readonly (CvMatrix | readonly CvMatrix[])[]
}

/** What may be called: functions that take and give what `CvArgument` can hold, touch no file and no screen, and keep nothing. */
export const callableNames: readonly string[] =
  `Canny GaussianBlur HoughCircles HoughLines HoughLinesP LUT Laplacian Rodrigues Scharr Sobel absdiff adaptiveThreshold add addWeighted
  approxPolyDP approxPolyN arcLength arrowedLine bilateralFilter bitwise_and bitwise_not bitwise_or bitwise_xor blendLinear blur boundingRect
  boxFilter calcBackProject calcHist calcOpticalFlowFarneback calcOpticalFlowPyrLK calibrateCameraExtended cartToPolar circle compare compareHist
  connectedComponents connectedComponentsWithStats contourArea convertMaps convertScaleAbs convexHull convexityDefects copyMakeBorder cornerHarris
  cornerMinEigenVal countNonZero createHanningWindow cvtColor demosaicing determinant dft dilate distanceTransform distanceTransformWithLabels
  divSpectrums divide drawContours eigen ellipse ellipse2Poly equalizeHist erode estimateAffine2D exp fillConvexPoly fillPoly filter2D
  findContours findContoursLinkRuns findHomography findTransformECC fisheye_initUndistortRectifyMap fisheye_projectPoints fitEllipse fitEllipseAMS
  fitEllipseDirect fitLine flip floodFill gemm getAffineTransform getDefaultNewCameraMatrix getOptimalDFTSize getPerspectiveTransform
  getRectSubPix getRotationMatrix2D getStructuringElement goodFeaturesToTrack grabCut hconcat inRange initUndistortRectifyMap inpaint
  integral integral2 intersectConvexConvex invert invertAffineTransform isContourConvex kmeans line log magnitude matchShapes matchTemplate max mean
  meanStdDev medianBlur merge min minAreaRect minEnclosingCircle minEnclosingTriangle minMaxLoc mixChannels moments morphologyEx multiply norm
  normalize perspectiveTransform pointPolygonTest polarToCart polylines pow preCornerDetect projectPoints pyrDown pyrUp rectangle
  reduce remap repeat resize rotate sepFilter2D setIdentity solve solvePnP solvePnPRansac solvePnPRefineLM solvePoly
  spatialGradient split sqrBoxFilter sqrt stackBlur subtract threshold trace transform transpose undistort vconcat warpAffine warpPerspective
  warpPolar watershed`.split(/\s+/)

/** @throws OPENCV_UNKNOWN, OPENCV_ARGUMENT, OPENCV_IMAGE */
export function checkCall(name: string, args: readonly CvArgument[]): void {
  if (!callableNames.includes(name)) {
    const near = similarNames(String(name), callableNames)
    const expected = near.length > 0 ? `a function such as ${near.join(', ')}` : 'a name of the list in docs/opencv.md'
    throw new FoveaError('OPENCV_UNKNOWN', { expected, found: String(name).slice(0, 80) })
  }
  for (const [i, argument] of args.entries()) checkArgument(`${name}[${i}]`, argument)
}

function checkArgument(field: string, argument: CvArgument): void {
  const kind = kindOf(argument)
  if (kind === undefined)
    refuse(field, 'a number, a truth value, a picture, a matrix, a point, a size, a rectangle, a constant or an output', argument)
  if (kind === 'number' && !Number.isFinite(argument)) refuse(field, 'a finite number', argument)
  if (kind === 'image') checkImage(field, argument as Image)
  if (kind === 'matrix') checkMatrix(field, argument as CvMatrix)
  if (kind === 'mats')
    for (const [i, one] of (argument as { mats: readonly CvArgument[] }).mats.entries()) checkPixels(`${field}.mats[${i}]`, one)
  if (kind === 'out') {
    const { out } = argument as CvOutput
    if (out !== 'mat' && out !== 'mats') checkPixels(`${field}.out`, out)
  }
}

function checkPixels(field: string, value: CvArgument): void {
  const kind = kindOf(value)
  if (kind !== 'image' && kind !== 'matrix') refuse(field, 'a picture or a matrix', value)
  checkArgument(field, value)
}

function checkMatrix(field: string, { rows, columns, channels, type, data }: CvMatrix): void {
  const whole = [rows, columns, channels].every((value) => Number.isInteger(value) && value >= 1)
  const array = Object.hasOwn(matrixArrays, type) ? matrixArrays[type] : undefined
  if (!whole || channels > 4 || array === undefined || !(data instanceof array) || data.length !== rows * columns * channels)
    refuse(
      field,
      'rows x columns x channels (1 to 4) numbers in the typed array that `type` names',
      `${rows}x${columns}x${channels} ${type}`,
    )
}

function kindOf(argument: CvArgument) {
  if (typeof argument === 'number') return 'number'
  if (typeof argument === 'boolean') return 'boolean'
  if (argument === null || typeof argument !== 'object') return undefined
  if (Array.isArray(argument)) return argument.every(Number.isFinite) ? 'list' : undefined
  if ('scalar' in argument) {
    const { scalar } = argument
    return Array.isArray(scalar) && scalar.length <= 4 && scalar.every(Number.isFinite) ? 'scalar' : undefined
  }
  if ('constant' in argument) return typeof argument.constant === 'string' ? 'constant' : undefined
  if ('out' in argument) return 'out'
  if ('mats' in argument) return Array.isArray(argument.mats) ? 'mats' : undefined
  if ('termination' in argument)
    return Number.isFinite(argument.termination?.count) && Number.isFinite(argument.termination?.epsilon) ? 'termination' : undefined
  if ('rows' in argument) return 'matrix'
  if ('data' in argument) return 'image'
  const numbers = Object.values(argument).every(Number.isFinite)
  if (numbers && ('width' in argument || 'x' in argument)) return 'plain'
  return undefined
}

/** In the worker: the call itself. */
export function runCall(scope: MatScope, name: string, args: readonly CvArgument[]): CvCallResult {
  const outputs: (Mat | NativeVector<Mat>)[] = []
  const natives = args.map((argument) => {
    switch (kindOf(argument)) {
      case 'image':
      case 'matrix':
        return matOf(scope, argument as Image | CvMatrix)
      case 'list':
        return [...(argument as readonly number[])]
      case 'scalar':
        return scope.scalar(...(argument as { scalar: readonly number[] }).scalar)
      case 'constant':
        return scope.constant((argument as CvConstant).constant)
      case 'mats': {
        const vector = scope.create<NativeVector<Mat>>('MatVector')
        for (const one of (argument as { mats: readonly (Image | CvMatrix)[] }).mats) vector.push_back(matOf(scope, one))
        return vector
      }
      case 'termination': {
        const { count, epsilon } = (argument as { termination: { count: number; epsilon: number } }).termination
        return scope.build('TermCriteria', scope.constant('TermCriteria_COUNT') + scope.constant('TermCriteria_EPS'), count, epsilon)
      }
      case 'out': {
        const { out } = argument as CvOutput
        outputs.push(out === 'mats' ? scope.create<NativeVector<Mat>>('MatVector') : out === 'mat' ? scope.mat() : matOf(scope, out))
        return outputs.at(-1)
      }
      default:
        return argument
    }
  })
  const value = scope.call(name, ...natives)
  const isNative = typeof value === 'object' && value !== null && 'isDeleted' in value
  if (isNative) scope.keep(value as Mat)
  return {
    value: isNative ? scope.toMatrix(value as Mat) : value,
    outputs: outputs.map((output) =>
      'size' in output && 'push_back' in output
        ? scope.list(output).map((mat) => scope.toMatrix(scope.keep(mat)))
        : scope.toMatrix(output as Mat),
    ),
  }
}

function matOf(scope: MatScope, value: Image | CvMatrix): Mat {
  return 'rows' in value ? scope.fromMatrix(value) : scope.image(value)
}
