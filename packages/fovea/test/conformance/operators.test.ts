// The op table against the ONNX standard's own cases: shape inference and the reference evaluator.

import { expect, test } from 'vitest'
import { describeWithData } from '../shared-data.ts'
import { caseNames, readCase } from './node-cases.ts'
import { inferenceProblem, outOfScope, referenceProblem } from './reference.ts'
import { referenceSkips } from './skips.ts'

function problemOf(run: () => string | undefined): string | undefined {
  try {
    return run()
  } catch (error) {
    return String(error)
  }
}

describeWithData('operators against the ONNX node tests', 'onnx-node-tests', (folder) => {
  const cases = caseNames(folder)

  test.each([
    ['shape inference agrees with the stored outputs', inferenceProblem],
    ['the reference evaluator agrees with the stored outputs', referenceProblem],
  ] as const)('%s', (_, find) => {
    const problems: string[] = []
    let agreed = 0
    for (const name of cases) {
      const read = readCase(folder, name)
      if (outOfScope(read) !== undefined || name in referenceSkips) continue
      const problem = problemOf(() => find(read))
      if (problem === undefined) agreed++
      else problems.push(`${name}: ${problem}`)
    }
    expect(problems).toEqual([])
    expect(agreed).toBeGreaterThan(1190)
  })

  test('every skipped case still fails, and the reason stands beside it', () => {
    const passing = Object.keys(referenceSkips).filter((name) => {
      const read = readCase(folder, name)
      return (
        outOfScope(read) !== undefined || (problemOf(() => inferenceProblem(read)) ?? problemOf(() => referenceProblem(read))) === undefined
      )
    })
    expect(passing).toEqual([])
  })
})
