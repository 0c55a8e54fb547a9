// Fine-tuning ResNet-18 at 224x224: the last three residual blocks, with and without cached features, and a new head only.

import { Tensor } from '../src/graph/tensor.ts'
import { buildClassifier } from '../src/model/build-classifier.ts'
import { readMetadata } from '../src/model/metadata.ts'
import { openSession } from '../src/runtime/session.ts'
import { type FrozenModel, freeze, withPrefixInside } from '../src/train/freeze.ts'
import { resolveRecipe } from '../src/train/options.ts'
import { blockFor, compile } from '../src/train/prepare.ts'
import { classTargets, StepRunner } from '../src/train/step-runner.ts'
import { Random } from '../src/util/random.ts'
import { type BenchmarkCase, type BenchmarkOptions, measure, median } from './measure.ts'
import { findPeer, runPeer } from './peer.ts'

export const name = 'fine-tuning ResNet-18 at 224x224, images/s'

const batch = 16
const threads = 2
const labels = Array.from({ length: 10 }, (_, i) => `${i}`)

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const rounds = quick ? 1 : 3
  const steps = quick ? 2 : 8
  const peer = await findPeer()
  const cases = [
    { name: 'last 3 blocks, pictures in (PyTorch alike)', spec: 'blocks:3', mode: 'blocks3', cached: false },
    { name: 'last 3 blocks, frozen prefix cached (PyTorch: pictures in)', spec: 'blocks:3', mode: 'blocks3', cached: true },
    { name: 'head only, features cached on both sides', spec: 'head', mode: 'head', cached: true },
  ] as const
  for (const one of cases) {
    const ours: number[] = []
    const theirs: number[] = []
    const step = await openStep(one.spec, one.cached)
    try {
      for (let round = 0; round < rounds; round++) {
        ours.push((1000 * batch) / (await measure(step.run, { warmUp: 2, repeats: steps, milliseconds: 0 })).median)
        if (!('skipped' in peer))
          theirs.push(Number((await runPeer(peer, 'transfer.py', [one.mode, batch, steps], { threads }))[0]!.images_per_second))
      }
    } finally {
      await step.close()
    }
    yield {
      name: one.name,
      unit: 'images/s',
      better: 'higher',
      fovea: median(ours),
      ...('skipped' in peer ? { noPeer: peer.skipped } : { peer: { name: peer.name, value: median(theirs) } }),
      details: { batch, rounds },
    }
  }
}

/** A training step as the trainer compiles it, fed with pictures, or with the frozen prefix's features. */
async function openStep(spec: string, cached: boolean): Promise<{ run: () => Promise<unknown>; close: () => Promise<void> }> {
  const model = buildClassifier('resnet18', { labels, imageSize: [224, 224] })
  const metadata = readMetadata(model)
  const samples = labels.map((path, label) => ({ path, label }))
  const train = { classes: labels, samples: Array.from({ length: batch }, () => samples).flat() }
  const options = {
    train,
    out: '',
    freeze: spec,
    batchSize: batch,
    imageSize: 224,
    optimizer: 'sgd',
    labelSmoothing: 0,
    clipNorm: 0,
    threads,
  } as const
  const recipe = resolveRecipe(options, { name: 'resnet18', imageSize: [224, 224], defaultSize: 224, pretrained: true })
  const cut = freeze(model, metadata, spec)
  const frozen = cached ? cut : withPrefixInside(model, metadata, cut)
  const runner = await StepRunner.open(compile(frozen, metadata, recipe, await blockFor(recipe)), 0, { threads })
  const random = new Random(1)
  const images = new Tensor(
    'uint8',
    [batch, 224, 224, 3],
    Uint8Array.from({ length: batch * 224 * 224 * 3 }, () => random.integer(0, 256)),
  )
  const targets = classTargets(Int32Array.from({ length: batch }, (_, i) => i % 10))
  const input = cached ? await featuresOf(cut, images) : images
  return {
    run: async () => runner.run({ batch: { [frozen.cut]: input, targets }, learningRate: 0.01, update: 1, position: 0 }),
    close: () => runner.close(),
  }
}

async function featuresOf({ prefix, cut }: FrozenModel, images: Tensor): Promise<Tensor> {
  const session = await openSession(prefix!, { threads })
  try {
    return (await session.run({ [session.inputs[0]!.name]: images }))[cut]!
  } finally {
    await session.close()
  }
}
