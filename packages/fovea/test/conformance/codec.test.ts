// Every model and value of the ONNX node tests through the codec, the verifier, the printer and the reader.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import { decodeOptional, decodeSequence, decodeTensor } from '../../src/graph/codec/decode-values.ts'
import { encodeModel } from '../../src/graph/codec/encode.ts'
import { firstDifference } from '../../src/graph/equal.ts'
import type { Model, ValueType } from '../../src/graph/model.ts'
import { printModel } from '../../src/graph/printer.ts'
import { readModel } from '../../src/graph/reader.ts'
import { findProblems } from '../../src/graph/verifier.ts'
import { describeWithData } from '../shared-data.ts'
import { caseNames } from './node-cases.ts'

describeWithData('ONNX node tests', 'onnx-node-tests', (folder) => {
  const names = caseNames(folder)
  const modelOf = (name: string) => decodeModel(readFileSync(join(folder, name, 'model.onnx')), { file: name })

  /** What `check` finds wrong with each model, by name; an empty list when all is well. */
  function flaws(check: (model: Model, name: string) => string | undefined): string[] {
    return names.flatMap((name) => {
      const flaw = check(modelOf(name), name)
      return flaw === undefined ? [] : [`${name}: ${flaw}`]
    })
  }

  test('all models are there', () => expect(names.length).toBe(1678))

  test('every model decodes and verifies', () => {
    expect(flaws((model) => findProblems(model)[0]?.message)).toEqual([])
  })

  test('every model survives encoding', () => {
    expect(flaws((model) => firstDifference(model, decodeModel(encodeModel(model))))).toEqual([])
  })

  test('every model survives printing in full and reading', () => {
    const inFull = { maxElements: Number.POSITIVE_INFINITY }
    expect(flaws((model) => firstDifference(model, readModel(printModel(model, inFull)), { preserved: false }))).toEqual([])
  })

  test('the text as it is printed by default is read back, unless it leaves a constant out', () => {
    let whole = 0
    const found = flaws((model) => {
      const text = printModel(model)
      // A hash stands for elements after a type or an equals sign.
      if (/[=\]] #[0-9a-f]{16}/.test(text)) return undefined
      whole++
      return firstDifference(model, readModel(text), { preserved: false })
    })
    expect(found).toEqual([])
    expect(whole).toBeGreaterThan(1600)
  })

  test('every stored value decodes to its declared type', () => {
    let count = 0
    const found = flaws((model, name) => {
      for (const set of readdirSync(join(folder, name)).filter((entry) => entry.startsWith('test_data_set_')))
        for (const file of readdirSync(join(folder, name, set))) {
          const [, side, index] = /^(input|output)_(\d+)\.pb$/.exec(file)!
          const type = (side === 'input' ? model.graph.inputs : model.graph.outputs)[Number(index)]!.type
          const flaw = valueFlaw(readFileSync(join(folder, name, set, file)), type)
          if (flaw !== undefined) return `${set}/${file}: ${flaw}`
          count++
        }
      return undefined
    })
    expect(found).toEqual([])
    expect(count).toBe(5585)
  })
})

function valueFlaw(bytes: Uint8Array, type: ValueType | undefined): string | undefined {
  if (type?.kind === 'sequence' || type?.kind === 'optional') {
    const value = type.kind === 'sequence' ? decodeSequence(bytes) : decodeOptional(bytes)
    return value.kind === type.kind ? undefined : `a ${value.kind} instead of a ${type.kind}`
  }
  const tensor = decodeTensor(bytes)
  const dtype = type?.kind === 'tensor' ? type.dtype : undefined
  return tensor.dtype === dtype ? undefined : `${tensor.dtype} instead of ${dtype}`
}

describeWithData('imported models', 'models', (folder) => {
  test.each(['mnist', 'resnet8_cifar10_mlperf', 'resnet8_cifar10_st', 'fastestdet/FastestDet'])('%s', (name) => {
    const model = decodeModel(readFileSync(join(folder, `${name}.onnx`)))
    expect(findProblems(model)).toEqual([])
    expect(firstDifference(model, decodeModel(encodeModel(model)))).toBeUndefined()
    const text = printModel(model, { maxElements: Number.POSITIVE_INFINITY })
    expect(firstDifference(model, readModel(text), { preserved: false })).toBeUndefined()
  })
})
