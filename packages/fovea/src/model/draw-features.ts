// Features as pictures: heat maps, principal components, single channels, laid right over the picture that they are of.

import { drawSheet } from '../data/draw-prediction.ts'
import { FoveaError } from '../util/errors.ts'
import { overlayHeatmap } from '../vision/drawing/heatmap.ts'
import { labelLayout } from '../vision/drawing/label.ts'
import { activationOf, channelOf, componentsOf, type FeatureMap, featureMapOf, liveliestChannels } from '../vision/feature-map.ts'
import { createImage, type Image, toGray, toRgb, verifyImage } from '../vision/image.ts'
import { type Grid, overPicture, type Placement } from '../vision/placement.ts'
import { resizeImage } from '../vision/resize.ts'
import { levelSheet } from './draw-levels.ts'
import type { Features } from './extract-features.ts'

export interface DrawFeaturesOptions {
  /**
   * - `activation`: how strong each place is, as heat over the picture
   * - `components`: the first three principal components as colours: places of one colour have like features
   * - `channels`: single channels, those that differ most over the picture
   * - `levels`: for attention maps, which have one channel for each level: the picture and all levels on one scale, from the smallest
   *   value to the largest (which level counts more); below them the mean and each level on a scale of its own (where it looks). The
   *   values that the scales stand for are printed
   * - `sheet`: picture, activation, components and some channels side by side
   *
   * @default 'activation'; 'levels' for a layer whose name begins with attention
   */
  readonly kind?: 'activation' | 'components' | 'channels' | 'levels' | 'sheet'
  /** How many channels are drawn. @default 12 for `channels`, 5 for `sheet`, all for `levels` */
  readonly channels?: number
  /** Which picture of the batch. @default 0 */
  readonly index?: number
  /** Opacity where the heat is 1. @default 0.6 */
  readonly opacity?: number
}

/** The longest side of a panel of a sheet. */
const panelSide = 224
/** True where a layer has places to draw: neither an embedding nor a map of 1x1. */
export function isDrawable({ shape }: Pick<Features, 'shape'>): boolean {
  return shape.length === 3 || (shape.length === 4 && shape[2]! * shape[3]! > 1)
}

/** More channels than this are no levels. */
const maxLevels = 16

/**
 * Draws the features of one picture over it.
 *
 * @throws FoveaError DRAWING_INVALID where the layer is no map (an embedding) or has one place alone, or the picture is not the one of
 *   the features; IMAGE_INVALID
 */
export async function drawFeatures(image: Image, features: Features, options: DrawFeaturesOptions = {}): Promise<Image> {
  verifyImage(image)
  const { index = 0, opacity = 0.6 } = options
  const map = featureMapOf(features, index)
  if (map.height * map.width === 1)
    throw new FoveaError('DRAWING_INVALID', {
      field: features.layer,
      expected: 'a map of several places',
      found: '1x1: one value for the whole picture, so that there is nothing to draw',
      remedy: 'Take an earlier layer, or larger pictures: imageSize of load(), --imgsz of the commands.',
    })
  const placement = features.placements[index]!
  if (placement.picture[0] !== image.height || placement.picture[1] !== image.width)
    throw new FoveaError('DRAWING_INVALID', {
      field: 'image',
      expected: `the picture of ${placement.picture[1]}x${placement.picture[0]} pixels that the features are of`,
      found: `${image.width}x${image.height}`,
    })
  const isAttention = /^attention/.test(features.layer) && map.channels <= maxLevels
  const kind = options.kind ?? (isAttention ? 'levels' : 'activation')
  const { width, height } = labelLayout(image.width, image.height)
  // Small pictures are enlarged before the heat goes over them, which stays smooth then.
  const shown = resizeImage(toRgb(image), height, width, 'bicubic')
  const heat = (grid: Grid) => overlay(shown, grid, placement, opacity)
  if (kind === 'activation') return heat(activationOf(map))
  if (kind === 'components') return drawComponents(shown, map, placement)
  const size = `${map.channels} channels of ${map.width}x${map.height}`
  const title = { title: features.layer, subtitle: size, side: panelSide }
  if (kind === 'levels') {
    const count = Math.min(map.channels, options.channels ?? maxLevels)
    const { panels, ...layout } = levelSheet(map, { stride: features.stride, count, picture: shown, heat })
    return drawSheet(panels, { ...title, ...layout })
  }
  const channels = liveliestChannels(map, options.channels ?? (kind === 'sheet' ? 5 : 12)).map((channel) => ({
    image: heat(channelOf(map, channel)),
    caption: `channel ${channel}`,
  }))
  if (kind === 'channels') return drawSheet(channels, title)
  const summary = [
    { image: shown, caption: 'picture' },
    { image: heat(activationOf(map)), caption: 'mean activation' },
    { image: drawComponents(shown, map, placement), caption: 'principal components' },
  ]
  return drawSheet([...summary, ...channels], { ...title, columns: 4 })
}

function overlay(image: Image, grid: Grid, placement: Placement, opacity: number): Image {
  const { data, height, width } = overPicture(grid, placement)
  return overlayHeatmap(image, data, height, width, { opacity })
}

/** The colours over the grey picture; where a crop cut the picture off it stays grey. */
function drawComponents(image: Image, map: FeatureMap, placement: Placement): Image {
  const colors = componentsOf(map)
  const gray = toRgb(toGray(image))
  const planes = [0, 1, 2].map((c) => {
    const plane = Float32Array.from({ length: map.height * map.width }, (_, i) => colors.data[i * 3 + c]!)
    return overPicture({ height: map.height, width: map.width, data: plane }, placement, Number.NaN)
  })
  const [{ height, width }] = planes as [Grid, Grid, Grid]
  const small = createImage(width, height, 3)
  const seen = createImage(width, height, 1)
  for (let i = 0; i < height * width; i++) {
    const values = planes.map(({ data }) => data[i]!)
    seen.data[i] = values.some(Number.isNaN) ? 0 : 255
    values.forEach((value, c) => {
      small.data[i * 3 + c] = Number.isNaN(value) ? 128 : Math.round(value)
    })
  }
  const large = resizeImage(small, image.height, image.width, 'bicubic')
  const mask = resizeImage(seen, image.height, image.width, 'bilinear')
  const out = createImage(image.width, image.height, 3, undefined, image.source)
  for (let i = 0; i < out.data.length; i++) {
    const alpha = 0.7 * (mask.data[Math.floor(i / 3)]! / 255)
    out.data[i] = Math.round(gray.data[i]! * (1 - alpha) + large.data[i]! * alpha)
  }
  return out
}
