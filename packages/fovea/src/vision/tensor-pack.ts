// Pictures packed into the numbers that a model's input takes.

import { FoveaError } from '../util/errors.ts'
import { type Image, verifyImage } from './image.ts'
import { channelsOf, type Preprocessing, pixelAffine } from './preprocessing.ts'

/**
 * A batch of pictures of one size as uint8 NHWC, the input of a model whose graph does the scaling.
 * @throws IMAGE_INVALID where there is none, one is not well formed, or their sizes differ
 */
export function packBytes(images: readonly Image[]): { data: Uint8Array; shape: [number, number, number, number] } {
  const { width, height, channels } = sameSize(images)
  const size = width * height * channels
  const data = new Uint8Array(images.length * size)
  images.forEach((image, i) => {
    data.set(image.data, i * size)
  })
  return { data, shape: [images.length, height, width, channels] }
}

/**
 * A batch as float32 in the contract's layout and scale, the input of a model whose graph expects that of its caller.
 * @throws IMAGE_INVALID as `packBytes`, and for channels that are not the contract's
 */
export function packFloats(
  images: readonly Image[],
  preprocessing: Preprocessing,
): { data: Float32Array; shape: [number, number, number, number] } {
  const { width, height, channels } = sameSize(images)
  if (channels !== channelsOf(preprocessing)) {
    throw new FoveaError('IMAGE_INVALID', { expected: `${channelsOf(preprocessing)} channels`, found: String(channels) })
  }
  const { factor, offset } = pixelAffine(preprocessing)
  const plane = width * height
  const data = new Float32Array(images.length * plane * channels)
  const planar = preprocessing.layout === 'nchw'
  images.forEach((image, n) => {
    const base = n * plane * channels
    for (let c = 0; c < channels; c++) {
      const scale = factor[c]!
      const shift = offset[c]!
      const start = planar ? base + c * plane : base + c
      const step = planar ? 1 : channels
      for (let i = 0, from = c, to = start; i < plane; i++, from += channels, to += step) data[to] = image.data[from]! * scale + shift
    }
  })
  return { data, shape: planar ? [images.length, channels, height, width] : [images.length, height, width, channels] }
}

function sameSize(images: readonly Image[]): Image {
  const first = images[0]
  if (first === undefined) throw new FoveaError('IMAGE_INVALID', { expected: 'at least one image', found: 'none' })
  for (const image of images) {
    verifyImage(image)
    if (image.width !== first.width || image.height !== first.height || image.channels !== first.channels) {
      const expected = `${first.width}x${first.height}x${first.channels}, as the first of the batch`
      throw new FoveaError('IMAGE_INVALID', { expected, found: `${image.width}x${image.height}x${image.channels}`, file: image.source })
    }
  }
  return first
}
