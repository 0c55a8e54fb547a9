// Codes in pictures: QR codes, bar codes, ArUco and AprilTag markers.

import type { Polygon } from '../../../vision/annotation.ts'
import { checkOneOf } from '../check.ts'
import type { Mat, Native, NativeVector } from '../library.ts'
import type { MatScope } from '../mat-scope.ts'
import { reading } from '../step.ts'

export const markerDictionaries = {
  '4x4-50': 'DICT_4X4_50',
  '4x4-100': 'DICT_4X4_100',
  '4x4-250': 'DICT_4X4_250',
  '5x5-100': 'DICT_5X5_100',
  '6x6-250': 'DICT_6X6_250',
  '7x7-1000': 'DICT_7X7_1000',
  original: 'DICT_ARUCO_ORIGINAL',
  'apriltag-16h5': 'DICT_APRILTAG_16h5',
  'apriltag-25h9': 'DICT_APRILTAG_25h9',
  'apriltag-36h10': 'DICT_APRILTAG_36h10',
  'apriltag-36h11': 'DICT_APRILTAG_36h11',
} as const

export type MarkerDictionary = keyof typeof markerDictionaries

export interface FiducialMarker {
  readonly id: number
  /** Its four corners, clockwise from its own top left. */
  readonly polygon: Polygon
}

export interface QrCode {
  /** What it says; empty where it was found and not understood. */
  readonly text: string
  /** Its four corners, clockwise from its own top left. */
  readonly polygon: Polygon
}

interface MarkerDetector extends Native {
  detectMarkers(image: Mat, corners: NativeVector<Mat>, ids: Mat): void
}

interface CodeDetector extends Native {
  detectAndDecodeMulti(image: Mat, texts: NativeVector<string>, corners: Mat): boolean
}

export const markerReads = {
  markers: reading<{ readonly dictionary: MarkerDictionary }, FiducialMarker[]>({
    check({ dictionary }) {
      checkOneOf('markers.dictionary', dictionary, Object.keys(markerDictionaries) as MarkerDictionary[])
    },
    read(scope, source, { dictionary }) {
      const words = scope.keep(scope.call<Native>('getPredefinedDictionary', scope.constant(markerDictionaries[dictionary])))
      const settings = scope.create('aruco_DetectorParameters')
      const detector = scope.create<MarkerDetector>('aruco_ArucoDetector', words, settings, refineParameters(scope))
      const corners = scope.create<NativeVector<Mat>>('MatVector')
      const ids = scope.mat()
      detector.detectMarkers(source, corners, ids)
      return Array.from({ length: corners.size() }, (_, i) => ({
        id: ids.data32S[i]!,
        polygon: Array.from(scope.keep(corners.get(i)).data32F, (value) => value + 0.5),
      }))
    },
  }),

  qrCodes: reading<Record<never, never>, QrCode[]>({
    check() {},
    read(scope, source) {
      const detector = scope.create<CodeDetector>('QRCodeDetector')
      const texts = scope.create<NativeVector<string>>('StringVector')
      const corners = scope.mat()
      if (!detector.detectAndDecodeMulti(source, texts, corners)) return []
      const all = Array.from(corners.data32F, (value) => value + 0.5)
      return scope.list(texts).map((text, i) => ({ text, polygon: all.slice(8 * i, 8 * i + 8) }))
    },
  }),
}

/** OpenCV's own defaults, which this build does not know by itself. */
export function refineParameters(scope: MatScope): Native {
  return scope.create('aruco_RefineParameters', 10, 3, true)
}
