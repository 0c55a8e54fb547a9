// Raising the opset against the standard's own cases and against ONNX Runtime: the newer form computes what the older one did.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dataInputs } from '../../src/graph/analysis.ts'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import type { Model } from '../../src/graph/model.ts'
import { readModel } from '../../src/graph/reader.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../../src/graph/tensor-values.ts'
import { verifyModel } from '../../src/graph/verifier.ts'
import { ndarrayOf } from '../../src/ops/evaluate.ts'
import { raiseOpset } from '../../src/passes/raise-opset.ts'
import { openSession } from '../../src/runtime/session.ts'
import { opsetCases } from '../opset-cases.ts'
import { randomFeeds } from '../random-feeds.ts'
import { describeWithData } from '../shared-data.ts'
import { caseNames, differenceOf, readCase } from './node-cases.ts'
import { outOfScope, referenceProblem } from './reference.ts'
import { referenceSkips } from './skips.ts'

/** Cases that cannot be raised, with the reason; the list can only shrink. */
const skips: Readonly<Record<string, string>> = {
  test_scan_sum: 'a Scan of opset 8 goes over batches of sequences',
}

async function runOnRuntime(model: Model, feeds: Readonly<Record<string, Tensor>>): Promise<Tensor[]> {
  const session = await openSession(model, { worker: false, threads: 1 })
  try {
    const results = await session.run(feeds)
    return model.graph.outputs.map(({ name }) => results[name]!)
  } finally {
    await session.close()
  }
}

/** The first difference between the two models on ONNX Runtime. */
async function runtimeDifference(before: Model, after: Model, feeds: Readonly<Record<string, Tensor>>): Promise<string | undefined> {
  const [wanted, found] = [await runOnRuntime(before, feeds), await runOnRuntime(after, feeds)]
  return wanted.map((tensor, i) => differenceOf(ndarrayOf(found[i]!), tensor, { relative: 1e-5, absolute: 1e-6 })).find(Boolean)
}

describeWithData('the ONNX node tests in opset 21', 'onnx-node-tests', (folder) => {
  const old = caseNames(folder).filter((name) => (readCase(folder, name).model.opsets.get('') ?? 21) < 21)

  test('give the stored outputs on the reference', () => {
    const problems: string[] = []
    let agreed = 0
    for (const name of old) {
      const read = readCase(folder, name)
      if (name in skips) {
        expect(() => raiseOpset(read.model), name).toThrow(/OPSET_UNSUPPORTED/)
        continue
      }
      const { model } = raiseOpset(read.model)
      verifyModel(model)
      expect(model.opsets.get('')).toBe(21)
      expect(raiseOpset(model).modified, `${name}: raised twice`).toBe(false)
      if (outOfScope(read) !== undefined || name in referenceSkips) continue
      const problem = referenceProblem({ ...read, model })
      if (problem === undefined) agreed++
      else problems.push(`${name}: ${problem}`)
    }
    expect(problems).toEqual([])
    expect(agreed).toBeGreaterThanOrEqual(876)
  })

  test('give on ONNX Runtime what they gave before', async () => {
    const problems: string[] = []
    let agreed = 0
    for (const name of old) {
      const { model, inputs } = readCase(folder, name)
      if (name in skips || inputs.includes(undefined)) continue
      const feeds = Object.fromEntries(model.graph.inputs.map(({ name: input }, i) => [input, inputs[i]!]))
      const wanted = await runOnRuntime(model, feeds).catch(() => undefined)
      if (wanted === undefined || wanted.some(({ dtype }) => dtype === 'string')) continue
      const found = await runOnRuntime(raiseOpset(model).model, feeds).catch((error: unknown) => String(error))
      if (typeof found === 'string') problems.push(`${name}: ${found}`)
      else {
        const problem = wanted.map((tensor, i) => differenceOf(ndarrayOf(found[i]!), tensor)).find(Boolean)
        if (problem !== undefined) problems.push(`${name}: ${problem}`)
        else agreed++
      }
    }
    expect(problems).toEqual([])
    expect(agreed).toBeGreaterThan(900)
  })
})

describe('older forms on ONNX Runtime', () => {
  const asked = opsetCases.filter(({ notOnRuntime }) => notOnRuntime === undefined)

  test.each(asked)('opset $opset, $name', async ({ before }) => {
    const model = readModel(before)
    const feeds = Object.fromEntries(
      [...randomFeeds(model, { N: 2 })].map(([name, { dtype, dims, data }]) => [name, tensorOfNumbers(dtype, dims, data)]),
    )
    expect(await runtimeDifference(model, raiseOpset(model).model, feeds)).toBeUndefined()
  })
})

describeWithData('imported models in opset 21', 'models', (folder) => {
  test.each(['mnist.onnx', 'resnet8_cifar10_mlperf.onnx', 'resnet8_cifar10_st.onnx'])('%s gives the same scores', async (name) => {
    const model = decodeModel(readFileSync(join(folder, name)))
    const raised = raiseOpset(model).model
    verifyModel(raised)
    expect(dataInputs(raised.graph)).toEqual(raised.graph.inputs.map((input) => input.name))
    const feeds = Object.fromEntries(
      [...randomFeeds(raised, { N: 4 })].map(([input, { dtype, dims, data }]) => [input, tensorOfNumbers(dtype, dims, data)]),
    )
    const [[before], [after]] = [await runOnRuntime(model, feeds), await runOnRuntime(raised, feeds)]
    expect([...numbersOf(after!)]).toEqual([...numbersOf(before!)])
  })
})
