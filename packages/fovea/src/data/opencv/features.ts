// Points that can be found again, with a description of what lies around each, and the matching of two pictures by them.

import { checkInteger, checkOneOf } from './check.ts'
import type { Mat, Native, NativeVector } from './library.ts'
import type { MatScope } from './mat-scope.ts'
import type { CvMatrix } from './matrix.ts'

const methods = ['orb', 'akaze', 'brisk', 'kaze'] as const

/** ORB (Rublee 2011), AKAZE (Alcantarilla 2013), BRISK (Leutenegger 2011), KAZE (Alcantarilla 2012). */
export type FeatureMethod = (typeof methods)[number]

export interface FeatureOptions {
  readonly method: FeatureMethod
  /** At most so many, those of the strongest response. */
  readonly count: number
}

export interface ImageFeature {
  readonly x: number
  readonly y: number
  /** Diameter of what it was described by, in pixels. */
  readonly size: number
  /** Degrees, clockwise from the x axis. */
  readonly angle: number
  readonly response: number
}

export interface ImageFeatures {
  readonly points: readonly ImageFeature[]
  /** One row for each point: bytes of bits, but floats for KAZE. */
  readonly descriptors: CvMatrix
}

interface NativeFeature {
  readonly pt: { readonly x: number; readonly y: number }
  readonly size: number
  readonly angle: number
  readonly response: number
}

interface Detector extends Native {
  detect(image: Mat, points: NativeVector<NativeFeature>, mask: Mat): void
  compute(image: Mat, points: NativeVector<NativeFeature>, descriptors: Mat): void
  detectAndCompute(image: Mat, mask: Mat, points: NativeVector<NativeFeature>, descriptors: Mat): void
}

export function checkFeatures(field: string, { method, count }: FeatureOptions): void {
  checkOneOf(`${field}.method`, method, methods)
  checkInteger(`${field}.count`, count, 1, 100_000)
}

/** The features of a grey picture as plain data, and their descriptors in the memory of OpenCV. */
export function findFeatures(scope: MatScope, source: Mat, { method, count }: FeatureOptions): { plain: ImageFeatures; descriptors: Mat } {
  const detector = method === 'orb' ? scope.create<Detector>('ORB', count) : scope.create<Detector>(method.toUpperCase())
  const found = scope.create<NativeVector<NativeFeature>>('KeyPointVector')
  const all = scope.mat()
  detector.detectAndCompute(source, scope.mat(), found, all)
  const points = scope.list(found).map(({ pt, size, angle, response }) => ({ x: pt.x + 0.5, y: pt.y + 0.5, size, angle, response }))
  const order = points
    .map((_, i) => i)
    .sort((a, b) => points[b]!.response - points[a]!.response || a - b)
    .slice(0, count)
  if (order.length === points.length) return { plain: { points, descriptors: scope.toMatrix(all) }, descriptors: all }
  const kept = scope.create<Mat>('Mat', order.length, all.cols, all.type())
  const row = all.data.length / all.rows
  for (const [to, from] of order.entries()) kept.data.set(all.data.subarray(from * row, (from + 1) * row), to * row)
  return { plain: { points: order.map((i) => points[i]!), descriptors: scope.toMatrix(kept) }, descriptors: kept }
}
