// A map of many pictures with thumbnails, rendered.

import { drawPointMap, layOut, type PointMap, placeThumbnails, type Thumbnail, thumbnailSide } from '../vision/drawing/plots/point-map.ts'
import { type Image, toRgb } from '../vision/image.ts'
import { resizeImage } from '../vision/resize.ts'
import { imageDataUrl, renderSvg } from './encode.ts'
import { loadFont } from './font.ts'

/** Pixels of the rendered map for one of the drawing: sharp on dense screens. */
const renderScale = 2

/**
 * Renders a map at twice its drawn size.
 *
 * @param load gives the picture of a point for its thumbnail; undefined leaves it a point. Asked for a few points only
 * @throws FoveaError DRAWING_INVALID where points are not finite
 */
export async function renderPointMap(map: PointMap, load: (point: number) => Promise<Image | undefined>): Promise<Image> {
  const thumbnails: Thumbnail[] = []
  for (const place of placeThumbnails(layOut(map.points))) {
    const image = await load(place.point)
    if (image === undefined) continue
    const scale = (renderScale * thumbnailSide) / Math.max(image.width, image.height)
    const side = (length: number) => Math.max(1, Math.round(length * scale))
    const small = resizeImage(toRgb(image), side(image.height), side(image.width), 'lanczos3')
    thumbnails.push({ ...place, href: await imageDataUrl(small), aspect: image.width / image.height })
  }
  return toRgb(await renderSvg(drawPointMap(map, await loadFont(), thumbnails), { scale: renderScale }))
}
