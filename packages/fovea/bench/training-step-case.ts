// One case of the training-step benchmark, as a process of its own, so that its peak memory is its own:
// `node training-step-case.ts BATCH SIZE LAYOUT STEPS THREADS NETWORK [profile]` prints one JSON line.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sizeOf, Tensor } from '../src/graph/tensor.ts'
import { buildNetwork } from '../src/nn/architectures.ts'
import { crossEntropy } from '../src/nn/losses.ts'
import { sgd } from '../src/nn/optimizers.ts'
import { findTrainable } from '../src/passes/trainable.ts'
import { buildTrainingStep, type TrainingStep } from '../src/passes/training-step.ts'
import { openSession } from '../src/runtime/session.ts'
import { blockFor } from '../src/train/prepare.ts'
import { Random } from '../src/util/random.ts'
import { peakMemory } from './measure.ts'

/** Milliseconds of each operator in one step, forward and gradient apart: the least of several runs for every node, summed. */
export type OperatorTimes = Readonly<Record<string, number>>

function stepFor(name: string, batch: number, size: number, block: number | undefined): TrainingStep {
  const stem = name === 'resnet18' ? ({ stem: 'cifar' } as const) : {}
  const network = buildNetwork(name, { ...stem, classes: 10, batch, inputSize: size, dropout: 0 })
  return buildTrainingStep(network.model, {
    parameters: findTrainable(network.model.graph, 'pixels').map(({ name, kind }) => ({ name, decay: kind === 'weight' })),
    loss: (b) => {
      const targets = b.input('targets', 'int64', [batch])
      return { loss: crossEntropy(b, { value: network.logits.value, channels: 10 }, targets) }
    },
    optimizer: sgd({ momentum: 0.9 }),
    ...(block === undefined ? {} : { blockedLayout: { block } }),
  })
}

async function operatorTimes(folder: string): Promise<OperatorTimes> {
  const least = new Map<string, { op: string; milliseconds: number }>()
  for (const file of await readdir(folder)) {
    const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as { name: string; dur: number; args?: { op_name?: string } }[]
    for (const { name, dur, args } of events) {
      if (!name.endsWith('_kernel_time') || args?.op_name === undefined) continue
      const known = least.get(name)?.milliseconds ?? Number.POSITIVE_INFINITY
      const op = name.startsWith('grad/') ? `${args.op_name} (gradient)` : args.op_name
      least.set(name, { op, milliseconds: Math.min(known, dur / 1000) })
    }
  }
  const sums = new Map<string, number>()
  for (const { op, milliseconds } of least.values()) sums.set(op, (sums.get(op) ?? 0) + milliseconds)
  return Object.fromEntries([...sums].sort((a, b) => b[1] - a[1]))
}

async function main([batch, size, layout, steps, threads, network, profile]: readonly string[]): Promise<void> {
  const block = await blockFor({ device: 'cpu', layout: layout === 'standard' ? 'standard' : 'auto' })
  const step = stepFor(network!, Number(batch), Number(size), block)
  const folder = profile === undefined ? undefined : await mkdtemp(join(tmpdir(), 'training-step-'))
  const session = await openSession(step.model, {
    worker: false,
    threads: Number(threads),
    memoryPattern: false,
    carry: step.carry,
    initialState: step.initialState,
    ...(folder === undefined ? {} : { profilePrefix: join(folder, 'profile') }),
  })
  const random = new Random(1)
  const dims = [Number(batch), 3, Number(size), Number(size)]
  const feeds = {
    pixels: Tensor.float32(
      dims,
      Float32Array.from({ length: sizeOf(dims) }, () => random.uniform(-1, 1)),
    ),
    targets: Tensor.int64(
      [dims[0]!],
      Array.from({ length: dims[0]! }, (_, i) => i % 10),
    ),
    learning_rate: Tensor.scalar(0.02),
  }
  const milliseconds: number[] = []
  for (let i = 0; i < Number(steps) + 2; i++) {
    const begin = performance.now()
    await session.run({ ...feeds, step: Tensor.scalar(i + 1) })
    if (i >= 2) milliseconds.push(performance.now() - begin)
  }
  const peak = peakMemory()
  await session.close()
  const operators = folder === undefined ? {} : { operators: await operatorTimes(folder) }
  if (folder !== undefined) await rm(folder, { recursive: true })
  console.log(JSON.stringify({ layout: block === undefined ? 'standard' : `blocked by ${block}`, milliseconds, peak, ...operators }))
}

await main(process.argv.slice(2))
