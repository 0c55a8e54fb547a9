import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { Random } from '../util/random.ts'
import { guessScale } from './guess-input.ts'

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

describe('guessScale', () => {
  it.each([
    ['raw', 4000],
    ['raw', 1700],
    ['unit', 0.06],
    ['unit', 0.026],
    ['imagenet', 1.2],
    ['imagenet', 0.8],
  ] as const)('takes %s where the first BatchNormalization was trained on a variance of %d', (scale, variance) => {
    const guess = guessScale(normalised(variance))
    expect(guess.scale).toBe(scale)
    expect(guess.reason).toContain(`a variance near ${variance.toPrecision(2)}`)
  })

  it('takes raw where the model scales its pixels itself', () => {
    const guess = guessScale(normalised(1, 's = Sub(x, half)\n      d = Div(s, half)\n      c = Conv(d, k)'))
    expect(guess).toEqual({ scale: 'raw', reason: 'it scales its pixels itself' })
  })

  it('knows the files of Ultralytics, timm and torchvision', () => {
    const model = normalised(4000)
    model.metadata.set('names', "{0: 'a'}")
    expect(guessScale(model).scale).toBe('raw')
    model.metadata.set('stride', '32')
    expect(guessScale(model)).toEqual({ scale: 'unit', reason: 'its metadata is that of an Ultralytics model' })
    expect(guessScale({ ...normalised(4000), metadata: new Map([['source', 'timm/resnet18']]) }).scale).toBe('imagenet')
    expect(guessScale({ ...normalised(4000), producerName: 'torchvision' }).scale).toBe('imagenet')
  })

  it('takes unit where nothing tells', () => {
    const model = readModel(`
      graph main(x: float32[N,3,32,32]) -> (y)
        y = GlobalAveragePool(x)`)
    expect(guessScale(model)).toEqual({ scale: 'unit', reason: 'nothing in the file tells; 0 to 1 is the most common' })
  })
})
