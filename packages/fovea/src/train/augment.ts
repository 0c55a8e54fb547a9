// Augmentation by name: what a user who knows nothing of augmentation should get.

import { colorJitter } from '../data/transforms/color-jitter.ts'
import { compose, type Transform } from '../data/transforms/compose.ts'
import { randomCrop } from '../data/transforms/crop.ts'
import { randomHorizontalFlip, randomVerticalFlip } from '../data/transforms/flip.ts'
import { randomRotation } from '../data/transforms/rotation.ts'

export const augmentations = ['none', 'shift', 'light', 'strong', 'turned'] as const

/**
 * - `none`: the picture as it is;
 * - `shift`: small shifts and turns, nothing mirrored: for digits, letters and whatever has a left and a right;
 * - `light`: shifts, mirroring left to right, a little brightness and contrast: for photographs;
 * - `strong`: also upside down, and colours: for surfaces, cells and views from above. No turns: their interpolation blurs
 *   fine textures, which are then sharper in use than in training;
 * - `turned`: as strong, and turned by any angle: for microscopes and views from above of few pictures.
 */
export type AugmentationName = (typeof augmentations)[number]

/** The transform of a preset for pictures of this size; undefined for `none`. */
export function augmentation(name: AugmentationName, imageSize: number): Transform | undefined {
  const padding = Math.max(1, Math.round(imageSize / 12))
  switch (name) {
    case 'none':
      return undefined
    case 'shift':
      return compose([randomRotation(8), randomCrop(imageSize, { padding })])
    case 'light':
      return compose([randomHorizontalFlip(), randomCrop(imageSize, { padding }), colorJitter({ brightness: 0.15, contrast: 0.15 })])
    case 'strong':
    case 'turned':
      return compose([
        randomHorizontalFlip(),
        randomVerticalFlip(),
        ...(name === 'turned' ? [randomRotation(180)] : []),
        randomCrop(imageSize, { padding }),
        colorJitter({ brightness: 0.25, contrast: 0.25, saturation: 0.2 }),
      ])
  }
}
