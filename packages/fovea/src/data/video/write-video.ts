// A video from images, encoded as they come.

import type { Writable } from 'node:stream'
import { FoveaError } from '../../util/errors.ts'
import { type Image, toRgb, verifyImage } from '../../vision/image.ts'
import {
  checkOutput,
  checkWorkOptions,
  containerArguments,
  type EncodeOptions,
  encodeArguments,
  encodeNames,
  optionError,
} from './encode-options.ts'
import { runFfmpeg, type VideoWorkOptions } from './run-ffmpeg.ts'

export interface WriteVideoOptions extends EncodeOptions, VideoWorkOptions {
  /** @default 25 */
  readonly fps?: number
}

/** What is encoded: images, or what carries one, as the frames of a source do. */
export type VideoFrames = AsyncIterable<Image | { readonly image: Image }> | Iterable<Image | { readonly image: Image }>

/**
 * Encodes images of one size to a video; the ending of `output` tells the container. An image is asked for when the encoder has taken
 * the one before. The file appears when it is whole.
 *
 * @returns how many frames were written
 * @throws FoveaError VIDEO_OPTION (also for no images), IMAGE_INVALID for images of another size, FFMPEG_MISSING, FFMPEG_FAILED,
 * FILE_WRITE, CANCELLED, and what the images throw
 */
export async function writeVideo(frames: VideoFrames, output: string, options: WriteVideoOptions = {}): Promise<number> {
  checkWorkOptions(options, [...encodeNames, 'fps'])
  checkOutput(output)
  const { fps = 25, onProgress, signal } = options
  if (!(fps > 0 && fps <= 1000)) throw optionError('fps', 'a number from 0 to 1000', fps)
  const encoding = encodeArguments(options, [])
  if (!isIterable(frames)) throw optionError('frames', 'images to iterate', frames === null ? 'null' : typeof frames)
  const images = imagesOf(frames)
  try {
    const first = await images.next()
    if (first.done) throw optionError('frames', 'at least one image', 'none')
    const { width, height } = first.value
    let count = 0
    const feed = async (stdin: Writable) => {
      for (let next: IteratorResult<Image, void> = first; !next.done; next = await images.next()) {
        const image = next.value
        if (image.width !== width || image.height !== height)
          throw new FoveaError('IMAGE_INVALID', {
            file: image.source,
            expected: `${width}x${height}, as the first frame`,
            found: `${image.width}x${image.height}`,
          })
        if (!(await write(stdin, toRgb(image).data))) return
        count++
      }
    }
    const input = [
      '-f',
      'rawvideo',
      '-pixel_format',
      'rgb24',
      '-video_size',
      `${width}x${height}`,
      '-framerate',
      String(fps),
      '-i',
      'pipe:0',
    ]
    await runFfmpeg({
      args: () => [...input, ...encoding, ...containerArguments(output)],
      output,
      input: output,
      feed,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    })
    return count
  } finally {
    const closed = images.return().catch(() => undefined)
    // An image that never comes does not hold up who cancels.
    if (!signal?.aborted) await closed
  }
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}

/** @throws FoveaError IMAGE_INVALID */
async function* imagesOf(frames: VideoFrames): AsyncGenerator<Image, void> {
  for await (const frame of frames) yield verifyImage(typeof frame === 'object' && frame !== null && 'image' in frame ? frame.image : frame)
}

/** False where the encoder takes no more: its exit tells why. */
function write(stdin: Writable, data: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (stdin.destroyed) resolve(false)
    else stdin.write(data, (error) => resolve(error == null))
  })
}
