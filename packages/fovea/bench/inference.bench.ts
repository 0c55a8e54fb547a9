// From pictures to scores, each network at its own size: sessions of ours, on this thread and in a worker, against plain ONNX Runtime and PyTorch.
//
// The demand: never slower than ONNX Runtime with its default settings on the same graph by more than 2 %. Two sessions of the very same
// settings differ by that much, by where their memory happens to lie; so each case is opened several times, the calls of one opening are
// interleaved in random order, and what is compared are the times that a tenth of the calls stays below, paired by opening.

import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node'
import { encodeModel } from '../src/graph/codec/encode.ts'
import type { Model } from '../src/graph/model.ts'
import { sizeOf, Tensor } from '../src/graph/tensor.ts'
import { buildClassifier } from '../src/model/build-classifier.ts'
import { architectureOf } from '../src/nn/architectures.ts'
import { SessionStore } from '../src/runtime/session-store.ts'
import { Random } from '../src/util/random.ts'
import { type BenchmarkCase, type BenchmarkOptions, median, quantile } from './measure.ts'
import { findPeer, runPeer } from './peer.ts'

export const name = 'inference, milliseconds a batch'

const threads = 2
/** Our names with timm's. */
const networks = {
  resnet18: 'resnet18',
  'mobilevit-xxs': 'mobilevit_xxs',
  mobilenetv2: 'mobilenetv2_100',
  'vit-tiny': 'vit_tiny_patch16_224',
  'efficientnet-b0': 'efficientnet_b0',
  'convnext-tiny': 'convnext_tiny',
} as const

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const openings = quick ? 1 : 13
  const seconds = quick ? 1 : 4
  const wanted = process.env.FOVEA_BENCH_MODELS?.split(',')
  const peer = await findPeer()
  for (const [id, timm] of Object.entries(networks)) {
    if (wanted !== undefined && !wanted.includes(id)) continue
    const { inputSize: side } = architectureOf(id).defaults
    const model = buildClassifier(id, { labels: Array.from({ length: 1000 }, (_, i) => `${i}`), imageSize: [side, side] })
    for (const batch of [1, 8]) {
      const rounds: Record<Way, number>[] = []
      const theirs: number[] = []
      for (let opening = 0; opening < openings; opening++) {
        rounds.push(await measureOpening(model, [batch, side, side, 3], seconds, opening))
        if (!('skipped' in peer) && opening % 6 === 0)
          theirs.push(
            Number((await runPeer(peer, 'inference.py', [timm, batch, side, 2 * seconds, threads], { threads }))[0]!.milliseconds),
          )
      }
      const of = (way: Way) => median(rounds.map((round) => round[way]))
      for (const [way, words] of [
        ['thread', 'on this thread'],
        ['worker', 'in a worker'],
      ] as const) {
        const ratios = rounds.map((round) => round[way] / round.plain)
        const details = { openings, slower: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) }
        const common = { unit: 'ms', better: 'lower', fovea: of(way) } as const
        yield { ...common, name: `${id}, batch ${batch}, ${words}`, peer: { name: 'ONNX Runtime', value: of('plain') }, details }
      }
      const against = 'skipped' in peer ? { noPeer: peer.skipped } : { peer: { name: peer.name, value: median(theirs) } }
      yield { name: `${id}, batch ${batch}`, unit: 'ms', better: 'lower', fovea: of('worker'), ...against }
    }
  }
}

const ways = ['plain', 'thread', 'worker'] as const
type Way = (typeof ways)[number]

function shuffled(random: Random): Way[] {
  return Array.from(random.permutation(ways.length), (i) => ways[i]!)
}

/** The fast tenths of one opening of all sessions, their calls in turns of four, of which the first is not counted. */
async function measureOpening(model: Model, dims: readonly number[], seconds: number, seed: number): Promise<Record<Way, number>> {
  const random = new Random(seed, 'inference')
  const bytes = Uint8Array.from({ length: sizeOf(dims) }, () => random.integer(0, 256))
  const images = new Tensor('uint8', dims, bytes)
  const output = model.graph.outputs[0]!.name
  const store = new SessionStore({ mostIdle: 0 })
  const calls = new Map<Way, { call: () => Promise<unknown>; close: () => Promise<void> }>()
  const openers: Record<Way, () => Promise<void>> = {
    plain: async () => {
      const session = await InferenceSession.create(encodeModel(model))
      const call = () => session.run({ images: new RuntimeTensor('uint8', bytes, dims) }, [output])
      calls.set('plain', { call, close: () => session.release() })
    },
    thread: () => openOurs('thread'),
    worker: () => openOurs('worker'),
  }
  const openOurs = async (way: Way) => {
    const session = await store.acquire(model, { threads, worker: way === 'worker' })
    calls.set(way, { call: () => session.run({ images }, { outputs: [output] }), close: () => session.close() })
  }
  for (const way of shuffled(random)) await openers[way]()
  const times: Record<Way, number[]> = { plain: [], thread: [], worker: [] }
  const end = performance.now() + 1000 * seconds
  for (let round = 0; round < 3 || performance.now() < end; round++)
    for (const way of shuffled(random))
      for (let i = 0; i < 4; i++) {
        const begin = performance.now()
        await calls.get(way)!.call()
        if (i > 0) times[way].push(performance.now() - begin)
      }
  for (const { close } of calls.values()) await close()
  await store.closeAll()
  return { plain: quantile(times.plain, 0.1), thread: quantile(times.thread, 0.1), worker: quantile(times.worker, 0.1) }
}
