// One picture, ready to be augmented: from the caches, or read, decoded and fitted to what the model takes.

import { chainGeometry, type Geometry, geometryOf, type PictureSize } from '../vision/geometry/geometry.ts'
import { scaling, translation } from '../vision/geometry/matrix.ts'
import { type Image, toRgb, verifyImage } from '../vision/image.ts'
import type { Preprocessing } from '../vision/preprocessing.ts'
import { planResize, preprocessImage } from '../vision/resize.ts'
import { decodeImage } from './decode.ts'
import { shrinkFactor } from './decode-sharp.ts'
import { DiskCache, type DiskCacheOptions } from './disk-cache.ts'
import { decodeFastJpeg, hasFastJpeg, type Scratch } from './fast-jpeg.ts'
import { jpegFrame } from './image-format.ts'
import { type CacheMemory, PictureCache } from './picture-cache.ts'
import { readFileBytes } from './source.ts'

export interface ReadPlan {
  /** To what pictures are fitted, its size being that at which they are cached and augmented; undefined leaves them as they are, in RGB. */
  readonly fit: Preprocessing | undefined
  /** The size that a JPEG must still have where it is decoded at a fraction of its own; undefined decodes exactly. */
  readonly shrinkFor: readonly [height: number, width: number] | undefined
  /** Whether usual JPEGs may be decoded by `decodeFastJpeg`, which is not exact. */
  readonly fastJpeg: boolean
  readonly maxPixels: number | undefined
  readonly memory: CacheMemory
  readonly disk: DiskCacheOptions | undefined
}

export interface PictureSource {
  readonly index: number
  readonly path: string
  /** A picture that is in memory already. */
  readonly image?: Image | undefined
}

/** As caches hold it; `full` is the size of the upright picture before it was reduced and fitted. */
export interface DecodedPicture {
  readonly image: Image
  readonly full: PictureSize
}

export interface ReadyPicture extends DecodedPicture {
  /** From the upright picture to this one; undefined where nothing has moved. */
  readonly geometry: Geometry | undefined
}

export class PictureReader {
  readonly #plan: ReadPlan
  readonly #memory: PictureCache
  #opened: Promise<DiskCache> | undefined

  constructor(plan: ReadPlan) {
    this.#plan = plan
    this.#memory = new PictureCache(plan.memory)
  }

  /** What decoding depends on tells entries apart: with the bindings of libjpeg-turbo, pixels differ from those without. */
  #disk(): Promise<DiskCache> | undefined {
    const { disk, fit, shrinkFor, fastJpeg } = this.#plan
    if (disk === undefined) return undefined
    this.#opened ??= hasFastJpeg().then((has) => new DiskCache(disk, JSON.stringify([fit, shrinkFor, fastJpeg && has])))
    return this.#opened
  }

  /**
   * The bytes of the image may be the cache's own, or lie in `scratch`: they are to be read only, before that is used again.
   * @throws what `decodeImage` throws, IMAGE_INVALID
   */
  async read(source: PictureSource, scratch?: Scratch): Promise<ReadyPicture> {
    const picture = this.#memory.get(source.index, source.path) ?? (await this.#load(source, scratch))
    return { ...picture, geometry: this.#geometry(picture) }
  }

  async #load(source: PictureSource, scratch: Scratch | undefined): Promise<DecodedPicture> {
    const { index, path, image } = source
    if (image !== undefined) return this.#keep(index, this.#fit(verifyImage(image), image))
    const disk = await this.#disk()
    const key = await disk?.key(path)
    const cached = key === undefined ? undefined : await disk!.get(key, path, scratch)
    if (cached !== undefined) return this.#keep(index, cached)
    const picture = await this.#decode(await readFileBytes(path), path, scratch)
    if (key !== undefined) await disk!.put(key, picture)
    return this.#keep(index, picture)
  }

  async #decode(bytes: Uint8Array, name: string, scratch: Scratch | undefined): Promise<DecodedPicture> {
    const { shrinkFor, maxPixels } = this.#plan
    const fast = this.#isFast(bytes) ? await decodeFastJpeg(bytes, { name, maxPixels, scratch }) : undefined
    if (fast !== undefined) return this.#fit(fast, fast)
    const decoded = await decodeImage(bytes, {
      name,
      ...(shrinkFor === undefined ? {} : { shrinkFor }),
      ...(maxPixels === undefined ? {} : { maxPixels }),
    })
    return this.#fit(decoded, shrinkFor === undefined ? decoded : fullSize(bytes, decoded))
  }

  /** A picture that a cache keeps as it is decoded is better kept at a fraction of its size, where that is allowed. */
  #isFast(bytes: Uint8Array): boolean {
    const { fastJpeg, fit, shrinkFor, memory, disk } = this.#plan
    if (!fastJpeg || fit !== undefined || shrinkFor === undefined) return fastJpeg
    if (memory.pixels.byteLength === 0 && disk === undefined) return true
    const frame = jpegFrame(bytes)
    return frame === undefined || shrinkFactor(frame, shrinkFor) === 1
  }

  #keep(index: number, picture: DecodedPicture): DecodedPicture {
    this.#memory.put(index, picture)
    return picture
  }

  #fit(image: Image, { width, height }: PictureSize): DecodedPicture {
    const { fit } = this.#plan
    return { image: fit === undefined ? toRgb(image) : preprocessImage(image, fit), full: { width, height } }
  }

  #geometry({ image, full }: DecodedPicture): Geometry | undefined {
    const { fit } = this.#plan
    if (fit !== undefined) return fitGeometry(full, fit)
    return image.width === full.width && image.height === full.height ? undefined : stretch(full, image)
  }
}

/** What `preprocessImage` does to positions. */
export function fitGeometry(from: PictureSize, preprocessing: Preprocessing): Geometry {
  const { size, scaled, offset } = planResize(from.width, from.height, preprocessing)
  const placed = geometryOf(sizeOf(scaled), sizeOf(size), translation(offset[1], offset[0]))
  return chainGeometry(stretch(from, sizeOf(scaled)), placed)
}

/** A picture stretched to another size. */
export function stretch(from: PictureSize, to: PictureSize): Geometry {
  return geometryOf(from, to, scaling(to.width / from.width, to.height / from.height))
}

function sizeOf([height, width]: readonly [number, number]): PictureSize {
  return { width, height }
}

/** The size of a JPEG before it was decoded at a fraction of it: turned where EXIF turned the picture. */
function fullSize(bytes: Uint8Array, { width, height }: PictureSize): PictureSize {
  const frame = jpegFrame(bytes)
  if (frame === undefined || bytes[0] !== 0xff) return { width, height }
  const reduces = (full: PictureSize) =>
    [1, 2, 4, 8].some((factor) => Math.ceil(full.width / factor) === width && Math.ceil(full.height / factor) === height)
  const turned = { width: frame.height, height: frame.width }
  return !reduces(frame) && reduces(turned) ? turned : { width: frame.width, height: frame.height }
}
