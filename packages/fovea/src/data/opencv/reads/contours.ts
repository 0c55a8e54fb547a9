// Outlines of what is white, and the connected parts of it. Suzuki and Abe 1985; Teh and Chin 1989.

import type { Annotation, Box } from '../../../vision/annotation.ts'
import { checkGray, checkNumber, checkOneOf } from '../check.ts'
import type { Mat, NativeVector } from '../library.ts'
import { MatScope } from '../mat-scope.ts'
import type { IntegerMap } from '../matrix.ts'
import { describeOutline, type Moments, momentsOf, type OutlineFigures } from '../outline.ts'
import { reading } from '../step.ts'

/** One outline. It runs through the centres of the outermost pixels, so area, perimeter and the turned box are those of that line; the box holds the pixels whole. */
export interface Contour extends OutlineFigures {
  /** Index, in the same list, of the outline around this one; -1 for the outermost, and where it was left out. */
  readonly parent: number
  /** True for the edge of a hole. */
  readonly isHole: boolean
}

export type ContourMode = 'external' | 'tree'

const approximations = { none: 'CHAIN_APPROX_NONE', simple: 'CHAIN_APPROX_SIMPLE', tc89: 'CHAIN_APPROX_TC89_L1' } as const

export type ContourApproximation = keyof typeof approximations

export interface FindContours {
  readonly mode: ContourMode
  readonly approximation: ContourApproximation
  readonly minArea: number
  readonly tolerance: number
}

/** A connected part. */
export interface ConnectedComponent {
  /** Its number in the map of labels; 0 is the background. */
  readonly label: number
  readonly box: Box
  /** Pixels. */
  readonly area: number
  /** The centre of mass. */
  readonly x: number
  readonly y: number
}

export interface ConnectedComponents {
  readonly components: readonly ConnectedComponent[]
  readonly labels: IntegerMap
}

/** An outline as an annotation, for drawing, data sets and metrics. */
export function contourAnnotation({ polygon, box, minAreaRect, area }: Contour, label = 0): Annotation {
  return { label, box, polygons: [polygon], orientedBox: minAreaRect.polygon, area }
}

export const contourReads = {
  contours: reading<FindContours, Contour[]>({
    check({ mode, approximation, minArea, tolerance }, shape) {
      checkOneOf('contours.mode', mode, ['external', 'tree'])
      checkOneOf('contours.approximation', approximation, Object.keys(approximations) as ContourApproximation[])
      checkNumber('contours.minArea', minArea, 0)
      checkNumber('contours.tolerance', tolerance, 0)
      checkGray('contours', shape)
    },
    read(scope, source, { mode, approximation, minArea, tolerance }) {
      const found = scope.create<NativeVector<Mat>>('MatVector')
      const hierarchy = scope.mat()
      const how = scope.constant(mode === 'external' ? 'RETR_EXTERNAL' : 'RETR_TREE')
      scope.call('findContours', source, found, hierarchy, how, scope.constant(approximations[approximation]))
      const places = new Map<number, number>()
      const parents = Array.from({ length: found.size() }, (_, i) => hierarchy.data32S[4 * i + 3]!)
      const depths: number[] = []
      const depthOf = (i: number): number => {
        depths[i] ??= parents[i]! < 0 ? 0 : depthOf(parents[i]!) + 1
        return depths[i]
      }
      const contours: Contour[] = []
      for (let i = 0; i < parents.length; i++) {
        // A scope for each: thousands would pile up.
        const inner = new MatScope(scope.cv)
        try {
          const line = inner.keep(found.get(i))
          if (inner.call<number>('contourArea', line, false) < minArea) continue
          places.set(i, contours.length)
          contours.push({ ...describeOutline(inner, line, tolerance), parent: parents[i]!, isHole: depthOf(i) % 2 === 1 })
        } finally {
          inner.close()
        }
      }
      return contours.map((contour) => ({ ...contour, parent: places.get(contour.parent) ?? -1 }))
    },
  }),

  components: reading<{ readonly neighbours: 4 | 8 }, ConnectedComponents>({
    check({ neighbours }, shape) {
      checkOneOf('components.neighbours', neighbours, [4, 8])
      checkGray('components', shape)
    },
    read(scope, source, { neighbours }) {
      const [labels, stats, centres] = [scope.mat(), scope.mat(), scope.mat()]
      const count = scope.call<number>('connectedComponentsWithStats', source, labels, stats, centres, neighbours, scope.constant('CV_32S'))
      const components = Array.from({ length: count - 1 }, (_, i): ConnectedComponent => {
        const [x, y, width, height, area] = stats.data32S.subarray(5 * i + 5, 5 * i + 10)
        const [cx, cy] = centres.data64F.subarray(2 * i + 2, 2 * i + 4)
        return { label: i + 1, box: { x1: x!, y1: y!, x2: x! + width!, y2: y! + height! }, area: area!, x: cx! + 0.5, y: cy! + 0.5 }
      })
      return { components, labels: { width: source.cols, height: source.rows, data: labels.data32S.slice() } }
    },
  }),

  moments: reading<{ readonly binary: boolean }, Moments>({
    check(_, shape) {
      checkGray('moments', shape)
    },
    read: (scope, source, { binary }) => momentsOf(scope, source, binary),
  }),
}
