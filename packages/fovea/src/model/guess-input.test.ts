import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { Random } from '../util/random.ts'
import { guessInput } from './guess-input.ts'

const planar = { channels: 3, channelsLast: false } as const
const random = new Random(3, 'weights')
const weights = Array.from({ length: 8 * 27 }, () => Math.fround(random.uniform(-1, 1)))

/** A convolution and a BatchNormalization that saw pixels with this variance. */
function normalised(pixelVariance: number, nodes = 'c = Conv(x, k)') {
  const variances = Array.from({ length: 8 }, (_, channel) => {
    const filter = weights.slice(channel * 27, channel * 27 + 27)
    const sum = filter.reduce((total, weight) => total + weight, 0)
    const squares = filter.reduce((total, weight) => total + weight ** 2, 0)
    return pixelVariance * Math.max(sum ** 2, squares)
  })
  const list = (values: readonly number[]) => `{${values.map((value) => (Number.isInteger(value) ? value.toFixed(1) : value)).join(', ')}}`
  return readModel(`
    graph main(x: float32[N,3,32,32]) -> (y)
      k: float32[8,3,3,3] = ${list(weights)}
      one: float32[8] = ${list(new Array(8).fill(1))}
      v: float32[8] = ${list(variances)}
      half: float32[1] = {127.5}
      ${nodes}
      y = BatchNormalization(c, one, one, one, v)`)
}

describe('guessInput', () => {
  it.each([
    ['raw', 4000],
    ['raw', 1700],
    ['unit', 0.06],
    ['unit', 0.026],
    ['imagenet', 1.2],
    ['imagenet', 0.8],
  ] as const)('takes %s where the first BatchNormalization was trained on a variance of %d', (scale, variance) => {
    const guess = guessInput(normalised(variance), planar)
    expect(guess.scaling).toBe(scale)
    expect(guess.parts.scale).toBe(scale)
    expect(guess.reason).toContain(`a variance near ${variance.toPrecision(2)}`)
  })

  it('takes raw where the model scales its pixels itself', () => {
    const guess = guessInput(normalised(1, 's = Sub(x, half)\n      d = Div(s, half)\n      c = Conv(d, k)'), planar)
    expect(guess).toEqual({ parts: { scale: 'raw' }, scaling: 'raw', reason: 'it scales its pixels itself', stated: false })
  })

  it('knows the files of Ultralytics, timm and torchvision', () => {
    const model = normalised(4000)
    model.metadata.set('names', "{0: 'a'}")
    expect(guessInput(model, planar).scaling).toBe('raw')
    model.metadata.set('stride', '32')
    expect(guessInput(model, planar)).toEqual({
      parts: { scale: 'unit', resize: 'letterbox' },
      scaling: 'unit',
      reason: 'its metadata is that of an Ultralytics model',
      stated: false,
    })
    model.metadata.set('task', 'classify')
    expect(guessInput(model, planar).parts.resize).toBe('crop')
    expect(guessInput({ ...normalised(4000), metadata: new Map([['source', 'timm/resnet18']]) }, planar).parts.scale).toBe('imagenet')
    expect(guessInput({ ...normalised(4000), producerName: 'torchvision' }, planar).parts).toEqual({
      scale: 'imagenet',
      resize: 'crop',
      cropFraction: 0.875,
    })
  })

  it('takes unit where nothing tells', () => {
    const model = readModel(`
      graph main(x: float32[N,3,32,32]) -> (y)
        y = GlobalAveragePool(x)`)
    expect(guessInput(model, planar)).toMatchObject({ scaling: 'unit', reason: 'nothing in the file tells; 0 to 1 is the most common' })
    const keras = { ...model, producerName: 'tf2onnx' }
    expect(guessInput(keras, { channels: 3, channelsLast: true }).parts).toEqual({
      scale: 'custom',
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    })
    expect(guessInput(keras, planar).scaling).toBe('unit')
  })

  it.each([
    [{ pretrained_cfg: '{"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1], "crop_pct": 0.95, "interpolation": "bicubic"}' }],
    [{ pretrained_cfg: "{'mean': (0.5, 0.4, 0.3), 'std': (0.2, 0.2, 0.1), 'crop_pct': 0.95, 'interpolation': 'bicubic'}" }],
    [{ mean: '0.5 0.4 0.3', std: '[0.2, 0.2, 0.1]', crop_pct: '0.95', interpolation: 'bicubic' }],
    [{ mean: '127.5, 102, 76.5', std: '51, 51, 25.5', crop_pct: '0.95', interpolation: 'bicubic' }],
  ])('takes mean, deviation and crop from %j', (keys) => {
    const model = { ...normalised(4000), metadata: new Map(Object.entries(keys as Record<string, string>)) }
    const { parts, scaling } = guessInput(model, planar)
    expect(scaling).toBe('its own mean and deviation')
    expect(parts).toMatchObject({ scale: 'custom', resize: 'crop', cropFraction: 0.95, interpolation: 'bicubic' })
    for (const [i, value] of [0.5, 0.4, 0.3].entries()) expect(parts.mean![i]).toBeCloseTo(value, 9)
    for (const [i, value] of [0.2, 0.2, 0.1].entries()) expect(parts.std![i]).toBeCloseTo(value, 9)
  })

  it('leaves alone what fits no picture of this model', () => {
    const model = {
      ...normalised(4000),
      metadata: new Map([
        ['mean', '0.5'],
        ['std', '0'],
      ]),
    }
    expect(guessInput(model, planar).scaling).toBe('raw')
  })
})
