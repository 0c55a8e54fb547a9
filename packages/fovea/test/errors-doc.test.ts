import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorsDocument, renderErrors } from '../../../scripts/errors-doc.ts'
import { errorCatalogue } from '../src/util/errors.ts'

const codes = Object.keys(errorCatalogue)

test('docs/errors.md lists exactly the codes of the catalogue', () => {
  const documented = [...readFileSync(errorsDocument, 'utf8').matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1]!)
  const missing = codes.filter((code) => !documented.includes(code))
  const unknown = documented.filter((code) => !codes.includes(code))
  expect({ missing, unknown }, 'run `npm run docs`').toEqual({ missing: [], unknown: [] })
})

test('docs/errors.md is what the catalogue gives', () => {
  expect(readFileSync(errorsDocument, 'utf8'), 'run `npm run docs`').toBe(renderErrors(errorCatalogue))
})

test('every code of the catalogue is used', () => {
  const src = join(import.meta.dirname, '../src')
  const files = globSync('**/*.ts', { cwd: src }).filter((file) => !/\.(test|case|gen)\.ts$/.test(file) && !file.endsWith('util/errors.ts'))
  const text = files.map((file) => readFileSync(join(src, file), 'utf8')).join('\n')
  expect(codes.filter((code) => !text.includes(`'${code}'`))).toEqual([])
})

test('messages are clauses and remedies are sentences', () => {
  for (const [code, { message, remedy }] of Object.entries(errorCatalogue)) {
    expect(message, code).toMatch(/^[A-Z].*[^.]$/s)
    expect(remedy, code).toMatch(/^[A-Z].*\.$/s)
  }
})

test('a table cell cannot be broken by its text', () => {
  expect(renderErrors({ A_B: { message: 'x | y', remedy: 'Use data/<class>.' } })).toContain('| `A_B` | x \\| y | Use data/&lt;class>. |')
})
