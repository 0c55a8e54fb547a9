import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import * as fovea from '../src/index.ts'

const entry = join(import.meta.dirname, '../src/index.ts')

/** The names that a source exports as types only; `export * from` is followed. */
function typeNames(file: string): string[] {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
  const names: string[] = []
  for (const [, only, list] of text.matchAll(/^export (type )?\{([^}]*)\}/gm))
    for (const item of list!.split(',').map((part) => part.trim()))
      if (item !== '' && (only || item.startsWith('type ')))
        names.push(
          item
            .replace(/^type /, '')
            .split(' as ')
            .at(-1)!,
        )
  for (const [, name] of text.matchAll(/^export (?:interface|type) (\w+)/gm)) names.push(name!)
  for (const [, specifier] of text.matchAll(/^export (?:type )?\* from '(\.[^']+)'/gm))
    names.push(...typeNames(join(dirname(file), specifier!)))
  return names
}

/** One line a name: functions, classes and constants, the members of plain objects, then types. */
function publicNames(): string {
  const values = Object.entries(fovea).flatMap(([name, value]) => {
    const kind = typeof value === 'function' ? (/^class\b/.test(value.toString()) ? 'class' : 'function') : 'const'
    const members = value !== null && typeof value === 'object' && isNamespace(value) ? Object.keys(value).sort() : []
    return [`${kind} ${name}`, ...members.map((member) => `${kind} ${name}.${member}`)]
  })
  const types = [...new Set(typeNames(entry))].map((name) => `type ${name}`)
  return `${[...values.sort(), ...types.sort()].join('\n')}\n`
}

/** A namespace such as `vision`: a plain object or module of functions. */
function isNamespace(value: object): boolean {
  const plain = Object.getPrototypeOf(value) === null || Object.getPrototypeOf(value) === Object.prototype
  return plain && Object.values(value).some((member) => typeof member === 'function')
}

test('the exported names are those in public-api.txt', async () => {
  await expect(publicNames(), 'a change here is a change for users: add it to CHANGELOG.md, then run vitest -u').toMatchFileSnapshot(
    'public-api.txt',
  )
})

test('types are read from every form of export', () => {
  expect(typeNames(entry)).toEqual(expect.arrayContaining(['ErrorCode', 'Model']))
})
