// Pictures of a batch put together: of one size, padded to the greatest, or left as a list.

import { FoveaError } from '../util/errors.ts'
import type { Image } from '../vision/image.ts'

/** How pictures become a batch. */
export type Collate = 'stack' | 'pad' | 'list'

export interface Padding {
  /** What fills the border below and to the right, 0 to 255. */
  readonly value: number
  /** Height and width of the batch are multiples of it. */
  readonly multiple: number
}

export interface Stacked {
  /** uint8 NHWC, one picture after another. */
  readonly images: Uint8Array<ArrayBuffer>
  /** [count, height, width, channels] of `images`. */
  readonly shape: readonly [count: number, height: number, width: number, channels: number]
}

/** Pictures of one size. @throws DATA_OPTION_INVALID where they are not */
export function stackImages(images: readonly Image[]): Stacked {
  const [first] = images
  const odd = images.find(({ width, height }) => width !== first!.width || height !== first!.height)
  if (odd !== undefined)
    throw new FoveaError('DATA_OPTION_INVALID', {
      field: 'collate',
      expected: `pictures of one size, ${first!.width}x${first!.height}`,
      found: `${odd.width}x${odd.height}`,
      file: odd.source,
      remedy:
        "Let the transform end with a size (transforms.resize, letterbox, randomResizedCrop), give preprocessing, or collate 'pad' or 'list'.",
    })
  return padImages(images, { value: 0, multiple: 1 })
}

/** Pictures at the top left of canvases as large as the greatest of them. */
export function padImages(images: readonly Image[], { value, multiple }: Padding): Stacked {
  const most = (side: 'width' | 'height') => Math.ceil(Math.max(0, ...images.map((image) => image[side])) / multiple) * multiple
  const [height, width, channels] = [most('height'), most('width'), images[0]?.channels ?? 3]
  const size = height * width * channels
  const out = new Uint8Array(images.length * size)
  images.forEach((image, i) => {
    if (image.width === width) {
      out.set(image.data, i * size)
      out.fill(value, i * size + image.data.length, (i + 1) * size)
      return
    }
    out.fill(value, i * size, (i + 1) * size)
    const row = image.width * channels
    for (let y = 0; y < image.height; y++) out.set(image.data.subarray(y * row, (y + 1) * row), i * size + y * width * channels)
  })
  return { images: out, shape: [images.length, height, width, channels] }
}
