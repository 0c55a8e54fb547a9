// Classifiers of other tools: imported they score as before, and every way of freezing gives a step that learns.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import type { Model } from '../../src/graph/model.ts'
import { Tensor } from '../../src/graph/tensor.ts'
import { numbersOf } from '../../src/graph/tensor-values.ts'
import { verifyModel } from '../../src/graph/verifier.ts'
import { importClassifier } from '../../src/model/import-classifier.ts'
import { readMetadata } from '../../src/model/metadata.ts'
import { replaceHead } from '../../src/model/replace-head.ts'
import { crossEntropy } from '../../src/nn/losses.ts'
import { sgd } from '../../src/nn/optimizers.ts'
import { bindDimensions } from '../../src/passes/bind-dimensions.ts'
import { findResidualBlocks } from '../../src/passes/residual-blocks.ts'
import { buildTrainingStep } from '../../src/passes/training-step.ts'
import { openSession } from '../../src/runtime/session.ts'
import { freeze } from '../../src/train/freeze.ts'
import { Random } from '../../src/util/random.ts'
import { describeWithData } from '../shared-data.ts'

const models = {
  'mnist.onnx': { side: 28, channels: 1, scale: 'raw' },
  'resnet8_cifar10_mlperf.onnx': { side: 32, channels: 3, scale: 'raw' },
  'resnet8_cifar10_st.onnx': { side: 32, channels: 3, scale: 'unit' },
} as const

const batch = 4

function pictures(side: number, channels: number): Uint8Array {
  const random = new Random(6, 'pictures')
  return Uint8Array.from({ length: batch * side * side * channels }, () => random.integer(0, 256))
}

/** The same pictures as floats [N, C, H, W]. */
function planar(bytes: Uint8Array, side: number, channels: number, factor: number): Float32Array {
  const plane = side * side
  return Float32Array.from({ length: bytes.length }, (_, i) => {
    const [n, c, at] = [Math.floor(i / (plane * channels)), Math.floor(i / plane) % channels, i % plane]
    return bytes[(n * plane + at) * channels + c]! * factor
  })
}

async function firstOutput(model: Model, feeds: Readonly<Record<string, Tensor>>): Promise<number[]> {
  const session = await openSession(model, { worker: false, threads: 1 })
  try {
    return [...numbersOf((await session.run(feeds))[model.graph.outputs[0]!.name]!)]
  } finally {
    await session.close()
  }
}

function softmaxRows(values: readonly number[], classes: number): number[] {
  return values.map((value, i) => {
    const row = values.slice(i - (i % classes), i - (i % classes) + classes)
    const peak = Math.max(...row)
    return Math.exp(value - peak) / row.reduce((sum, other) => sum + Math.exp(other - peak), 0)
  })
}

/** Losses of a few steps of plain descent on one batch. */
async function losses(model: Model, spec: string, images: Tensor): Promise<{ losses: number[]; trained: number }> {
  const frozen = freeze(model, readMetadata(model), spec)
  const { logits } = readMetadata(model).stages
  const features = frozen.prefix === undefined ? images : await featuresOf(frozen.prefix, images)
  const step = buildTrainingStep(bindDimensions(frozen.suffix, { N: batch }).model, {
    parameters: frozen.parameters,
    optimizer: sgd({ momentum: 0 }),
    loss: (b) => ({ loss: crossEntropy(b, { value: logits!, channels: 2 }, b.input('targets', 'int64', [batch])) }),
  })
  verifyModel(step.model)
  const session = await openSession(step.model, { worker: false, threads: 1, carry: step.carry, initialState: step.initialState })
  try {
    const found: number[] = []
    for (let i = 1; i <= 5; i++) {
      const { loss } = await session.run({
        [frozen.cut]: features,
        targets: Tensor.int64([batch], [0, 1, 0, 1]),
        learning_rate: Tensor.scalar(0.02),
        step: Tensor.scalar(i),
      })
      found.push(numbersOf(loss!)[0]!)
    }
    const size = (name: string) => model.graph.initializers.get(name)!.size
    return { losses: found, trained: frozen.parameters.reduce((sum, { name }) => sum + size(name), 0) }
  } finally {
    await session.close()
  }
}

async function featuresOf(prefix: Model, images: Tensor): Promise<Tensor> {
  const session = await openSession(prefix, { worker: false, threads: 1 })
  try {
    return (await session.run({ images }))[prefix.graph.outputs[0]!.name]!
  } finally {
    await session.close()
  }
}

describeWithData('imported classifiers', 'models', (folder) => {
  const open = (name: keyof typeof models) => {
    const { side, channels, scale } = models[name]
    const source = decodeModel(readFileSync(join(folder, name)))
    const { model } = importClassifier(source, { input: scale })
    verifyModel(model)
    const bytes = pictures(side, channels)
    return { source, model, bytes, images: new Tensor('uint8', [batch, side, side, channels], bytes) }
  }

  test.each(Object.keys(models) as (keyof typeof models)[])('%s scores as the file does', async (name) => {
    const { side, channels, scale } = models[name]
    const { source, model, bytes, images } = open(name)
    const floats = planar(bytes, side, channels, scale === 'raw' ? 1 : 1 / 255)
    const input = source.graph.inputs[0]!
    const wanted: number[] = []
    // One picture at a time: some files are fixed to that.
    for (let i = 0; i < batch; i++) {
      const size = floats.length / batch
      wanted.push(
        ...(await firstOutput(source, { [input.name]: Tensor.float32([1, channels, side, side], floats.slice(i * size, (i + 1) * size)) })),
      )
    }
    const found = await firstOutput(model, { images })
    const probabilities = name === 'mnist.onnx' ? softmaxRows(wanted, 10) : wanted
    found.forEach((value, i) => {
      expect(Math.abs(value - probabilities[i]!)).toBeLessThan(1e-4)
    })
  })

  test.each(['resnet8_cifar10_mlperf.onnx', 'resnet8_cifar10_st.onnx'] as const)(
    '%s has three blocks, each of which can be opened',
    async (name) => {
      const { model, images } = open(name)
      expect(findResidualBlocks(model.graph)).toHaveLength(3)
      const renewed = replaceHead(model, ['a', 'b'], new Random(0, 'head'))
      const counts: number[] = []
      for (const spec of ['head', 'blocks:1', 'blocks:2', 'blocks:3', 'none']) {
        const { losses: found, trained } = await losses(renewed, spec, images)
        expect(found.at(-1), `${spec}: ${found}`).toBeLessThan(found[0]!)
        counts.push(trained)
      }
      // 64 features to 2 classes; then what each block adds; the stem at last.
      expect(counts[0]).toBe(130)
      expect(counts).toEqual([...counts].sort((a, b) => a - b))
      expect(new Set(counts).size).toBe(5)
      expect(() => freeze(renewed, readMetadata(renewed), 'blocks:4')).toThrow(/blocks:1 to blocks:3/)
    },
  )

  test('mnist.onnx learns two classes of digits from its own features', async () => {
    const { model, images } = open('mnist.onnx')
    const renewed = replaceHead(model, ['even', 'odd'], new Random(0, 'head'))
    const { losses: found, trained } = await losses(renewed, 'none', images)
    expect(found.every(Number.isFinite)).toBe(true)
    // Two convolutions with their biases, 256 features to 2 classes.
    expect(trained).toBe(200 + 8 + 3200 + 16 + 512 + 2)
    expect(() => freeze(renewed, readMetadata(renewed), 'blocks:1')).toThrow(/the model has no residual blocks/)
  })
})
