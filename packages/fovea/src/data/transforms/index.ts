// The augmentations as users name them: `transforms.randomRotation(15)`.

import { colorJitter } from './color-jitter.ts'
import { compose } from './compose.ts'
import { randomCrop } from './crop.ts'
import { randomHorizontalFlip, randomVerticalFlip } from './flip.ts'
import { normalize } from './normalize.ts'
import { randomResizedCrop } from './resized-crop.ts'
import { randomRotation } from './rotation.ts'

export const transforms = {
  randomHorizontalFlip,
  randomVerticalFlip,
  randomCrop,
  randomResizedCrop,
  randomRotation,
  colorJitter,
  normalize,
  compose,
} as const
