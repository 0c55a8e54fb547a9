// Resizing in plain TypeScript: the same bytes on every machine, in Node and in a browser.

import { createImage, cropImage, type Image, toGray, toRgb, verifyImage } from './image.ts'
import { copyRows, type Rows, resizeColumns, resizeRows, resizeRowsRgb } from './kernels/plain.ts'
import { type Resampler, resampler } from './kernels/resampler.ts'
import { stretchRgb } from './kernels/vectors.ts'
import { type Interpolation, type Preprocessing, parsePreprocessing } from './preprocessing.ts'

/** Where the pixels of a picture go: scale to `scaled`, then cut or pad so that the result is `size`. All as [height, width]. */
export interface ResizePlan {
  readonly size: readonly [number, number]
  readonly scaled: readonly [number, number]
  /** Where the scaled picture begins in the result, [top, left]; negative where it is cut. */
  readonly offset: readonly [number, number]
}

/** The geometry of a preprocessing for a picture of this size. A model without a fixed size takes the picture as it is. */
export function planResize(width: number, height: number, preprocessing: Preprocessing): ResizePlan {
  const { size, resize, cropFraction } = preprocessing
  if (size === undefined) return { size: [height, width], scaled: [height, width], offset: [0, 0] }
  const [outHeight, outWidth] = size
  if (resize === 'squash') return { size, scaled: size, offset: [0, 0] }
  let scaled: readonly [number, number]
  if (resize === 'crop') {
    // As timm and torchvision: whole pixels are cut off at each step, and the side that decides is hit exactly.
    const box = [Math.floor(outHeight / cropFraction), Math.floor(outWidth / cropFraction)] as const
    const tall = box[0] * width >= box[1] * height
    scaled = tall
      ? [box[0], Math.max(box[1], Math.trunc((width * box[0]) / height))]
      : [Math.max(box[0], Math.trunc((height * box[1]) / width)), box[1]]
  } else {
    const scale = Math.min(outHeight / height, outWidth / width)
    scaled = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))]
  }
  return { size, scaled, offset: [0 - roundHalfEven((scaled[0] - outHeight) / 2), 0 - roundHalfEven((scaled[1] - outWidth) / 2)] }
}

/** Halves go to the even neighbour, as in Python. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/**
 * The picture as the model's contract wants it: colour, size, crop or padding; uint8 HWC. Scaling of values is left to the graph.
 * @throws IMAGE_INVALID where the image is not well formed; PREPROCESSING_INVALID
 */
export function preprocessImage(image: Image, given: Preprocessing): Image {
  const preprocessing = parsePreprocessing(given)
  const colored = orderChannels(image, preprocessing)
  const { size, scaled, offset } = planResize(image.width, image.height, preprocessing)
  const resized = resizeImage(colored, scaled[0], scaled[1], preprocessing.interpolation)
  if (preprocessing.resize === 'letterbox') return placeImage(resized, size, offset, preprocessing.padValue)
  return cropImage(resized, -offset[1], -offset[0], size[1], size[0])
}

/** The channels as the contract orders them: RGB, BGR or grey. */
export function orderChannels(image: Image, preprocessing: Pick<Preprocessing, 'color'>): Image {
  if (preprocessing.color === 'gray') return toGray(image)
  const rgb = toRgb(image)
  if (preprocessing.color === 'rgb') return rgb
  const data = new Uint8Array(rgb.data.length)
  for (let i = 0; i < data.length; i += 3) {
    data[i] = rgb.data[i + 2]!
    data[i + 1] = rgb.data[i + 1]!
    data[i + 2] = rgb.data[i]!
  }
  return { ...rgb, data }
}

/**
 * Resizes with an antialiased, separable kernel whose support grows with the reduction, in 22-bit fixed point: the
 * arithmetic of Pillow's `Image.resize` (and so of torchvision and timm on PIL images), byte for byte.
 * @throws IMAGE_INVALID where the image is not well formed
 */
export function resizeImage(image: Image, height: number, width: number, interpolation: Interpolation = 'bilinear'): Image {
  verifyImage(image)
  if (width === image.width && height === image.height) return image
  return resampleRegion(image, { left: 0, top: 0, width: image.width, height: image.height }, height, width, { interpolation })
}

/** A rectangle of whole pixels. */
export interface Region {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface ResampleOptions {
  /** Default bilinear. */
  readonly interpolation?: Interpolation
  /** The part of the resized picture that is made. Default all of it. */
  readonly window?: Region
  /** Left and right, top and bottom change places in what is made. */
  readonly mirrorX?: boolean
  readonly mirrorY?: boolean
}

/**
 * A region of a picture, resized to `height` x `width` as if it had been cut out before, a window of that, and mirrored: the bytes of doing one
 * after the other, in one go. Region and window must lie inside.
 */
export function resampleRegion(image: Image, region: Region, height: number, width: number, options: ResampleOptions = {}): Image {
  const { interpolation = 'bilinear', mirrorX = false, mirrorY = false } = options
  const window = options.window ?? { left: 0, top: 0, width, height }
  const { channels } = image
  if (interpolation === 'nearest' && (width !== region.width || height !== region.height))
    return nearestRegion(image, region, height, width, window, mirrorX, mirrorY)
  // Nearest at the size that it has is a copy, which needs no kernel.
  const smooth = interpolation === 'nearest' ? 'bilinear' : interpolation
  const columns = height === region.height ? undefined : resampler(region.height, height, smooth, window.top, window.height)
  // Only rows that the second pass reads are made by the first.
  const first = columns === undefined ? window.top : columns.first[0]!
  const rows = (columns === undefined ? window.top + window.height : columns.first.at(-1)! + columns.count.at(-1)!) - first
  const row = image.width * channels
  const source = { data: image.data, start: (region.top + first) * row + region.left * channels, row, rows }
  const kernel = width === region.width ? undefined : resampler(region.width, width, smooth, window.left, window.width)
  const stride = window.width * channels
  const data =
    (channels === 3 && kernel !== undefined ? stretchRgb(source, kernel, columns, first, mirrorX) : undefined) ??
    stretch(source, kernel, columns, first, window, channels, mirrorX)
  return createImage(window.width, window.height, channels, mirrorY ? reverseRows(data, stride) : data, image.source)
}

function stretch(
  source: Rows,
  kernel: Resampler | undefined,
  columns: Resampler | undefined,
  first: number,
  window: Region,
  channels: number,
  mirrorX: boolean,
): Uint8Array {
  const across =
    kernel === undefined
      ? copyRows(source, window.left, window.width, channels, mirrorX)
      : channels === 3
        ? resizeRowsRgb(source, kernel, mirrorX)
        : resizeRows(source, kernel, channels, mirrorX)
  return columns === undefined ? across : resizeColumns(across, first, window.width * channels, columns)
}

function nearestRegion(
  image: Image,
  region: Region,
  height: number,
  width: number,
  window: Region,
  mirrorX: boolean,
  mirrorY: boolean,
): Image {
  const { channels, data } = image
  const out = createImage(window.width, window.height, channels, undefined, image.source)
  const across = nearestPlaces(region.width, width, window.left + window.width)
  const down = nearestPlaces(region.height, height, window.top + window.height)
  const columns = Int32Array.from({ length: window.width }, (_, x) => {
    const column = window.left + (mirrorX ? window.width - 1 - x : x)
    return (region.left + across[column]!) * channels
  })
  let to = 0
  for (let y = 0; y < window.height; y++) {
    const row = region.top + down[window.top + (mirrorY ? window.height - 1 - y : y)]!
    const start = row * image.width * channels
    for (const column of columns) for (let c = 0; c < channels; c++) out.data[to++] = data[start + column + c]!
  }
  return out
}

/**
 * Where the first `count` of `size` samples lie among `from`. The step is added up in float64, as Pillow does: where a middle falls exactly between
 * two samples, the rounding of the sum decides.
 */
function nearestPlaces(from: number, size: number, count: number): Int32Array {
  const step = from / size
  const places = new Int32Array(count)
  let at = step * 0.5
  for (let i = 0; i < count; i++, at += step) places[i] = Math.min(from - 1, Math.floor(at))
  return places
}

function reverseRows(data: Uint8Array, stride: number): Uint8Array {
  const out = new Uint8Array(data.length)
  for (let from = 0; from < data.length; from += stride) out.set(data.subarray(from, from + stride), data.length - stride - from)
  return out
}

/** Lays the image on a canvas of one grey. */
function placeImage(image: Image, size: readonly [number, number], offset: readonly [number, number], padValue: number): Image {
  const [height, width] = size
  if (image.width === width && image.height === height) return image
  const out = createImage(width, height, image.channels, new Uint8Array(width * height * image.channels).fill(padValue), image.source)
  const row = image.width * image.channels
  for (let y = 0; y < image.height; y++) {
    out.data.set(image.data.subarray(y * row, (y + 1) * row), ((offset[0] + y) * width + offset[1]) * image.channels)
  }
  return out
}
