// The models that the package brings along, as a user meets them: by name, without a network.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { textureInstance } from '../../src/data/synthetic/formula/textures.ts'
import type { Model } from '../../src/graph/model.ts'
import { buildFeatures } from '../../src/model/build-features.ts'
import { type ModelMetadata, readMetadata } from '../../src/model/metadata.ts'
import { DeepSeekVision } from '../../src/model/vision-model.ts'
import { Random } from '../../src/util/random.ts'
import { createImage, type Image } from '../../src/vision/image.ts'

const folder = join(import.meta.dirname, '../../assets/models')
const names = ['deepseek-vision-tiny', 'deepseek-vision-base']

const side = 128
const classes = 40

/** Textures that no pretraining drew, four of each class, as large as its pictures of 64 pixels show them. */
const textures = Array.from({ length: 4 * classes }, (_, i) => ({ label: i % classes, image: drawTexture(i % classes, i) }))

function drawTexture(label: number, instance: number): Image {
  const value = textureInstance(label, new Random(11, 'shipped', instance))
  const data = new Uint8Array(side * side * 3)
  for (let i = 0; i < side * side; i++)
    data.fill(Math.max(0, Math.min(255, 128 + 50 * value((i % side) / 64, Math.floor(i / side) / 64))), 3 * i, 3 * i + 3)
  return createImage(side, side, 3, data)
}

test('are small enough for a repository: 30 MB together', async () => {
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, `${name}.onnx`))).size))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(30e6)
})

describe.each(names)('%s', (name) => {
  test('loads by name and says what it is', async () => {
    const model = await DeepSeekVision.load(name)
    try {
      const { task, version, framework, licence, recipe, stages } = model.metadata
      expect({ task, version, licence }).toEqual({ task: 'features', version: '2.3.0', licence: 'Apache-2.0' })
      expect(framework).toBe('>=0.8.0')
      expect(recipe).toMatchObject({ kind: 'formula-driven', model: name, seed: 0 })
      for (const stage of ['stem', 'conv2', 'conv3', 'conv4', 'conv5', 'p3', 'p4', 'p5', 'p6', 'p7', 'attention', 'embedding'])
        expect(stages, stage).toHaveProperty(stage)
      expect(model.metadata.architecture).toMatchObject({ name })
    } finally {
      await model.close()
    }
  })

  test('has no head, and says how to get one', async () => {
    const model = await DeepSeekVision.load(name)
    try {
      await expect(model.predict(textures[0]!.image)).rejects.toThrow(/fovea train .*\[MODEL_NO_HEAD\]/)
    } finally {
      await model.close()
    }
  })

  test('knows more than fresh weights: textures of a class lie nearer to one another', async () => {
    const shipped = await DeepSeekVision.load(name)
    const fresh = await DeepSeekVision.of(...featuresOf(name))
    try {
      const [right, before] = [await neighboursRight(shipped), await neighboursRight(fresh)]
      expect(right).toBeGreaterThan(before + 0.1)
    } finally {
      await shipped.close()
      await fresh.close()
    }
  })
})

function featuresOf(name: string): [Model, ModelMetadata] {
  const model = buildFeatures(name, { imageSize: [side, side], seed: 0 })
  return [model, readMetadata(model)]
}

/** Share of textures whose nearest neighbour by the cosine of embeddings is of the same class. */
async function neighboursRight(model: DeepSeekVision): Promise<number> {
  const { shape, data } = await model.extractFeatures(
    textures.map(({ image }) => image),
    { layer: 'embedding' },
  )
  const width = shape[1]!
  const rows = textures.map((_, i) => {
    const row = (data as Float32Array).subarray(i * width, (i + 1) * width)
    const length = Math.hypot(...row)
    return row.map((value) => value / length)
  })
  const right = textures.filter(({ label }, i) => {
    const likeness = rows.map((row, j) => (i === j ? -2 : row.reduce((sum, value, k) => sum + value * rows[i]![k]!, 0)))
    return textures[likeness.indexOf(Math.max(...likeness))]!.label === label
  })
  return right.length / textures.length
}
