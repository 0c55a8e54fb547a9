// Features of one layer, cut out of the graph, against running the whole model with that value as an output.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeModel } from '../src/graph/codec/decode.ts'
import type { Model } from '../src/graph/model.ts'
import { Tensor } from '../src/graph/tensor.ts'
import { buildClassifier } from '../src/model/build-classifier.ts'
import { importModel } from '../src/model/import-model.ts'
import { type ModelMetadata, readMetadata } from '../src/model/metadata.ts'
import { extract } from '../src/passes/extract.ts'
import { openSession } from '../src/runtime/session.ts'
import { channelsOf } from '../src/vision/preprocessing.ts'
import { sharedData } from '../test/shared-data-path.ts'
import { type BenchmarkCase, type BenchmarkOptions, measureInTurn } from './measure.ts'

export const name = 'conv3 cut out of the graph against the whole model, one picture, ms'

const threads = 2

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  for (const [name, { model, metadata }] of cases()) {
    const value = metadata.stages.conv3!
    const [height, width] = metadata.preprocessing.size!
    const channels = channelsOf(metadata.preprocessing)
    const images = new Tensor('uint8', [1, height, width, channels], new Uint8Array(height * width * channels).fill(90))
    const outputs = [...model.graph.outputs, { name: value }]
    const part = extract(model, { outputs: [value] })
    const cut = await openSession(part, { threads, worker: false })
    const whole = await openSession({ ...model, graph: { ...model.graph, outputs } }, { threads, worker: false })
    try {
      const [ours, theirs] = await measureInTurn([() => cut.run({ images }), () => whole.run({ images })], {
        repeats: quick ? 5 : 50,
        milliseconds: quick ? 100 : 3000,
      })
      yield {
        name,
        unit: 'ms',
        better: 'lower',
        fovea: ours!.median,
        peer: { name: 'the whole model', value: theirs!.median },
        details: { repeats: ours!.repeats, nodes: `${part.graph.nodes.length} of ${model.graph.nodes.length}`, fastest: ours!.fastest },
      }
    } finally {
      await cut.close()
      await whole.close()
    }
  }
}

function* cases(): Generator<[string, { model: Model; metadata: ModelMetadata }]> {
  const folder = sharedData('models')
  for (const [name, file] of Object.entries({ FastestDet: 'fastestdet/FastestDet.onnx', 'ResNet-8': 'resnet8_cifar10_mlperf.onnx' }))
    if (folder !== undefined && existsSync(join(folder, file)))
      yield [name, importModel(decodeModel(readFileSync(join(folder, file))), { input: 'unit' })]
  const model = buildClassifier('resnet18', { labels: ['a', 'b'] })
  yield ['ResNet-18', { model, metadata: readMetadata(model) }]
}
