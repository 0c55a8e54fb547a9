import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkLayering, maxLines, mayImport, rooms } from './layering.ts'

const src = join(import.meta.dirname, '../src')

function readTree(): Map<string, string> {
  const paths = globSync('**/*.ts', { cwd: src }).map((path) => path.replaceAll('\\', '/'))
  return new Map(paths.sort().map((path) => [path, readFileSync(join(src, path), 'utf8')]))
}

/** The problems of one file, in a tree where everything that it imports exists. */
function problemsOf(file: string, text: string): string[] {
  const others = [
    'util/errors.ts',
    'graph/model.ts',
    'ops/operator.ts',
    'passes/pass.ts',
    'nn/layers.ts',
    'runtime/session.ts',
    'vision/image.ts',
    'train/trainer.ts',
    'index.ts',
  ]
  return checkLayering(new Map([...others.map((path): [string, string] => [path, '']), [file, text]]))
}

test('the source keeps to the rooms', () => {
  const tree = readTree()
  expect(tree.size).toBeGreaterThan(20)
  expect(checkLayering(tree)).toEqual([])
})

test('the rooms have no cycle', () => {
  for (const room of Object.keys(rooms)) {
    expect(mayImport(room), `${room} reaches itself`).not.toContain(room)
    for (const next of rooms[room]!.from) expect(rooms, `${room} names a room that does not exist`).toHaveProperty(next)
  }
})

test('pure rooms build on pure rooms only', () => {
  for (const [name, room] of Object.entries(rooms))
    if (room.pure) for (const next of mayImport(name)) expect(rooms[next]!.pure, `${name} is pure, ${next} is not`).toBe(true)
})

test('arrows are transitive', () => {
  expect(problemsOf('cli/main.ts', "import { a } from '../util/errors.ts'\nimport { b } from '../train/trainer.ts'\n")).toEqual([])
})

test.each([
  ["import { a } from '../passes/pass.ts'", 'ops may not import passes (../passes/pass.ts)'],
  ["import type { A } from '../passes/pass.ts'", 'ops may not import passes (../passes/pass.ts)'],
  ["export * from '../nn/layers.ts'", 'ops may not import nn (../nn/layers.ts)'],
  ["const a = await import('../runtime/session.ts')", 'ops may not import runtime (../runtime/session.ts)'],
  ["let a: import('../vision/image.ts').Image", 'ops may not import vision (../vision/image.ts)'],
  ["import { a } from '../index.ts'", 'ops may not import src itself (../index.ts)'],
  ["import { a } from '../graph/model.js'", 'imports ../graph/model.js: relative imports end in .ts'],
  ["import { a } from '../graph/model'", 'imports ../graph/model: relative imports end in .ts'],
  ["import { a } from '../graph/nothing.ts'", 'imports ../graph/nothing.ts, which does not exist in src'],
  ["import { readFile } from 'node:fs'", 'ops may not import node:fs: the room is pure'],
  ["import sharp from 'sharp'", 'ops may not import the package sharp'],
  ["import { z } from 'zod'", 'ops may not import the package zod'],
  ["import fs from 'fs'", 'ops may not import the package fs'],
  ['const a = await import(name)', 'ops is pure and imports a name that is computed'],
  ['const a = process.env.HOME', 'ops is pure and uses what only Node has'],
  ['const a = Buffer.from([])', 'ops is pure and uses what only Node has'],
  ['export default 1', 'has a default export'],
  ['const a = 1\nexport { a as default }'.replace('\n', '; '), 'has a default export'],
])('%s is reported', (text, problem) => {
  expect(problemsOf('ops/math.ts', `// one\n${text}\n`)).toEqual([`src/ops/math.ts:2 ${problem}`])
})

test('passes and nn do not know each other', () => {
  expect(problemsOf('passes/fuse.ts', "import { a } from '../nn/layers.ts'\n")).toEqual([
    'src/passes/fuse.ts:1 passes may not import nn (../nn/layers.ts)',
  ])
  expect(problemsOf('nn/block.ts', "import { a } from '../passes/pass.ts'\n")).toEqual([
    'src/nn/block.ts:1 nn may not import passes (../passes/pass.ts)',
  ])
})

test('a package is for the part of a room that is named', () => {
  const text = "import { a } from '@bufbuild/protobuf/wire'\n"
  expect(problemsOf('graph/codec/decode.ts', text)).toEqual([])
  expect(problemsOf('graph/model2.ts', text)).toEqual(['src/graph/model2.ts:1 graph may not import the package @bufbuild/protobuf'])
  expect(problemsOf('data/x.ts', "import { a } from 'onnxruntime-node'\n")).toEqual([
    'src/data/x.ts:1 data may not import the package onnxruntime-node',
  ])
})

test('a file belongs to a room', () => {
  expect(problemsOf('extra/x.ts', '\n')).toEqual(['src/extra/x.ts:1 lies in no room: extra is not in the list'])
  expect(problemsOf('main.ts', '\n')).toEqual(['src/main.ts:1 lies in no room: src itself is not in the list'])
})

test('the entry and tests are free of the arrows', () => {
  expect(problemsOf('index.ts', "export * from './train/trainer.ts'\n")).toEqual([])
  expect(problemsOf('ops/math.test.ts', "import { a } from '../train/trainer.ts'\nimport { test } from 'vitest'\n")).toEqual([])
})

test('a file has its limit', () => {
  expect(problemsOf('util/long.ts', '\n'.repeat(maxLines))).toEqual([])
  expect(problemsOf('util/long.ts', '\n'.repeat(maxLines + 1))).toEqual([`src/util/long.ts:801 has more than 800 lines: it is two files`])
})
