// Every network of the table on ONNX Runtime, at two sizes and batches, against the float64 reference.

import { describe, expect, test } from 'vitest'
import { sizeOf, Tensor } from '../../src/graph/tensor.ts'
import { loadStateDict } from '../../src/model/weights/state-dict.ts'
import { architectureNames, architectureOf } from '../../src/nn/architectures.ts'
import { evaluateModel, ndarrayOf } from '../../src/ops/evaluate.ts'
import { openSession } from '../../src/runtime/session.ts'
import { formulaTensor, noise } from '../formula-weights.ts'
import { narrowNetwork } from '../narrow-network.ts'

const pictures = [
  [2, 64, 64],
  [1, 96, 80],
] as const

describe.each(architectureNames())('%s', (name) => {
  test.each(pictures)('%i pictures of %i x %i', async (batch, height, width) => {
    const { fixedSize = false } = architectureOf(name)
    const network = narrowNetwork(name, { values: 'zero', ...(fixedSize && { inputSize: [height, width] }) })
    const tensors = [...network.parameters.keys()].map(
      (path) => [path, formulaTensor(path, network.model.graph.initializers.get(path)!.dims)] as const,
    )
    const { model } = await loadStateDict(network, new Map(tensors))
    const outputs = Object.values(network.features).map(({ value }) => ({ name: value }))
    const whole = { ...model, graph: { ...model.graph, outputs } }
    const dims = [batch, 3, height, width]
    const pixels = Tensor.float32(
      dims,
      Float32Array.from(noise(sizeOf(dims), 3), (value) => 4 * value),
    )
    const session = await openSession(whole, { worker: false, threads: 1 })
    const found = await session.run({ pixels })
    await session.close()
    const wanted = evaluateModel(whole, new Map([['pixels', ndarrayOf(pixels)]]))
    for (const [stage, { value }] of Object.entries(network.features)) {
      const reference = wanted.get(value)!
      const { data, dims } = found[value]!
      expect(dims, stage).toEqual(reference.dims)
      const largest = reference.data.reduce((most, one) => Math.max(most, Math.abs(one)), 0)
      const error = reference.data.reduce((most, one, i) => Math.max(most, Math.abs(one - (data[i] as number))), 0)
      expect(largest, stage).toBeGreaterThan(1e-3)
      // float32 over a hundred layers, a few channels each.
      expect(error / largest, stage).toBeLessThan(5e-5)
    }
  })
})
