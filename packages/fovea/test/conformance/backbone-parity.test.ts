// Backbones against PyTorch: the same weights under the same names give what timm computes (bench/peers/backbone_golden.py).

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Model } from '../../src/graph/model.ts'
import { Tensor } from '../../src/graph/tensor.ts'
import { openSafetensors } from '../../src/model/safetensors/file.ts'
import { loadStateDict } from '../../src/model/weights/state-dict.ts'
import { buildNetwork, type Network, type NetworkOptions } from '../../src/nn/architectures.ts'
import { openSession } from '../../src/runtime/session.ts'
import { formulaTensor, noise } from '../formula-weights.ts'

const batch = 2

interface Sample {
  readonly dims: readonly number[]
  readonly largest: number
  readonly values: readonly number[]
}

interface Case {
  readonly architecture: string
  readonly size: readonly [height: number, width: number]
  readonly outputs: Readonly<Record<string, Sample>>
}

interface Golden {
  readonly formula: readonly Case[]
  readonly trained: readonly (Case & { readonly file: string; readonly options: NetworkOptions })[]
}

const folder = join(import.meta.dirname, '../golden')
const golden = JSON.parse(readFileSync(join(folder, 'backbones.json'), 'utf8')) as Golden

/** The largest error of each output, as a part of the largest value. */
async function errorsOf(model: Model, { features }: Network, { size: [height, width], outputs }: Case) {
  const names = Object.fromEntries(Object.keys(outputs).map((stage) => [stage, features[stage]!.value]))
  const graph = { ...model.graph, outputs: Object.values(names).map((name) => ({ name })) }
  const session = await openSession({ ...model, graph }, { worker: false })
  const dims = [batch, 3, height, width]
  const pixels = Float32Array.from(noise(batch * 3 * height * width, 99), (value) => 4 * Math.fround(value))
  const results = await session.run({ pixels: Tensor.float32(dims, pixels) })
  await session.close()
  return Object.entries(outputs).map(([stage, { dims, largest, values }]) => {
    const { data, dims: found } = results[names[stage]!]!
    expect(found, stage).toEqual(dims)
    const errors = values.map((value, i) => Math.abs((data[(i * 7919) % data.length] as number) - value))
    return { stage, error: Math.max(...errors) / largest }
  })
}

function expectSmall(errors: readonly { readonly stage: string; readonly error: number }[]): void {
  for (const { stage, error } of errors) expect(error, stage).toBeLessThan(1e-4)
}

describe('at full width, every tensor set by formula', () => {
  test.each(golden.formula)('$architecture', async (one) => {
    const network = buildNetwork(one.architecture, { values: 'zero', inputSize: one.size })
    const { initializers } = network.model.graph
    const tensors = new Map([...network.parameters.keys()].map((name) => [name, formulaTensor(name, initializers.get(name)!.dims)]))
    const { model } = await loadStateDict(network, tensors)
    expectSmall(await errorsOf(model, network, one))
  })
})

describe('at reduced width, from files that safetensors wrote of trained networks', () => {
  test.each(golden.trained)('$file', async ({ file, options, ...one }) => {
    const network = buildNetwork(one.architecture, { ...options, classes: 5, values: 'zero' })
    await using source = await openSafetensors(join(folder, file))
    const { model, report } = await loadStateDict(network, source)
    expect(report).toMatchObject({ missing: [], unexpected: [], misshaped: [], convention: 'timm' })
    expect(report.loaded).toHaveLength(network.parameters.size)
    expectSmall(await errorsOf(model, network, one))
  })
})
