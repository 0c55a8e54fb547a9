// A rectangle of the picture painted over, stated or random (Zhong et al. 2017).

import { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import type { Image, Rgb } from '../../vision/image.ts'
import { checkColor, checkNumber, checkRange, checkWhole, invalid, optionsOf } from './parameters.ts'
import type { Step } from './step.ts'

/** One colour, or a random value for every byte. */
export type EraseValue = Rgb | 'noise'

export interface Erase {
  readonly kind: 'erase'
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
  readonly value: Rgb
}

export interface RandomErasing {
  readonly kind: 'randomErasing'
  /** 0 to 1. */
  readonly probability: number
  /** Part of the area, low and high. */
  readonly scale: readonly [number, number]
  /** Height / width, low and high. */
  readonly ratio: readonly [number, number]
  readonly value: EraseValue
}

/** Paints a rectangle over, default black; what lies outside the picture is left out. Annotations stay. Equal to torchvision's `erase`. */
export function erase(region: Omit<Erase, 'kind' | 'value'> & { readonly value?: Rgb }): Erase {
  if (typeof region !== 'object' || region === null) throw invalid('erase', 'an object such as { top, left, height, width }', region)
  return {
    kind: 'erase',
    top: checkWhole('top', region.top, 0, 65_536),
    left: checkWhole('left', region.left, 0, 65_536),
    height: checkWhole('height', region.height, 1, 65_536),
    width: checkWhole('width', region.width, 1, 65_536),
    value: checkColor('value', region.value ?? [0, 0, 0]),
  }
}

export type RandomErasingOptions = Partial<Omit<RandomErasing, 'kind'>>

/**
 * Paints over a random rectangle of 2 to 33 % of the area and a ratio of 0.3 to 3.3, black, with probability 0.5 (defaults). What it hides
 * keeps its annotation, as in torchvision.
 */
export function randomErasing(options: RandomErasingOptions = {}): RandomErasing {
  const {
    probability = 0.5,
    scale = [0.02, 0.33],
    ratio = [0.3, 3.3],
    value = [0, 0, 0],
  } = optionsOf('randomErasing', options, ['probability', 'scale', 'ratio', 'value'])
  return {
    kind: 'randomErasing',
    probability: checkNumber('probability', probability, 0, 1),
    scale: checkRange('scale', scale, 0, 1),
    ratio: checkRange('ratio', ratio, 1e-2, 100),
    value: value === 'noise' ? value : checkColor('value', value),
  }
}

export function drawErase(region: Erase): Step[] {
  return [{ apply: (image) => paint(image, region) }]
}

export function drawRandomErasing({ probability, scale, ratio, value }: RandomErasing, from: PictureSize, random: Random): Step[] {
  if (!random.chance(probability)) return []
  // Ten tries, then the picture is left as it is.
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = from.width * from.height * random.uniform(...scale)
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])))
    const height = Math.round(Math.sqrt(area * aspect))
    const width = Math.round(Math.sqrt(area / aspect))
    if (height < 1 || width < 1 || height >= from.height || width >= from.width) continue
    const region = {
      top: random.integer(0, from.height - height + 1),
      left: random.integer(0, from.width - width + 1),
      height,
      width,
      value,
    }
    const seed = random.uint32()
    return [{ apply: (image) => paint(image, region, new Random(seed)) }]
  }
  return []
}

interface Region extends Omit<Erase, 'kind' | 'value'> {
  readonly value: EraseValue
}

function paint(image: Image, { top, left, height, width, value }: Region, noise?: Random): Image {
  const { channels } = image
  const data = Uint8Array.from(image.data)
  for (let y = top; y < Math.min(image.height, top + height); y++)
    for (let x = left; x < Math.min(image.width, left + width); x++) {
      const at = (y * image.width + x) * channels
      for (let c = 0; c < Math.min(3, channels); c++) data[at + c] = value === 'noise' ? noise!.integer(0, 256) : value[c]!
    }
  return { ...image, data }
}
