// The usual JPEGs of data sets, decoded for training: libjpeg-turbo at once, where its bindings are installed, in a third of the time that a
// pipeline of libvips takes. Whatever is unusual about a file is left to the decoder that knows all of it.

import { createImage, type Image } from '../vision/image.ts'
import { finestStep, jpegFrame, jpegOrientation } from './image-format.ts'
import { defaultMaxPixels } from './limits.ts'

type Turbo = typeof import('@julusian/jpeg-turbo')

let turbo: Promise<Turbo | undefined> | undefined

/** Undefined where the bindings are not installed, or not for this platform. */
function loadTurbo(): Promise<Turbo | undefined> {
  turbo ??= import('@julusian/jpeg-turbo').then(
    (module) => ((module as { default?: unknown }).default ?? module) as Turbo,
    () => undefined,
  )
  return turbo
}

/** Whether `decodeFastJpeg` can decode anything here. */
export async function hasFastJpeg(): Promise<boolean> {
  return (await loadTurbo()) !== undefined
}

/** Memory for pixels that is used again: fresh memory costs as much as decoding into it. */
export class Scratch {
  #bytes = new Uint8Array(0)

  /** `length` bytes, whose content is lost at the next call. Beyond 64 MiB they are fresh ones, so that one large picture is not paid for ever. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > 2 ** 26) return new Uint8Array(length)
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length)
    return this.#bytes.subarray(0, length)
  }

  /** Whether an image lies in this memory. */
  holds({ data }: Image): boolean {
    return data.buffer === this.#bytes.buffer
  }
}

export interface FastJpegOptions {
  readonly name?: string
  readonly maxPixels?: number | undefined
  /** Where the pixels go, and then decoding blocks the thread: for workers. Without it they have their own memory, and the thread stays free. */
  readonly scratch?: Scratch | undefined
}

/** The mean step of quantization below which the faster transform is too coarse: that of libjpeg's quality 96 is 4.6, of 95 5.8. */
const leastStep = 5

/**
 * A JPEG of 8 bits, grey or of three components, as it stands, as RGB. Values differ from those of `decodeImage`, by 1 to 2 of 255 in the mean and
 * 10 at most, since a faster transform is used (libjpeg's IFAST). Undefined, and so to be decoded by `decodeImage`, which also tells what
 * is wrong: anything else, qualities above 95, pictures that EXIF turns, too many pixels, files with any fault, and where the bindings are
 * not installed.
 */
export async function decodeFastJpeg(bytes: Uint8Array, options: FastJpegOptions = {}): Promise<Image | undefined> {
  const { name, maxPixels = defaultMaxPixels, scratch } = options
  const frame = bytes[0] === 0xff && bytes[1] === 0xd8 ? jpegFrame(bytes) : undefined
  if (frame === undefined) return undefined
  const { width, height, components, precision, process } = frame
  if ((components !== 1 && components !== 3) || precision !== 8 || process > 2) return undefined
  if (width === 0 || height === 0 || width * height > maxPixels || jpegOrientation(bytes) !== 1) return undefined
  if (!(finestStep(bytes) >= leastStep)) return undefined
  const library = await loadTurbo()
  if (library === undefined) return undefined
  const data = scratch?.take(width * height * 3) ?? new Uint8Array(width * height * 3)
  const [from, into] = [asBuffer(bytes), asBuffer(data)]
  try {
    const options = { format: library.FORMAT_RGB }
    const found = scratch === undefined ? await library.decompress(from, into, options) : library.decompressSync(from, into, options)
    // Where the two readers of the header do not agree, neither is to be believed.
    if (found.width !== width || found.height !== height) return undefined
  } catch {
    return undefined
  }
  return createImage(width, height, 3, data, name)
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
