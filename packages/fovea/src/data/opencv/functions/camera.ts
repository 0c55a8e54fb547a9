// Cameras: calibration from known points, and from pictures of a ChArUco board (Garrido-Jurado et al. 2014); Zhang 2000 is the method.

import type { Image } from '../../../vision/image.ts'
import { toGray } from '../../../vision/image.ts'
import { checkImage, checkInteger, checkNumber, checkNumbers, checkOneOf, checkPoints, refuse } from '../check.ts'
import type { Mat, Native, NativeVector } from '../library.ts'
import type { MatScope } from '../mat-scope.ts'
import { type MarkerDictionary, markerDictionaries, refineParameters } from '../reads/markers.ts'
import { plainFunction } from '../step.ts'

/** A pinhole camera with lens distortion, in OpenCV's own convention so that it can be exchanged: positions count from the centre of the first pixel. */
export interface Camera {
  /** [fx, 0, cx, 0, fy, cy, 0, 0, 1], in pixels. */
  readonly matrix: readonly number[]
  /** k1, k2, p1, p2[, k3[, k4, k5, k6]]. */
  readonly distortion: readonly number[]
}

/** One picture of a known target: where its points are in the world and where they are seen. */
export interface CalibrationView {
  /** x, y and z in turn, in any unit of length. */
  readonly world: readonly number[]
  /** x and y in turn, in pixels. */
  readonly seen: readonly number[]
}

export interface CameraCalibration extends Camera {
  /** Root mean square distance between points seen and points predicted, in pixels. */
  readonly error: number
  /** The same of each view. */
  readonly viewErrors: readonly number[]
}

/** A chessboard with a marker in each white square. */
export interface CharucoBoard {
  /** Squares along x and y. */
  readonly columns: number
  readonly rows: number
  /** Side of a square and of a marker, in any unit of length. */
  readonly squareLength: number
  readonly markerLength: number
  readonly dictionary: MarkerDictionary
}

/** The inner corners of a board that were seen. */
export interface CharucoView extends CalibrationView {
  /** Number of each corner on the board, row by row. */
  readonly ids: readonly number[]
}

export function checkCamera(field: string, camera: Camera): void {
  if (typeof camera !== 'object' || camera === null) refuse(field, 'an object of matrix and distortion', camera)
  const { matrix, distortion } = camera
  checkNumbers(`${field}.matrix`, matrix, 9)
  if (!(matrix[0]! > 0 && matrix[4]! > 0 && matrix[8] === 1))
    refuse(`${field}.matrix`, '[fx, 0, cx, 0, fy, cy, 0, 0, 1] with fx and fy above 0', matrix)
  checkNumbers(`${field}.distortion`, distortion)
  checkOneOf(`${field}.distortion.length`, distortion.length, [4, 5, 8])
}

export const cameraFunctions = {
  calibrateCamera: plainFunction<
    { readonly views: readonly CalibrationView[]; readonly width: number; readonly height: number },
    CameraCalibration
  >({
    check({ views, width, height }) {
      checkInteger('calibrateCamera.width', width, 1)
      checkInteger('calibrateCamera.height', height, 1)
      if (!Array.isArray(views) || views.length < 3) refuse('calibrateCamera.views', 'at least 3 views', views?.length)
      for (const [i, { world, seen }] of views.entries()) {
        checkNumbers(`calibrateCamera.views[${i}].world`, world, undefined, 3)
        checkPoints(`calibrateCamera.views[${i}].seen`, seen, 4)
        if (world.length / 3 !== seen.length / 2)
          refuse(`calibrateCamera.views[${i}].seen`, `${world.length / 3} points`, `${seen.length / 2}`)
      }
    },
    run(scope, { views, width, height }) {
      const world = scope.create<NativeVector<Mat>>('MatVector')
      const seen = scope.create<NativeVector<Mat>>('MatVector')
      for (const view of views) {
        world.push_back(scope.numbers(view.world.length / 3, 1, view.world, 'CV_32FC3'))
        seen.push_back(scope.points(view.seen))
      }
      const [matrix, distortion, deviations, extrinsics, perView] = Array.from({ length: 5 }, () => scope.mat())
      const rotations = scope.create('MatVector')
      const shifts = scope.create('MatVector')
      const size = scope.size(width, height)
      const error = scope.call<number>(
        'calibrateCameraExtended',
        world,
        seen,
        size,
        matrix,
        distortion,
        rotations,
        shifts,
        deviations,
        extrinsics,
        perView,
      )
      return {
        matrix: Array.from(matrix!.data64F),
        distortion: Array.from(distortion!.data64F).slice(0, 5),
        error,
        viewErrors: Array.from(perView!.data64F),
      }
    },
  }),

  findCharucoBoard: plainFunction<{ readonly image: Image; readonly board: CharucoBoard }, CharucoView>({
    check({ image, board }) {
      checkImage('findCharucoBoard.image', image)
      checkBoard('findCharucoBoard.board', board)
    },
    run(scope, { image, board }) {
      const detector = scope.create<CharucoDetector>(
        'aruco_CharucoDetector',
        boardOf(scope, board),
        scope.create('aruco_CharucoParameters'),
        scope.create('aruco_DetectorParameters'),
        refineParameters(scope),
      )
      const corners = scope.mat()
      const ids = scope.mat()
      detector.detectBoard(scope.image(toGray(image)), corners, ids)
      const numbers = ids.rows === 0 ? [] : Array.from(ids.data32S)
      const across = board.columns - 1
      return {
        ids: numbers,
        seen: corners.rows === 0 ? [] : Array.from(corners.data32F, (value) => value + 0.5),
        world: numbers.flatMap((id) => [((id % across) + 1) * board.squareLength, (Math.floor(id / across) + 1) * board.squareLength, 0]),
      }
    },
  }),

  drawCharucoBoard: plainFunction<
    { readonly board: CharucoBoard; readonly width: number; readonly height: number; readonly margin: number },
    Image
  >({
    check({ board, width, height, margin }) {
      checkBoard('drawCharucoBoard.board', board)
      checkInteger('drawCharucoBoard.width', width, 8 * board.columns)
      checkInteger('drawCharucoBoard.height', height, 8 * board.rows)
      checkInteger('drawCharucoBoard.margin', margin, 0, Math.min(width, height) >> 2)
    },
    run(scope, { board, width, height, margin }) {
      const out = scope.mat()
      boardOf(scope, board).generateImage(scope.size(width, height), out, margin)
      return scope.toImage(out)
    },
  }),
}

interface NativeBoard extends Native {
  generateImage(size: object, out: Mat, margin: number): void
}

interface CharucoDetector extends Native {
  detectBoard(image: Mat, corners: Mat, ids: Mat): void
}

function checkBoard(field: string, board: CharucoBoard): void {
  if (typeof board !== 'object' || board === null)
    refuse(field, 'an object of columns, rows, squareLength, markerLength and dictionary', board)
  checkInteger(`${field}.columns`, board.columns, 2, 100)
  checkInteger(`${field}.rows`, board.rows, 2, 100)
  checkNumber(`${field}.squareLength`, board.squareLength, 1e-9)
  checkNumber(`${field}.markerLength`, board.markerLength, 1e-9, board.squareLength * 0.999)
  checkOneOf(`${field}.dictionary`, board.dictionary, Object.keys(markerDictionaries) as MarkerDictionary[])
}

function boardOf(scope: MatScope, { columns, rows, squareLength, markerLength, dictionary }: CharucoBoard): NativeBoard {
  const words = scope.keep(scope.call<Native>('getPredefinedDictionary', scope.constant(markerDictionaries[dictionary])))
  return scope.create('aruco_CharucoBoard', scope.size(columns, rows), squareLength, markerLength, words, scope.mat())
}
