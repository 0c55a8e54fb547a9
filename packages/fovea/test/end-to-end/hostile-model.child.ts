// Opens, summarises and runs hostile model files as a user would, and prints what happened as JSON. Run by hostile-model.test.ts.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeModel } from '../../src/graph/codec/encode.ts'
import { buildClassifier } from '../../src/model/build-classifier.ts'
import { summarize } from '../../src/model/summary.ts'
import { DeepSeekVision } from '../../src/model/vision-model.ts'
import { isFoveaError } from '../../src/util/errors.ts'
import { Random } from '../../src/util/random.ts'
import { createImage } from '../../src/vision/image.ts'
import { mutate } from '../hostile-onnx.ts'
import { sharedData } from '../shared-data-path.ts'

const folder = mkdtempSync(join(tmpdir(), 'fovea-hostile-'))
const outcomes: Record<string, number> = {}
const failures: string[] = []
let slowest = 0

/** Our own model, and classifiers of others where they are at hand. */
function corpus(): Uint8Array[] {
  const own = encodeModel(buildClassifier('resnet-tiny', { labels: ['a', 'b'], imageSize: [32, 32], options: { widths: [4, 4, 8, 8] } }))
  const models = sharedData('models')
  const others =
    models === undefined
      ? []
      : ['mnist.onnx', 'resnet8_cifar10_mlperf.onnx'].map((name) => new Uint8Array(readFileSync(join(models, name))))
  return [own, ...others]
}

async function attempt(bytes: Uint8Array): Promise<string> {
  const file = join(folder, 'model.onnx')
  writeFileSync(file, bytes)
  try {
    await using model = await DeepSeekVision.load(file, { worker: false, threads: 1 })
    summarize(model.model)
    await model.predict(createImage(32, 32, 3))
    return 'answered'
  } catch (error) {
    if (isFoveaError(error)) return error.code
    throw error
  }
}

const files = corpus()
const count = Number(process.argv[2] ?? 300)
for (let i = 0; i < count; i++) {
  const start = performance.now()
  const random = new Random(i, 'hostile-model')
  try {
    const outcome = await attempt(mutate(files[i % files.length]!, files, random))
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  } catch (error) {
    failures.push(`mutation ${i}: ${error instanceof Error ? error.stack : error}`)
  }
  slowest = Math.max(slowest, performance.now() - start)
}
rmSync(folder, { recursive: true })
console.log(JSON.stringify({ count, outcomes, failures: failures.slice(0, 5), slowest }))
