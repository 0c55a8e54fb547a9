import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createImage } from '../vision/image.ts'
import { buildClassifier } from './build-classifier.ts'
import { drawPrediction } from './draw.ts'
import { readMetadata } from './metadata.ts'
import { DeepSeekVision, type Picture } from './vision-model.ts'

const options = { worker: false, threads: 1 } as const
const classifier = buildClassifier('resnet-tiny', { labels: ['a', 'b', 'c'], imageSize: [32, 32], options: { widths: [4, 4, 8, 8] } })
const image = createImage(32, 32, 3)
let model: DeepSeekVision

beforeAll(async () => {
  model = await DeepSeekVision.of(classifier, readMetadata(classifier), options)
})
afterAll(() => model.close())

describe('a picture from memory that is not well formed', () => {
  it.each([
    [{ width: 0, height: 0, channels: 3, data: new Uint8Array(0) }, 'IMAGE_INVALID'],
    [{ width: 10, height: 10, channels: 3, data: new Uint8Array(5) }, 'IMAGE_INVALID'],
    [{ width: 10, height: 10, channels: 5, data: new Uint8Array(500) }, 'IMAGE_INVALID'],
    [{ width: 32, height: 32, channels: 3, data: new Uint8Array(5000) }, 'IMAGE_INVALID'],
    [null, 'DATA_UNREADABLE_IMAGE'],
    [undefined, 'DATA_UNREADABLE_IMAGE'],
    [{ width: 2, height: 2 }, 'DATA_UNREADABLE_IMAGE'],
  ])('%o is refused with a code wherever pictures are taken', async (wrong, code) => {
    const picture = wrong as unknown as Picture
    const refusal = { code }
    await expect(model.predict(picture)).rejects.toMatchObject(refusal)
    await expect(model.predict([image, picture])).rejects.toMatchObject(refusal)
    await expect(model.explain(picture)).rejects.toMatchObject(refusal)
    await expect(model.extractFeatures(picture, { layer: 'embedding' })).rejects.toMatchObject(refusal)
  })

  it('is refused by what draws', async () => {
    const result = await model.predict(image)
    const wrong = { ...image, data: new Uint8Array(5) }
    await expect(drawPrediction(wrong, result)).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
    const explanation = await model.explain(image)
    await expect(drawPrediction(wrong, result, { explanation })).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
  })
})
