// A DICOM file as a picture to be looked at: 8-bit RGB, through its window.

import { createImage, type Image } from '../../vision/image.ts'
import { noSuchPage, tooManyPixels } from '../limits.ts'
import { rgbOfPalette, rgbOfYbr, scaleTo8Bit } from './color.ts'
import { type Attributes, parseDicom } from './data-set.ts'
import { type FrameValues, frameReader } from './frame-values.ts'
import { readPalette } from './palette.ts'
import { type PixelModule, readPixelModule } from './pixel-module.ts'
import { grayOfValues, readGrayRules, type WindowChoice } from './window.ts'

/**
 * Decodes one frame: grey through rescale and window, MONOCHROME1 inverted, palettes looked up, YBR converted, more bits scaled to 8.
 * @param page the frame, from 0
 * @throws what `readDicom` throws, and DATA_OPTION_INVALID for a window that cannot be
 */
export async function decodeDicom(
  bytes: Uint8Array,
  options: {
    readonly maxPixels: number
    readonly page: number
    readonly window: WindowChoice | undefined
    readonly name: string | undefined
  },
): Promise<Image> {
  const { maxPixels, page, window, name } = options
  const dicom = parseDicom(bytes, name)
  const module = readPixelModule(dicom, name)
  const { rows, columns, frames } = module
  if (page >= frames) throw noSuchPage(page, frames, name)
  if (rows * columns > maxPixels) throw tooManyPixels(maxPixels, `${columns}x${rows}`, name)
  const frame = await frameReader(dicom, module, name)(page)
  return createImage(columns, rows, 3, rgbOf(frame, module, dicom.attributes, page, window), name)
}

function rgbOf(
  frame: FrameValues,
  module: PixelModule,
  attributes: Attributes,
  page: number,
  window: WindowChoice | undefined,
): Uint8Array {
  const { values, ybr } = frame
  if (module.samplesPerPixel === 3) {
    return scaleTo8Bit(ybr ? rgbOfYbr(values, module.bitsStored) : values, module.bitsStored)
  }
  if (module.photometricInterpretation === 'PALETTE COLOR') return rgbOfPalette(values, readPalette(attributes, module.signed))
  const gray = grayOfValues(values, module, readGrayRules(attributes, module, page), window)
  const out = new Uint8Array(gray.length * 3)
  for (let i = 0; i < gray.length; i++) out.fill(gray[i]!, 3 * i, 3 * i + 3)
  return out
}
