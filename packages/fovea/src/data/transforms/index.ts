// The augmentations as users name them: `transforms.randomRotation(15)`.

import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, adjustSharpness } from './adjust.ts'
import { affine, randomAffine, rotate } from './affine.ts'
import { randAugment, trivialAugment } from './auto-augment.ts'
import { gaussianBlur } from './blur.ts'
import { colorJitter } from './color-jitter.ts'
import { compose, randomApply, randomChoice } from './compose.ts'
import { centerCrop, crop, pad, randomCrop } from './crop.ts'
import { erase, randomErasing } from './erasing.ts'
import { randomHorizontalFlip, randomVerticalFlip } from './flip.ts'
import { autocontrast, equalize, grayscale, invert, posterize, solarize } from './levels.ts'
import { cutMix, mixUp, mosaic } from './mix.ts'
import { normalize } from './normalize.ts'
import { perspective, randomPerspective } from './perspective.ts'
import { letterbox, resize } from './resize.ts'
import { randomResizedCrop } from './resized-crop.ts'
import { randomRotation } from './rotation.ts'

export const transforms = {
  // in place and size
  randomHorizontalFlip,
  randomVerticalFlip,
  resize,
  letterbox,
  randomCrop,
  centerCrop,
  crop,
  pad,
  randomResizedCrop,
  randomRotation,
  rotate,
  affine,
  randomAffine,
  perspective,
  randomPerspective,
  // in colour
  colorJitter,
  adjustBrightness,
  adjustContrast,
  adjustSaturation,
  adjustSharpness,
  adjustHue,
  grayscale,
  invert,
  autocontrast,
  equalize,
  posterize,
  solarize,
  gaussianBlur,
  erase,
  randomErasing,
  // in turn and by chance
  compose,
  randomApply,
  randomChoice,
  randAugment,
  trivialAugment,
  normalize,
  // of several samples: not steps of a `compose`, see mixBatch and joinMosaic
  mixUp,
  cutMix,
  mosaic,
} as const
