// ONNX Runtime, through our codec and our sessions, against the ONNX standard's own cases.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ndarrayOf } from '../../src/ops/evaluate.ts'
import { openSession } from '../../src/runtime/session.ts'
import { describeWithData } from '../shared-data.ts'
import { caseNames, differenceOf, type NodeCase, readCase } from './node-cases.ts'

/** Cases that do not agree, with the reason; the list can only shrink. */
const skips = JSON.parse(readFileSync(new URL('./runtime-skips.json', import.meta.url), 'utf8')) as Record<string, string>

async function problemOf({ model, inputs, outputs }: NodeCase): Promise<string | undefined> {
  const session = await openSession(model, { worker: false, threads: 1 })
  try {
    const feeds = Object.fromEntries(model.graph.inputs.flatMap(({ name }, i) => (inputs[i] === undefined ? [] : [[name, inputs[i]]])))
    const results = await session.run(feeds)
    for (const [i, { name }] of model.graph.outputs.entries()) {
      const expected = outputs[i]
      if (expected === undefined) return `${name}: the expected value is no tensor`
      const found = results[name]!
      const problem =
        expected.dtype === 'string' ? stringsDiffer(found.strings, expected.strings) : differenceOf(ndarrayOf(found), expected)
      if (problem !== undefined) return `${name}: ${problem}`
    }
    return undefined
  } finally {
    await session.close()
  }
}

function stringsDiffer(found: readonly string[], expected: readonly string[]): string | undefined {
  return found.join('\u0000') === expected.join('\u0000') ? undefined : `${found} instead of ${expected}`
}

describeWithData('ONNX Runtime against the ONNX node tests', 'onnx-node-tests', (folder) => {
  test('agrees at rtol 1e-3, atol 1e-5, but for the listed cases', async () => {
    const problems: string[] = []
    const mended: string[] = []
    let agreed = 0
    for (const name of caseNames(folder)) {
      const problem = await problemOf(readCase(folder, name)).catch((error: unknown) => String(error))
      // Random cases may agree by luck.
      if (problem === undefined) agreed++
      if (problem === undefined && name in skips && skips[name] !== 'random by definition') mended.push(name)
      if (problem !== undefined && !(name in skips)) problems.push(`${name}: ${problem}`)
    }
    expect(problems).toEqual([])
    expect(mended, 'agree now: strike them off the list').toEqual([])
    expect(agreed).toBeGreaterThanOrEqual(1405)
  })
})
