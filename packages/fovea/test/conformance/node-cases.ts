// The operator cases of the ONNX standard, read from the shared data.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import { decodeTensor } from '../../src/graph/codec/decode-values.ts'
import { isStatic } from '../../src/graph/dims.ts'
import type { Model } from '../../src/graph/model.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { numbersOf } from '../../src/graph/tensor-values.ts'

export interface NodeCase {
  readonly name: string
  readonly model: Model
  readonly inputs: readonly (Tensor | undefined)[]
  readonly outputs: readonly (Tensor | undefined)[]
}

export function caseNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'model.onnx')))
    .sort()
}

/** Reads a case with its first data set. Values that are no tensors (sequences, optionals) are undefined. */
export function readCase(folder: string, name: string): NodeCase {
  const model = decodeModel(readFileSync(join(folder, name, 'model.onnx')))
  const data = join(folder, name, 'test_data_set_0')
  const tensors = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => readTensor(join(data, `${prefix}_${i}.pb`)))
  return { name, model, inputs: tensors('input', model.graph.inputs.length), outputs: tensors('output', model.graph.outputs.length) }
}

function readTensor(file: string): Tensor | undefined {
  if (!existsSync(file)) return undefined
  try {
    return decodeTensor(readFileSync(file))
  } catch {
    return undefined
  }
}

/** The first difference beyond |a - b| <= atol + rtol |b|, or undefined. NaN equals NaN. */
export function differenceOf(
  found: { readonly dims: readonly number[]; readonly data: ArrayLike<number> },
  expected: Tensor,
  tolerance = { relative: 1e-3, absolute: 1e-5 },
): string | undefined {
  if (found.dims.join() !== expected.dims.join()) return `shape [${found.dims}] instead of [${expected.dims}]`
  const wanted = numbersOf(expected)
  for (let i = 0; i < wanted.length; i++) {
    const a = found.data[i]!
    const b = wanted[i]!
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    if (!(Math.abs(a - b) <= tolerance.absolute + tolerance.relative * Math.abs(b))) return `element ${i} is ${a} instead of ${b}`
  }
  return undefined
}

/** True where an inferred shape does not contradict the real one and, if it is static, equals it. */
export function shapeAgrees(inferred: readonly (number | string | null)[] | undefined, real: readonly number[]): boolean {
  if (inferred === undefined) return false
  if (isStatic(inferred)) return inferred.join() === real.join()
  return inferred.length === real.length && inferred.every((dim, i) => typeof dim !== 'number' || dim === real[i])
}
