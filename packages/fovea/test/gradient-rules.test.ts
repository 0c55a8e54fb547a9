// Every gradient rule is checked against differences somewhere: its operator is named in a test of the op table.

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findOperator, operatorNames } from '../src/ops/table.ts'

function definitionOf(key: string) {
  const [domain, op] = key.includes('::') ? (key.split('::') as [string, string]) : ['', key]
  return findOperator({ domain, op })!
}

const folder = join(import.meta.dirname, '../src/ops')
const tests = globSync('**/*.test.ts', { cwd: folder }).map((file) => readFileSync(join(folder, file), 'utf8'))
const checks = tests.filter((text) => text.includes('checkGradient'))

test('every operator with a gradient rule is named in a test that checks gradients by differences', () => {
  const rules = operatorNames().filter((key) => typeof definitionOf(key).gradient === 'function')
  expect(rules.length).toBeGreaterThan(100)
  // Tests of operators in a domain of their own may name them by a constant such as `blockedBatchNormalizationKey`.
  const named = (key: string) => new RegExp(`\\b${key.split('::').at(-1)}(Key)?\\b`, key.includes('::') ? 'i' : '')
  const unchecked = rules.filter((key) => !checks.some((text) => named(key).test(text)))
  expect(unchecked).toEqual([])
})

test('every other operator says why it has none', () => {
  for (const key of operatorNames()) {
    const { gradient } = definitionOf(key)
    if (typeof gradient === 'function') continue
    const reason = 'zero' in gradient ? gradient.zero : gradient.notDifferentiable
    expect(reason.length, key).toBeGreaterThan(10)
  }
})
