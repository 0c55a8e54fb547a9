// One step of a transform with its random numbers drawn: what it does to pixels, and to positions.

import { type Geometry, geometryOf, type PictureSize } from '../../vision/geometry/geometry.ts'
import { invert3, type Matrix3, scaling, translation } from '../../vision/geometry/matrix.ts'
import { type WarpInterpolation, warpImage } from '../../vision/geometry/warp.ts'
import { createImage, cropImage, type Image, type Rgb } from '../../vision/image.ts'
import type { Interpolation } from '../../vision/preprocessing.ts'
import { type Region, resizeImage } from '../../vision/resize.ts'
import type { Fill } from './parameters.ts'
import { windowOf } from './window.ts'

export interface Step {
  readonly apply: (image: Image) => Image
  /** Absent where everything stays in its place. */
  readonly geometry?: Geometry
  /** What `mergeSteps` can do together with its neighbours. */
  readonly merge?: Mergeable
}

/** A step along the axes that shows nothing from outside the picture. */
export type Mergeable =
  | { readonly kind: 'window'; readonly region: Region }
  | { readonly kind: 'resize'; readonly height: number; readonly width: number; readonly interpolation: Interpolation }
  | { readonly kind: 'mirrorX' }
  | { readonly kind: 'mirrorY' }

/** A change of colours; alpha keeps what it was. */
export function colorStep(change: (image: Image) => Image): Step {
  return { apply: (image) => (image.channels === 4 ? besideAlpha(image, change) : change(image)) }
}

/** The window that begins at (`top`, `left`), which may lie outside the picture in part. */
export function windowStep(from: PictureSize, top: number, left: number, height: number, width: number, fill: Fill): Step {
  const inside = top >= 0 && left >= 0 && top + height <= from.height && left + width <= from.width
  return {
    geometry: geometryOf(from, { width, height }, translation(0 - left, 0 - top)),
    apply: (image) => (inside ? cropImage(image, left, top, width, height) : windowOf(image, top, left, height, width, fill)),
    ...(inside && { merge: { kind: 'window', region: { left, top, width, height } } as const }),
  }
}

export function resizeStep(from: PictureSize, height: number, width: number, interpolation: Interpolation): Step {
  return {
    geometry: geometryOf(from, { width, height }, scaling(width / from.width, height / from.height)),
    apply: (image) => resizeImage(image, height, width, interpolation),
    merge: { kind: 'resize', height, width, interpolation },
  }
}

/** `inverse` maps a point of the new picture to one of the old. */
export function warpStep(from: PictureSize, to: PictureSize, inverse: Matrix3, interpolation: WarpInterpolation, fill: Rgb): Step {
  return {
    geometry: geometryOf(from, to, invert3(inverse)),
    apply: (image) => warpImage(image, inverse, to, interpolation, fill),
  }
}

function besideAlpha(image: Image, change: (image: Image) => Image): Image {
  const { width, height, data } = image
  const color = new Uint8Array(width * height * 3)
  for (let i = 0, to = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) color[to++] = data[i + c]!
  const changed = change(createImage(width, height, 3, color)).data
  const out = Uint8Array.from(data)
  for (let i = 0, from = 0; i < out.length; i += 4) for (let c = 0; c < 3; c++) out[i + c] = changed[from++]!
  return createImage(width, height, 4, out, image.source)
}
