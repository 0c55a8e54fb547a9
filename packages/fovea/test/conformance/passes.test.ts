// Simplifying passes against the ONNX standard's own cases: a simplified model still gives the stored outputs.

import { expect, test } from 'vitest'
import { verifyModel } from '../../src/graph/verifier.ts'
import { eliminateCommonSubexpressions } from '../../src/passes/eliminate-common-subexpressions.ts'
import { eliminateDeadNodes } from '../../src/passes/eliminate-dead-nodes.ts'
import { eliminateIdentities } from '../../src/passes/eliminate-identities.ts'
import { foldConstants } from '../../src/passes/fold-constants.ts'
import { runPasses } from '../../src/passes/pass.ts'
import { describeWithData } from '../shared-data.ts'
import { caseNames, type NodeCase, readCase } from './node-cases.ts'
import { outOfScope, referenceProblem } from './reference.ts'
import { referenceSkips } from './skips.ts'

const simplify = [foldConstants, eliminateIdentities, eliminateCommonSubexpressions, eliminateDeadNodes]

/** A case on which the reference itself disagrees is the business of operators.test.ts. */
function problemOf(read: NodeCase): string | undefined {
  try {
    return referenceProblem(read)
  } catch (error) {
    return String(error)
  }
}

describeWithData('simplified models of the ONNX node tests', 'onnx-node-tests', (folder) => {
  test('give the same results with no more nodes', () => {
    const problems: string[] = []
    let simplified = 0
    for (const name of caseNames(folder)) {
      const read = readCase(folder, name)
      if (outOfScope(read) !== undefined || name in referenceSkips || problemOf(read) !== undefined) continue
      const { model, modified } = runPasses(read.model, simplify)
      if (!modified) continue
      simplified++
      verifyModel(model)
      const problem = problemOf({ ...read, model })
      if (problem !== undefined) problems.push(`${name}: ${problem}`)
      if (model.graph.nodes.length > read.model.graph.nodes.length) problems.push(`${name}: more nodes than before`)
    }
    expect(problems).toEqual([])
    expect(simplified).toBeGreaterThan(200)
  })
})
