import { describe, expect, test } from 'vitest'
import { drawBatch } from '../../data/synthetic/formula/batch.ts'
import { formulaParts } from '../../data/synthetic/formula/scene.ts'
import { Tensor } from '../../graph/tensor.ts'
import { buildFeatures } from '../../model/build-features.ts'
import { readMetadata } from '../../model/metadata.ts'
import { adamW } from '../../nn/optimizers.ts'
import { bindDimensions } from '../../passes/bind-dimensions.ts'
import { findTrainable } from '../../passes/trainable.ts'
import { buildTrainingStep } from '../../passes/training-step.ts'
import { classTargets, StepRunner } from '../step-runner.ts'
import { addObjectives } from './objectives.ts'
import { cellStride } from './options.ts'

const batch = 4
const size = 64

/** Narrow networks: one with a pyramid over four stages, one with an embedding alone. */
const networks = {
  pyramid: () => buildFeatures('deepseek-vision-base', { imageSize: [size, size], options: { widths: [8, 8, 16, 16], neckChannels: 8 } }),
  embedding: () => buildFeatures('small-cnn', { imageSize: [size, size], options: { widths: [8, 8, 16], dropout: 0 } }),
}

function feeds(): Record<string, Tensor> {
  const { images, shape, textures, cover } = drawBatch({ start: 0, count: batch }, { seed: 1, size, cellStride })
  const side = size / cellStride
  const plane = (i: number) =>
    cover[
      (Math.floor(i / (formulaParts * side * side)) * side * side + (i % (side * side))) * formulaParts +
        (Math.floor(i / (side * side)) % formulaParts)
    ]!
  return {
    images: new Tensor('uint8', [batch, size, size, 3], images),
    shape: classTargets(shape),
    textures: Tensor.int64([batch, formulaParts], [...textures]),
    cover: Tensor.float32(
      [batch, formulaParts, side, side],
      Float32Array.from(cover, (_, i) => plane(i) / 255),
    ),
  }
}

describe.each(Object.entries(networks))('a network with %s', (kind, build) => {
  const source = build()
  const objectives = addObjectives(source, readMetadata(source).stages, batch, 0, size)

  test('learns the batch by heart, and every parameter takes part', async () => {
    const { graph } = bindDimensions(objectives.model, { N: batch, H: size, W: size }).model
    const bound = { ...objectives.model, graph }
    const trainable = findTrainable(graph, readMetadata(objectives.model).stages.pixels!)
    // Weights that do not decay move by their gradients alone.
    const parameters = trainable.map(({ name }) => ({ name, decay: false }))
    const step = buildTrainingStep(bound, { parameters, loss: objectives.loss, optimizer: adamW({ weightDecay: 0 }) })
    const runner = await StepRunner.open(step, 0, { threads: 1 })
    try {
      const before = await runner.readState()
      const losses: Record<string, number>[] = []
      for (let i = 0; i < 12; i++) losses.push(await runner.run({ batch: feeds(), learningRate: 0.005, update: i + 1, position: i }))
      const names = ['loss', 'shape_loss', 'texture_loss', ...(kind === 'pyramid' ? ['cells_loss', 'mask_loss'] : [])]
      expect(Object.keys(losses[0]!).sort()).toEqual(names.sort())
      for (const name of names) expect(losses.at(-1)![name]).toBeLessThan(0.9 * losses[0]![name]!)
      const after = await runner.readState()
      const still = parameters.filter(({ name }) => Buffer.from(before.get(name)!.bytes).equals(after.get(name)!.bytes))
      expect(still).toEqual([])
    } finally {
      await runner.close()
    }
  })

  test('has a head for each question, and two on each level', () => {
    const names = [...objectives.model.graph.initializers.keys()].filter((name) => name.startsWith('pretrain.') && name.endsWith('.weight'))
    const levels = Object.keys(readMetadata(source).stages).filter((stage) => /^p\d$/.test(stage))
    expect(objectives.hasCells).toBe(kind === 'pyramid')
    expect(levels.length > 0).toBe(kind === 'pyramid')
    expect(names).toEqual([
      ...['shape', 'texture'].map((name) => `pretrain.${name}.weight`),
      ...levels.flatMap((level) => [`pretrain.${level}.cells.weight`, `pretrain.${level}.mask.weight`]),
    ])
    expect(source.graph.initializers.has(names[0]!)).toBe(false)
  })
})

test('a network without an embedding is refused by name', () => {
  const source = networks.embedding()
  const { embedding: _, ...stages } = readMetadata(source).stages
  expect(() => addObjectives(source, stages, batch, 0, size)).toThrow(expect.objectContaining({ code: 'MODEL_NOT_CLASSIFIER' }))
})
