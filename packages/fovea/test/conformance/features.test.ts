// Features of other tools' models: what is cut out gives what the whole model computes there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import type { Model } from '../../src/graph/model.ts'
import { Tensor } from '../../src/graph/tensor.ts'
import { numbersOf } from '../../src/graph/tensor-values.ts'
import { importModel } from '../../src/model/import-model.ts'
import { readMetadata } from '../../src/model/metadata.ts'
import { replaceHead } from '../../src/model/replace-head.ts'
import { DeepSeekVision } from '../../src/model/vision-model.ts'
import { extract } from '../../src/passes/extract.ts'
import { openSession } from '../../src/runtime/session.ts'
import { freeze } from '../../src/train/freeze.ts'
import { Random } from '../../src/util/random.ts'
import { createImage } from '../../src/vision/image.ts'
import { packFloats } from '../../src/vision/tensor-pack.ts'
import { describeWithData } from '../shared-data.ts'

const options = { worker: false, threads: 1 } as const

const models = {
  'fastestdet/FastestDet.onnx': { task: 'features', stages: ['stem', 'conv2', 'conv3', 'conv4', 'conv5', 'p4'], layers: ['conv3', 'p4'] },
  'resnet8_cifar10_mlperf.onnx': {
    task: 'classify',
    stages: ['stem', 'conv2', 'conv3', 'conv4', 'embedding'],
    layers: ['conv3', 'embedding'],
  },
  'resnet8_cifar10_st.onnx': { task: 'classify', stages: ['stem', 'conv2', 'conv3', 'conv4', 'embedding'], layers: ['conv3', 'embedding'] },
  'mnist.onnx': { task: 'classify', stages: ['stem', 'conv3', 'embedding'], layers: ['conv3', 'embedding'] },
} as const

/** All outputs of a model, and these values too, for one picture. */
async function runWhole(model: Model, feeds: Readonly<Record<string, Tensor>>, values: readonly string[]): Promise<Record<string, Tensor>> {
  const outputs = [
    ...model.graph.outputs,
    ...values.filter((name) => !model.graph.outputs.some((o) => o.name === name)).map((name) => ({ name })),
  ]
  const session = await openSession({ ...model, graph: { ...model.graph, outputs } }, options)
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

function expectNear(found: ArrayLike<number | bigint>, wanted: ArrayLike<number>, tolerance = 1e-4): void {
  expect(found.length).toBe(wanted.length)
  const scale = Array.from(wanted).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6)
  for (let i = 0; i < wanted.length; i++)
    if (!(Math.abs(Number(found[i]) - wanted[i]!) <= tolerance * scale)) expect(`${i}: ${found[i]}`).toBe(wanted[i])
}

describeWithData('features of imported models', 'models', (folder) => {
  test.each(Object.entries(models))('%s', async (name, { task, stages, layers }) => {
    const source = decodeModel(readFileSync(join(folder, name)))
    const { model, metadata } = importModel(source, { input: 'unit' })
    expect(metadata.task).toBe(task)
    expect(Object.keys(metadata.stages)).toEqual(expect.arrayContaining([...stages]))
    const { size, color } = metadata.preprocessing
    const [height, width] = size!
    const channels = color === 'gray' ? 1 : 3
    const random = new Random(2, 'pictures')
    const images = [0, 1].map(() =>
      createImage(
        width,
        height,
        channels,
        Uint8Array.from({ length: width * height * channels }, () => random.integer(0, 256)),
      ),
    )

    const opened = await DeepSeekVision.of(model, metadata, options)
    const found = await opened.extractFeatures(images, { layer: layers })
    await opened.close()
    const input = source.graph.inputs[0]!.name
    for (const [i, image] of images.entries()) {
      // The file as it came, which is fixed to one picture at a time; its stages have the same names there.
      const floats = packFloats([image], { ...metadata.preprocessing, layout: 'nchw' })
      const wanted = await runWhole(source, { [input]: Tensor.float32(floats.shape, floats.data) }, [metadata.stages.conv3!])
      const conv3 = found.conv3!
      const length = conv3.data.length / images.length
      expectNear(conv3.data.slice(i * length, (i + 1) * length) as Float32Array, numbersOf(wanted[metadata.stages.conv3!]!))
      // The imported model whole, for the layers whose values the clean-up made.
      const whole = await runWhole(
        model,
        { images: new Tensor('uint8', [1, height, width, channels], image.data) },
        layers.map((layer) => metadata.stages[layer]!),
      )
      for (const layer of layers) {
        const { data, value } = found[layer]!
        const size = data.length / images.length
        expectNear(data.slice(i * size, (i + 1) * size) as Float32Array, numbersOf(whole[value]!))
      }
      // What the file gives, the imported model gives too, both pictures in one batch.
      if (task === 'features') {
        const bytes = new Uint8Array([...images[0]!.data, ...images[1]!.data])
        const both = await runWhole(model, { images: new Tensor('uint8', [2, height, width, channels], bytes) }, [])
        for (const { name } of source.graph.outputs) {
          const all = numbersOf(both[name]!)
          expectNear(all.slice((i * all.length) / 2, ((i + 1) * all.length) / 2), numbersOf(wanted[name]!))
        }
      }
    }
    const part = extract(model, { outputs: [metadata.stages.conv3!] })
    expect(part.graph.nodes.length).toBeLessThan(model.graph.nodes.length)
  })

  test('a detector is given a head, and can be frozen at its stages', () => {
    const { model } = importModel(decodeModel(readFileSync(join(folder, 'fastestdet/FastestDet.onnx'))), { input: 'unit' })
    const headed = replaceHead(model, ['a', 'b', 'c'], new Random(0, 'head'))
    const metadata = readMetadata(headed)
    expect(metadata).toMatchObject({ task: 'classify', labels: ['a', 'b', 'c'] })
    const trained = (spec: string) =>
      freeze(headed, metadata, spec).parameters.reduce((sum, { name }) => sum + headed.graph.initializers.get(name)!.size, 0)
    expect(trained('head')).toBe(3 * 192 + 3)
    const counts = ['head', 'conv4', 'conv3', 'conv2', 'none'].map(trained)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(new Set(counts).size).toBe(5)
  })
})
