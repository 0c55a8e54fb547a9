import { expect, test } from 'vitest'
import { readSource } from './imports.ts'

function specifiers(text: string): string[] {
  return readSource(text).imports.map(({ specifier, line }) => `${line} ${specifier}`)
}

test('every form of import is found, with its line', () => {
  const text = `import a from 'a'
import * as b from "b"
import type { C } from 'c'
import { d, type D } from 'd'
import {
  e,
  f as g,
} from 'e'
import 'side-effect'
export * from 'h'
export * as i from 'i'
export { j } from 'j'
export type { K } from 'k'
const l = await import('l')
type M = import('m').M
const n = require('n')
import o, { p } from 'o' with { type: 'json' }`
  expect(specifiers(text)).toEqual([
    '1 a',
    '2 b',
    '3 c',
    '4 d',
    '5 e',
    '9 side-effect',
    '10 h',
    '11 i',
    '12 j',
    '13 k',
    '14 l',
    '15 m',
    '16 n',
    '17 o',
  ])
})

test('what only looks like an import is left alone', () => {
  const text = `// import a from 'a'
/* import b from 'b'
   export * from 'c' */
const text = "import d from 'd'"
const quoted = 'it\\'s import e from "e"'
const template = \`import f from 'f' \${g(\`import('h')\`, { i: '}' })} import('j')\`
const pattern = /['"\`/*] import k from 'k'/
const inClass = [/[/'"]/g, 1 / 2, (3) / 4]
object.import('l')
export const m = { from: 'm' }
export function from() { return 'n' }
const url = import.meta.url`
  expect(specifiers(text)).toEqual([])
  expect(readSource(text).computed).toEqual([])
})

test('an import inside a template expression is found', () => {
  expect(specifiers('const a = `x $' + "{await import('b')} '`\nimport 'c'")).toEqual(['1 b', '2 c'])
})

test('division is not a regular expression', () => {
  expect(specifiers("const a = b / c; import('d'); const e = f / g")).toEqual(['1 d'])
  expect(specifiers("const a = list[0] / 2\nimport 'd' // it's")).toEqual(['2 d'])
  expect(specifiers("const a = list[0]! / 2; import('d'); 1 / 2")).toEqual(['1 d'])
})

test('an import of a computed name is reported', () => {
  expect(readSource('await import(name)\nawait import(`./x.ts`)').computed).toEqual([1, 2])
})

test('lines are kept', () => {
  const text = "const a = `\n\n`\n/*\n*/\nimport 'b'"
  expect(specifiers(text)).toEqual(['6 b'])
  expect(readSource(text).code.split('\n')).toHaveLength(6)
})
