import { expect, test } from 'vitest'
import type { ImageDataset } from '../data/dataset.ts'
import { buildFeatures } from '../model/build-features.ts'
import { addHeads } from '../model/heads/add-heads.ts'
import { readMetadata } from '../model/metadata.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { filledImage } from '../vision/image.ts'
import { drawAnswers } from './draw-answers.ts'

/** Its classes stand in another order than the model's. */
const data: ImageDataset = {
  classes: ['bolt', 'nut'],
  samples: Array.from({ length: 7 }, (_, i) => ({
    path: `${i}.png`,
    label: i % 2,
    image: filledImage(64, 64, [90, 90, 90]),
    labelMap: { width: 64, height: 64, unknown: 255, data: new Uint8Array(64 * 64).fill(i === 6 ? 255 : i % 2) },
  })),
}

test('pictures that are evenly spread, each with its answer beside the truth in the numbers of the model', async () => {
  const model = addHeads(buildFeatures('resnet-tiny', { imageSize: [64, 64] }), [
    { task: 'segment', labels: ['nut', 'bolt', 'background'] },
  ])
  const vision = await DeepSeekVision.of<'segment'>(model, readMetadata(model), { worker: false, share: false, threads: 1 })
  try {
    const drawn = []
    for await (const one of drawAnswers(vision, data, { count: 3 })) drawn.push(one)
    expect(drawn.map(({ name }) => name)).toEqual(['0.png', '2.png', '4.png'])
    for (const { answer, image } of drawn) {
      expect(answer.task).toBe('segment')
      expect(image.width).toBeGreaterThan(2 * image.height * 0.9)
    }
    // Bolts are class 1 of the model: their colour fills the truth of the first picture.
    const { image } = drawn[0]!
    const middle = 3 * (Math.floor(image.height / 2) * image.width + Math.floor(0.75 * image.width))
    const [r = 0, g = 0, b = 0] = image.data.subarray(middle, middle + 3)
    const others = []
    for await (const one of drawAnswers(vision, { ...data, classes: ['nut', 'bolt'] }, { count: 1 })) others.push(one.image)
    expect([...others[0]!.data.subarray(middle, middle + 3)]).not.toEqual([r, g, b])
    const all = []
    for await (const { name } of drawAnswers(vision, data)) all.push(name)
    expect(all).toEqual(data.samples.map(({ path }) => path))
    await expect(drawAnswers(vision, { ...data, classes: ['bolt', 'screw'] }).next()).rejects.toMatchObject({ code: 'EVALUATE_CLASSES' })
    for (const count of [0, 2.5, Number.NaN])
      await expect(drawAnswers(vision, data, { count }).next()).rejects.toMatchObject({ code: 'METRIC_INVALID' })
    const stopped = drawAnswers(vision, data, { signal: AbortSignal.abort() })
    await expect(stopped.next()).rejects.toMatchObject({ code: 'CANCELLED' })
  } finally {
    await vision.close()
  }
})
