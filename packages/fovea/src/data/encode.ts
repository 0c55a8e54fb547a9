// Pictures out: SVG and pixels to PNG, on disk or in memory.

import sharp from 'sharp'
import { FoveaError } from '../util/errors.ts'
import { createImage, type Image, verifyImage } from '../vision/image.ts'
import { writeFileAtomically } from './files.ts'

/** The bytes of a PNG file. @throws IMAGE_INVALID where the image is not well formed */
export async function encodePng(image: Image): Promise<Uint8Array> {
  const { width, height, channels, data } = verifyImage(image)
  return new Uint8Array(await sharp(data, { raw: { width, height, channels } }).png({ compressionLevel: 6 }).toBuffer())
}

/** The bytes of a JPEG file; `quality` 1 to 100, default 90, colour at full resolution. Alpha is dropped. @throws as `encodePng` */
export async function encodeJpeg(image: Image, quality = 90): Promise<Uint8Array> {
  const { width, height, channels, data } = verifyImage(image)
  const pipeline = sharp(data, { raw: { width, height, channels } }).jpeg({ quality, chromaSubsampling: '4:4:4' })
  return new Uint8Array(await pipeline.toBuffer())
}

/**
 * An SVG drawn at its stated size, times `scale`. Text should be paths (`vision/drawing/text.ts`): a machine may have no font. What is `<text>` is
 * drawn by the fonts of the machine.
 * @throws DRAWING_INVALID where it is no SVG
 */
export async function renderSvg(svg: string, { scale = 1 }: { readonly scale?: number } = {}): Promise<Image> {
  try {
    const { data, info } = await sharp(Buffer.from(svg), { density: 72 * scale, limitInputPixels: 2 ** 28 })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    return createImage(info.width, info.height, 4, new Uint8Array(data))
  } catch (error) {
    throw new FoveaError('DRAWING_INVALID', {
      expected: 'a well-formed SVG',
      found: error instanceof Error ? error.message : String(error),
      cause: error,
    })
  }
}

/** The bytes of a PNG file of an SVG or of pixels. */
export async function renderPng(picture: string | Image, options: { readonly scale?: number } = {}): Promise<Uint8Array> {
  return encodePng(typeof picture === 'string' ? await renderSvg(picture, options) : picture)
}

/** Writes a PNG file of an SVG or of pixels: under a temporary name, then renamed. @throws what `writeFileAtomically` throws */
export async function writePng(file: string, picture: string | Image, options: { readonly scale?: number } = {}): Promise<void> {
  await writeFileAtomically(file, [await renderPng(picture, options)])
}

/** An image with an SVG laid over it; the SVG's top left corner is the image's. @throws as `encodePng` */
export async function drawOver(image: Image, svg: string): Promise<Image> {
  const { width, height, channels, data } = verifyImage(image)
  const { data: out, info } = await sharp(data, { raw: { width, height, channels } })
    .composite([{ input: Buffer.from(svg), top: 0, left: 0 }])
    .removeAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return createImage(info.width, info.height, 3, new Uint8Array(out), image.source)
}

/** A picture as a `data:` URL of a PNG, for embedding in SVG and HTML. */
export async function imageDataUrl(image: Image): Promise<string> {
  return `data:image/png;base64,${Buffer.from(await encodePng(image)).toString('base64')}`
}
