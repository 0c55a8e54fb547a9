// Loading models: several at once against one after another, one many times, and how long the event loop is held up meanwhile.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFileAtomically } from '../src/data/files.ts'
import { encodeModelChunks } from '../src/graph/codec/encode.ts'
import { buildClassifier } from '../src/model/build-classifier.ts'
import { DeepSeekVision } from '../src/model/vision-model.ts'
import { sessionStore } from '../src/runtime/session-store.ts'
import { type BenchmarkCase, type BenchmarkOptions, median } from './measure.ts'

export const name = 'loading models, and what the event loop notices'

const labels = Array.from({ length: 1000 }, (_, i) => `${i}`)

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const rounds = quick ? 1 : 7
  const folder = await mkdtemp(join(tmpdir(), 'fovea-loading-'))
  try {
    const four = await Promise.all([1, 2, 3, 4].map((seed) => write(folder, 'resnet18', seed)))
    const [large] = await Promise.all([write(folder, 'resnet50', 1)])
    const inTurn: Load[] = []
    const atOnce: Load[] = []
    const alone: Load[] = []
    const tenfold: Load[] = []
    const single: Load[] = []
    for (let round = 0; round < rounds; round++) {
      inTurn.push(await load(four, false))
      atOnce.push(await load(four, true))
      alone.push(await load([large!], true))
      single.push(await load([four[0]!], true))
      tenfold.push(
        await load(
          Array.from({ length: 10 }, () => four[0]!),
          true,
        ),
      )
    }
    const details = { rounds }
    const time = (loads: readonly Load[]) => median(loads.map(({ milliseconds }) => milliseconds))
    const hold = (loads: readonly Load[]) => median(loads.map(({ worstHold }) => worstHold))
    const common = { better: 'lower', unit: 'ms', details } as const
    yield { ...common, name: 'four ResNet-18 at once', fovea: time(atOnce), peer: { name: 'one after another', value: time(inTurn) } }
    yield { ...common, name: 'one ResNet-18 ten times', fovea: time(tenfold), peer: { name: 'once', value: time(single) } }
    yield { ...common, name: 'longest hold of the event loop, four ResNet-18 at once', fovea: hold(atOnce) }
    yield { ...common, name: 'longest hold of the event loop, ResNet-50 (98 MiB)', fovea: hold(alone) }
    yield { ...common, unit: 'MiB', name: 'memory of four ResNet-18, closed in the end', fovea: median(atOnce.map(({ memory }) => memory)) }
    yield { ...common, unit: 'MiB', name: 'of that not given back', fovea: median(atOnce.map(({ left }) => left)) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function write(folder: string, architecture: string, seed: number): Promise<string> {
  const file = join(folder, `${architecture}-${seed}.onnx`)
  await writeFileAtomically(file, encodeModelChunks(buildClassifier(architecture, { labels, imageSize: [224, 224], seed })).parts)
  return file
}

interface Load {
  readonly milliseconds: number
  /** Most time that this thread computed between two turns of the event loop: the wall clock would count what else the machine does. */
  readonly worstHold: number
  /** Growth of this process's memory while all are open, and after all were closed, in MiB. */
  readonly memory: number
  readonly left: number
}

async function load(files: readonly string[], atOnce: boolean): Promise<Load> {
  const before = await settledMemory()
  let worstHold = 0
  let last = process.threadCpuUsage()
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(last)
    worstHold = Math.max(worstHold, (user + system) / 1000)
    last = process.threadCpuUsage()
  }, 1)
  const begin = performance.now()
  let models: DeepSeekVision[] = []
  if (atOnce) models = await Promise.all(files.map((file) => DeepSeekVision.load(file)))
  else for (const file of files) models.push(await DeepSeekVision.load(file))
  const milliseconds = performance.now() - begin
  clearInterval(timer)
  const memory = (await settledMemory()) - before
  for (const model of models) await model.close()
  models = []
  await sessionStore().closeAll()
  return { milliseconds, worstHold, memory, left: (await settledMemory()) - before }
}

async function settledMemory(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 50))
  return process.memoryUsage.rss() / 2 ** 20
}
