import { describe, expect, it } from 'vitest'
import type { ImageDataset } from '../data/dataset.ts'
import { isIdentity } from '../data/transforms/compose.ts'
import { cutMix, mixUp, mosaic } from '../data/transforms/mix.ts'
import { type ModelFacts, resolveRecipe, type TrainOptions } from './options.ts'

/** A data set with so many pictures of each class. */
function dataset(...counts: number[]): ImageDataset {
  const samples = counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => ({ path: `${label}/${i}.png`, label })))
  return { classes: counts.map((_, label) => `class ${label}`), samples }
}

const fresh: ModelFacts = { name: 'resnet-tiny', imageSize: undefined, defaultSize: 64, pretrained: false }
const imported: ModelFacts = { name: 'some.onnx', imageSize: [32, 32], defaultSize: 64, pretrained: true }

const resolve = (options: Partial<TrainOptions> = {}, model = fresh, train = dataset(100, 100)) =>
  resolveRecipe({ train, out: 'nowhere', ...options }, model)

describe('resolveRecipe', () => {
  it('decides everything where nothing is asked for', () => {
    expect(resolve()).toMatchObject({
      model: 'resnet-tiny',
      classes: ['class 0', 'class 1'],
      samples: 200,
      imageSize: [64, 64],
      seed: 0,
      freeze: 'none',
      optimizer: 'adamw',
      learningRate: 0.002,
      weightDecay: 0.05,
      schedule: 'cosine',
      loss: 'cross-entropy',
      labelSmoothing: 0.05,
      sampling: 'shuffled',
      classWeights: undefined,
      accumulate: 1,
      averageDecay: 0,
      device: 'cpu',
    })
  })

  it.each([
    [100_000, 12],
    [2_000, 20],
    [50, 60],
  ])('shows about 40,000 pictures: of %d, %d epochs', (samples, epochs) => {
    expect(resolve({}, fresh, dataset(samples / 2, samples / 2)).epochs).toBe(epochs)
  })

  it('takes smaller batches of few pictures, and never more than there are', () => {
    const batch = (samples: number, options = {}) => resolve(options, fresh, dataset(samples / 2, samples / 2)).batchSize
    expect([200, 160, 100, 20, 4, 2].map((samples) => batch(samples))).toEqual([32, 32, 20, 4, 4, 2])
    expect(batch(20, { batchSize: 64 })).toBe(20)
  })

  it('follows the optimizer and fine-tuning with the learning rate', () => {
    expect(resolve({ optimizer: 'sgd' })).toMatchObject({ learningRate: 0.05, weightDecay: 5e-4 })
    const tuned = resolve({}, imported).learningRate
    expect(tuned).toBeLessThan(0.002)
    expect(resolve({ freeze: 'head' }, imported).learningRate).toBe(0.002)
    expect(resolve({ learningRate: 0.125 }, imported).learningRate).toBe(0.125)
  })

  it('keeps the size of a model that is fixed to one', () => {
    expect(resolve({}, imported).imageSize).toEqual([32, 32])
    expect(resolve({ imageSize: 32 }, imported).imageSize).toEqual([32, 32])
    expect(resolve({ imageSize: 96 }).imageSize).toEqual([96, 96])
    expect(() => resolve({ imageSize: 64 }, imported)).toThrow(
      /expected 32x32, which the model is fixed to, found 64.*imageSize.*TRAIN_OPTION/,
    )
  })

  it('leaves the pictures as they are for a new head, whose features are then computed once', () => {
    expect(isIdentity(resolve({ freeze: 'head' }, imported).augment)).toBe(true)
    expect(isIdentity(resolve({}, imported).augment)).toBe(false)
    expect(isIdentity(resolve({ freeze: 'head', augment: 'light' }, imported).augment)).toBe(false)
  })

  it('warms up for an epoch, at most half of the training, and waits a third of the epochs', () => {
    expect(resolve({ epochs: 1 })).toMatchObject({ warmupEpochs: 0.5, patience: 8 })
    expect(resolve({ epochs: 60 })).toMatchObject({ warmupEpochs: 1, patience: 20 })
  })

  describe('with unequal classes', () => {
    const uneven = dataset(90, 10)

    it('weighs the loss by the root of the counts, with a mean of one over the pictures', () => {
      const { classWeights, sampling } = resolve({}, fresh, uneven)
      expect(classWeights![1]! / classWeights![0]!).toBeCloseTo(3, 9)
      expect((90 * classWeights![0]! + 10 * classWeights![1]!) / 100).toBeCloseTo(1, 9)
      expect(sampling).toBe('shuffled')
    })

    it('does what it is told instead', () => {
      expect(resolve({ balance: 'none' }, fresh, uneven)).toMatchObject({ classWeights: undefined, sampling: 'shuffled' })
      expect(resolve({ balance: 'sampling' }, fresh, uneven)).toMatchObject({ classWeights: undefined, sampling: 'balanced' })
      expect(resolve({ balance: 'weights' }).classWeights).toEqual([1, 1])
    })

    it('gives a class without pictures no weight', () => {
      expect(resolve({ balance: 'weights' }, fresh, dataset(10, 0, 10)).classWeights).toEqual([1, 0, 1])
    })
  })

  it.each([
    [{ epochs: 0 }, /a whole number of at least 1, found 0 .*epochs/],
    [{ epochs: 1.5 }, /a whole number of at least 1, found 1.5/],
    [{ batchSize: Number.NaN }, /a whole number of at least 1, found NaN .*batchSize/],
    [{ seed: -1 }, /a whole number of at least 0, found -1 .*seed/],
    [{ learningRate: -0.1 }, /a number of at least 0, found -0.1 .*learningRate/],
    [{ labelSmoothing: 1 }, /a number from 0 to below 1, found 1 .*labelSmoothing/],
    [{ averageDecay: 1 }, /a number from 0 to below 1, found 1 .*averageDecay/],
    [{ imageSize: 7 }, /8 to 2048, found 7/],
    [{ threads: 100_000 }, /at most \d+, found 100000 .*threads/],
    [{ optimizer: 'lion' as 'sgd' }, /sgd, adam, adamw, found lion .*optimizer/],
    [{ schedule: 'never' as 'step' }, /constant, step, cosine, one-cycle, found never/],
    [{ mix: mixUp(), loss: 'focal' as const }, /nothing with the focal loss, found mixUp .*mix/],
    [{ mix: [cutMix(), cutMix()] }, /each kind once, found cutMix, cutMix .*mix/],
    [{ mix: mosaic(8) as unknown as ReturnType<typeof mixUp> }, /mixUp or cutMix.*found mosaic/],
    [{ mix: mixUp(), batchSize: 1 }, /at least 2.*batchSize/],
    [{ loss: 'hinge' as 'focal' }, /cross-entropy, focal, found hinge/],
    [{ balance: 'much' as 'none' }, /auto, none, weights, sampling, found much/],
    [{ augment: 'wild' as 'light' }, /none, shift, light, strong, turned, found wild/],
    [{ layout: 'odd' as 'auto' }, /auto, standard, blocked, found odd/],
  ])('refuses %j', (options, message) => {
    expect(() => resolve(options)).toThrow(message)
    expect(() => resolve(options)).toThrow(/\[TRAIN_OPTION\]/)
  })

  it('refuses devices of no known name, and a training without pictures', () => {
    expect(() => resolve({ device: 'abacus' })).toThrow(/RUNTIME_UNKNOWN_DEVICE/)
    expect(() => resolve({}, fresh, dataset(0, 0))).toThrow(/expected pictures to train on, found none.*TRAIN_OPTION/)
  })
})
