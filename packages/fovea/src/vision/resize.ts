// Resizing in plain TypeScript: the same bytes on every machine, in Node and in a browser.

import { createImage, cropImage, type Image, toGray, toRgb, verifyImage } from './image.ts'
import type { Interpolation, Preprocessing } from './preprocessing.ts'

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
 * @throws IMAGE_INVALID where the image is not well formed
 */
export function preprocessImage(image: Image, preprocessing: Preprocessing): Image {
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
  const stretched =
    kernel === undefined
      ? copyRows(source, window, channels, mirrorX)
      : channels === 3
        ? resizeRowsRgb(source, kernel, mirrorX)
        : resizeRows(source, kernel, channels, mirrorX)
  const stride = window.width * channels
  const data = columns === undefined ? stretched : resizeColumns(stretched, first, stride, columns)
  return createImage(window.width, window.height, channels, mirrorY ? reverseRows(data, stride) : data, image.source)
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
  const at = (i: number, size: number, from: number) => Math.min(from - 1, Math.floor(((i + 0.5) * from) / size))
  const columns = Int32Array.from({ length: window.width }, (_, x) => {
    const column = window.left + (mirrorX ? window.width - 1 - x : x)
    return (region.left + at(column, width, region.width)) * channels
  })
  let to = 0
  for (let y = 0; y < window.height; y++) {
    const row = region.top + at(window.top + (mirrorY ? window.height - 1 - y : y), height, region.height)
    const start = row * image.width * channels
    for (const column of columns) for (let c = 0; c < channels; c++) out.data[to++] = data[start + column + c]!
  }
  return out
}

/** For each output position of a window: the first input sample, how many, and their weights scaled by 2^22. */
interface Resampler {
  readonly taps: number
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
}

const precision = 22
/** Rounds when the digits behind the point are cut off. */
const half = 1 << (precision - 1)

const kernels: Record<Exclude<Interpolation, 'nearest'>, { support: number; weight: (x: number) => number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Keys 1981 with a = -0.5
  bicubic: {
    support: 2,
    weight: (x) => {
      const t = Math.abs(x)
      if (t < 1) return (1.5 * t - 2.5) * t * t + 1
      return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
    },
  },
  lanczos3: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}

function resampler(
  inSize: number,
  outSize: number,
  interpolation: Exclude<Interpolation, 'nearest'>,
  begin: number,
  length: number,
): Resampler {
  const kernel = kernels[interpolation]
  const scale = inSize / outSize
  const stretch = Math.max(scale, 1)
  const support = kernel.support * stretch
  const taps = Math.ceil(support) * 2 + 1
  const first = new Int32Array(length)
  const count = new Int32Array(length)
  const weights = new Int32Array(length * taps)
  const row = new Float64Array(taps)
  for (let i = 0; i < length; i++) {
    const center = (begin + i + 0.5) * scale
    const low = Math.max(0, Math.trunc(center - support + 0.5))
    const high = Math.min(inSize, Math.trunc(center + support + 0.5))
    let sum = 0
    for (let k = 0; k < high - low; k++) {
      row[k] = kernel.weight((k + low - center + 0.5) * (1 / stretch))
      sum += row[k]!
    }
    first[i] = low
    count[i] = high - low
    for (let k = 0; k < high - low; k++) {
      const weight = (sum === 0 ? row[k]! : row[k]! / sum) * (1 << precision)
      weights[i * taps + k] = Math.trunc(weight + (weight < 0 ? -0.5 : 0.5))
    }
  }
  return { taps, first, count, weights }
}

/** Rows of a picture that lie `row` bytes apart, from byte `start` on. */
interface Rows {
  readonly data: Uint8Array
  readonly start: number
  readonly row: number
  readonly rows: number
}

function copyRows({ data, start, row, rows }: Rows, { left, width }: Region, channels: number, mirror: boolean): Uint8Array {
  const stride = width * channels
  const out = new Uint8Array(rows * stride)
  for (let y = 0; y < rows; y++) {
    const from = start + y * row + left * channels
    if (!mirror) out.set(data.subarray(from, from + stride), y * stride)
    else
      for (let x = 0, to = (y + 1) * stride - channels, at = from; x < width; x++, to -= channels, at += channels)
        for (let c = 0; c < channels; c++) out[to + c] = data[at + c]!
  }
  return out
}

function resizeRows(
  { data, start, row, rows }: Rows,
  { taps, first, count, weights }: Resampler,
  channels: number,
  mirror: boolean,
): Uint8Array {
  const width = first.length
  const out = new Uint8Array(rows * width * channels)
  const step = mirror ? -channels : channels
  for (let y = 0; y < rows; y++) {
    let to = (y * width + (mirror ? width - 1 : 0)) * channels
    for (let x = 0; x < width; x++, to += step) {
      const from = start + y * row + first[x]! * channels
      const terms = count[x]!
      const w = x * taps
      for (let c = 0; c < channels; c++) {
        let sum = half
        for (let k = 0, at = from + c; k < terms; k++, at += channels) sum = (sum + Math.imul(data[at]!, weights[w + k]!)) | 0
        out[to + c] = clip(sum >> precision)
      }
    }
  }
  return out
}

/** As `resizeRows`, the three sums side by side: about twice as fast. */
function resizeRowsRgb({ data, start, row, rows }: Rows, { taps, first, count, weights }: Resampler, mirror: boolean): Uint8Array {
  const width = first.length
  const out = new Uint8Array(rows * width * 3)
  const step = mirror ? -3 : 3
  for (let y = 0; y < rows; y++) {
    let to = (y * width + (mirror ? width - 1 : 0)) * 3
    const line = start + y * row
    for (let x = 0; x < width; x++, to += step) {
      let at = line + first[x]! * 3
      const begin = x * taps
      const end = begin + count[x]!
      let red = half
      let green = half
      let blue = half
      let k = begin
      for (; k + 1 < end; k += 2, at += 6) {
        const [one, two] = [weights[k]!, weights[k + 1]!]
        red = (red + Math.imul(data[at]!, one) + Math.imul(data[at + 3]!, two)) | 0
        green = (green + Math.imul(data[at + 1]!, one) + Math.imul(data[at + 4]!, two)) | 0
        blue = (blue + Math.imul(data[at + 2]!, one) + Math.imul(data[at + 5]!, two)) | 0
      }
      if (k < end) {
        const weight = weights[k]!
        red = (red + Math.imul(data[at]!, weight)) | 0
        green = (green + Math.imul(data[at + 1]!, weight)) | 0
        blue = (blue + Math.imul(data[at + 2]!, weight)) | 0
      }
      out[to] = clip(red >> precision)
      out[to + 1] = clip(green >> precision)
      out[to + 2] = clip(blue >> precision)
    }
  }
  return out
}

/** `offset`: the number of the first row in `from`. */
function resizeColumns(from: Uint8Array, offset: number, stride: number, { taps, first, count, weights }: Resampler): Uint8Array {
  const height = first.length
  const out = new Uint8Array(height * stride)
  const sums = new Int32Array(stride)
  for (let y = 0; y < height; y++) {
    const rows = count[y]!
    const w = y * taps
    const start = (first[y]! - offset) * stride
    const to = y * stride
    if (rows <= 2) blend2(from, start, stride, rows, weights, w, out, to)
    else if (rows <= 4) blend4(from, start, stride, rows, weights, w, out, to)
    else {
      sums.fill(half)
      for (let k = 0; k < rows; k++) {
        const weight = weights[w + k]!
        const row = start + k * stride
        for (let i = 0; i < stride; i++) sums[i] = (sums[i]! + Math.imul(from[row + i]!, weight)) | 0
      }
      for (let i = 0; i < stride; i++) out[to + i] = clip(sums[i]! >> precision)
    }
  }
  return out
}

// Few rows need no sums in memory: a third of the time.

function blend2(
  from: Uint8Array,
  start: number,
  stride: number,
  rows: number,
  weights: Int32Array,
  w: number,
  out: Uint8Array,
  to: number,
): void {
  const a = weights[w]!
  const b = rows > 1 ? weights[w + 1]! : 0
  const next = rows > 1 ? stride : 0
  for (let i = 0, at = start; i < stride; i++, at++)
    out[to + i] = clip((half + Math.imul(from[at]!, a) + Math.imul(from[at + next]!, b)) >> precision)
}

function blend4(
  from: Uint8Array,
  start: number,
  stride: number,
  rows: number,
  weights: Int32Array,
  w: number,
  out: Uint8Array,
  to: number,
): void {
  const [a, b, c] = [weights[w]!, weights[w + 1]!, weights[w + 2]!]
  const d = rows > 3 ? weights[w + 3]! : 0
  const last = rows > 3 ? 3 * stride : 0
  for (let i = 0, at = start; i < stride; i++, at++) {
    const upper = (half + Math.imul(from[at]!, a) + Math.imul(from[at + stride]!, b)) | 0
    const lower = (Math.imul(from[at + 2 * stride]!, c) + Math.imul(from[at + last]!, d)) | 0
    out[to + i] = clip((upper + lower) >> precision)
  }
}

function reverseRows(data: Uint8Array, stride: number): Uint8Array {
  const out = new Uint8Array(data.length)
  for (let from = 0; from < data.length; from += stride) out.set(data.subarray(from, from + stride), data.length - stride - from)
  return out
}

function clip(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value
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
