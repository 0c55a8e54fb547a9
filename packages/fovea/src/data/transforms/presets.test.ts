// Recipes name the presets: what they make of a picture may not change.

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { augmentation } from '../../train/augment.ts'
import { Random } from '../../util/random.ts'
import { createImage } from '../../vision/image.ts'
import { applyTransform, type Transform } from './compose.ts'
import { transforms as t } from './index.ts'

/** Of 40 augmented pictures, grey and RGB, as the version that introduced the presets made them. */
const hashes: readonly (readonly [string, Transform, string])[] = [
  ['shift', augmentation('shift', 48)!, '5267f4cebfd9ac54'],
  ['light', augmentation('light', 48)!, 'fdf396747acd4703'],
  ['strong', augmentation('strong', 48)!, '57b57f67bff13d0d'],
  ['randomResizedCrop', t.randomResizedCrop([30, 20]), '5f35cd15b798cfce'],
]

test.each(hashes)('%s makes the same bytes as ever', (_, transform, expected) => {
  const hash = createHash('sha256')
  for (const channels of [1, 3] as const) {
    const random = new Random('presets', channels)
    const data = Uint8Array.from({ length: 48 * 48 * channels }, () => random.integer(0, 256))
    const image = createImage(48, 48, channels, data)
    for (let i = 0; i < 20; i++) hash.update(applyTransform(image, transform, new Random(7, 'augmentation', 0, i)).data)
  }
  expect(hash.digest('hex').slice(0, 16)).toBe(expected)
})
