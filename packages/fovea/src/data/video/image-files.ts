// Pictures of a folder or list as frames, in order.

import sharp from 'sharp'
import type { Image } from '../../vision/image.ts'
import { createImage } from '../../vision/image.ts'
import { loadImage } from '../decode.ts'
import type { Connection, FrameReader, FrameSize, RawFrame } from './frame.ts'

export class ImageListReader implements FrameReader {
  readonly live = false
  readonly samples = true
  readonly #paths: readonly string[]
  readonly #fps: number
  readonly #size: FrameSize | undefined

  constructor(paths: readonly string[], { fps = 1, size }: { readonly fps?: number; readonly size?: FrameSize } = {}) {
    this.#paths = paths
    this.#fps = fps
    this.#size = size
  }

  async *connect({ signal }: Connection): AsyncGenerator<RawFrame> {
    for (const [i, path] of this.#paths.entries()) {
      if (signal.aborted) return
      yield { time: i / this.#fps, image: async () => resized(await loadImage(path), this.#size) }
    }
  }
}

/** The image in another size, scaled off this thread; with one side given, the other follows. */
export async function resized(image: Image, size: FrameSize | undefined): Promise<Image> {
  if (size === undefined) return image
  const { width, height, channels, data, source } = image
  const { data: out, info } = await sharp(data, { raw: { width, height, channels } })
    .resize({ ...size, ...(size.width && size.height ? { fit: 'fill' as const } : {}) })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return createImage(info.width, info.height, channels, new Uint8Array(out.buffer as ArrayBuffer, out.byteOffset, out.length), source)
}
