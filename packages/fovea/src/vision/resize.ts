// Resizing in plain TypeScript: the same bytes on every machine, in Node and in a browser.

import { createImage, cropImage, type Image, toGray, toRgb } from './image.ts'
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

/** The picture as the model's contract wants it: colour, size, crop or padding; uint8 HWC. Scaling of values is left to the graph. */
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
 */
export function resizeImage(image: Image, height: number, width: number, interpolation: Interpolation = 'bilinear'): Image {
  if (width === image.width && height === image.height) return image
  if (interpolation === 'nearest') return resizeNearest(image, height, width)
  const { channels } = image
  let current = image.data
  if (width !== image.width)
    current = resizeRows(current, image.height, image.width, width, channels, resampler(image.width, width, interpolation))
  if (height !== image.height) current = resizeColumns(current, height, width * channels, resampler(image.height, height, interpolation))
  return createImage(width, height, channels, current, image.source)
}

function resizeNearest(image: Image, height: number, width: number): Image {
  const out = createImage(width, height, image.channels, undefined, image.source)
  const { channels } = image
  let to = 0
  for (let y = 0; y < height; y++) {
    const row = Math.min(image.height - 1, Math.floor(((y + 0.5) * image.height) / height)) * image.width
    for (let x = 0; x < width; x++) {
      const from = (row + Math.min(image.width - 1, Math.floor(((x + 0.5) * image.width) / width))) * channels
      for (let c = 0; c < channels; c++) out.data[to++] = image.data[from + c]!
    }
  }
  return out
}

/** For each output position: the first input sample, how many, and their weights scaled by 2^22. */
interface Resampler {
  readonly taps: number
  readonly first: Int32Array
  readonly count: Int32Array
  readonly weights: Int32Array
}

const precision = 22

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

function resampler(inSize: number, outSize: number, interpolation: Exclude<Interpolation, 'nearest'>): Resampler {
  const kernel = kernels[interpolation]
  const scale = inSize / outSize
  const stretch = Math.max(scale, 1)
  const support = kernel.support * stretch
  const taps = Math.ceil(support) * 2 + 1
  const first = new Int32Array(outSize)
  const count = new Int32Array(outSize)
  const weights = new Int32Array(outSize * taps)
  const row = new Float64Array(taps)
  for (let i = 0; i < outSize; i++) {
    const center = (i + 0.5) * scale
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

function resizeRows(
  from: Uint8Array,
  height: number,
  inWidth: number,
  outWidth: number,
  channels: number,
  { taps, first, count, weights }: Resampler,
): Uint8Array {
  const out = new Uint8Array(height * outWidth * channels)
  const half = 1 << (precision - 1)
  let to = 0
  for (let y = 0; y < height; y++) {
    const row = y * inWidth * channels
    for (let x = 0; x < outWidth; x++) {
      const start = row + first[x]! * channels
      const terms = count[x]!
      const w = x * taps
      for (let c = 0; c < channels; c++) {
        let sum = half
        for (let k = 0, at = start + c; k < terms; k++, at += channels) sum = (sum + Math.imul(from[at]!, weights[w + k]!)) | 0
        out[to++] = clip(sum >> precision)
      }
    }
  }
  return out
}

function resizeColumns(from: Uint8Array, outHeight: number, stride: number, kernel: Resampler): Uint8Array {
  const out = new Uint8Array(outHeight * stride)
  const half = 1 << (precision - 1)
  const sums = new Int32Array(stride)
  for (let y = 0; y < outHeight; y++) {
    sums.fill(half)
    for (let k = 0; k < kernel.count[y]!; k++) {
      const weight = kernel.weights[y * kernel.taps + k]!
      const row = (kernel.first[y]! + k) * stride
      for (let i = 0; i < stride; i++) sums[i] = sums[i]! + Math.imul(from[row + i]!, weight)
    }
    const to = y * stride
    for (let i = 0; i < stride; i++) out[to + i] = clip(sums[i]! >> precision)
  }
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
