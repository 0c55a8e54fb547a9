// Checks a pass by text before and text after, and that both texts compute the same.

import { expect } from 'vitest'
import { isStatic } from '../src/graph/dims.ts'
import type { Model } from '../src/graph/model.ts'
import { printModel } from '../src/graph/printer.ts'
import { readModel } from '../src/graph/reader.ts'
import { sizeOf } from '../src/graph/tensor.ts'
import { verifyModel } from '../src/graph/verifier.ts'
import { evaluateModel } from '../src/ops/evaluate.ts'
import { type NDArray, ndarray } from '../src/ops/ndarray.ts'
import type { PassResult } from '../src/passes/pass.ts'
import { Random } from '../src/util/random.ts'

/**
 * Runs a pass on a text and compares with a text. Without `after` the pass must leave the model alone. The given model must not
 * change, a second run must find nothing more, and where all inputs have static shapes the results must agree.
 */
export function checkPass(pass: (model: Model) => PassResult, before: string, after?: string): void {
  const model = readModel(before)
  const result = checkText(pass, before, after)
  const feeds = result === undefined ? undefined : feedsOf(model)
  if (feeds !== undefined) expect(evaluateModel(result!, feeds)).toEqual(evaluateModel(model, feeds))
}

/** As `checkPass`, for texts that the reference cannot evaluate. Returns the new model where there is one. */
export function checkText(pass: (model: Model) => PassResult, before: string, after?: string): Model | undefined {
  const model = readModel(before)
  const result = pass(model)
  expect(printModel(model), 'the model that was given').toBe(printModel(readModel(before)))
  expect(printModel(result.model)).toBe(printModel(readModel(after ?? before)))
  expect(result.modified).toBe(after !== undefined)
  if (after === undefined) {
    expect(result.model).toBe(model)
    return undefined
  }
  verifyModel(result.model)
  expect(pass(result.model).modified, 'modified by a second run').toBe(false)
  return result.model
}

/** Random values for the inputs without a default, or undefined where a shape is not static. */
function feedsOf({ graph }: Model): Map<string, NDArray> | undefined {
  const random = new Random(1, 'pass-check')
  const feeds = new Map<string, NDArray>()
  for (const { name, type } of graph.inputs) {
    if (graph.initializers.has(name)) continue
    if (type?.kind !== 'tensor' || !isStatic(type.dims)) return undefined
    const values = Float64Array.from({ length: sizeOf(type.dims) }, () =>
      type.dtype === 'bool' ? random.integer(0, 2) : random.uniform(-1, 1),
    )
    feeds.set(name, ndarray(type.dtype, type.dims, values))
  }
  return feeds
}
