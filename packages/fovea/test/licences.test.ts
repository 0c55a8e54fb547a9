import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string | { readonly type: string }
  readonly licenses?: readonly { readonly type: string }[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** What an application under Apache-2.0 can carry without terms of its own. */
const permissive = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
  'Zlib',
  'Python-2.0',
])

/** A separate shared library that the user can replace, which is what the LGPL asks for. */
const exceptions: Readonly<Record<string, ReadonlySet<string>>> = {
  '@img/sharp-libvips-': new Set(['LGPL-3.0-or-later']),
  '@img/sharp-win32-': new Set(['LGPL-3.0-or-later']),
  '@img/sharp-wasm32': new Set(['LGPL-3.0-or-later']),
}

/** Whether an SPDX expression can be met with permissive licences (and those allowed for this package by name). */
function isAllowed(expression: string, name = ''): boolean {
  const extra = Object.entries(exceptions).find(([prefix]) => name.startsWith(prefix))?.[1]
  const one = (licence: string) => permissive.has(licence) || extra?.has(licence) === true
  const parts = expression
    .replace(/[()]/g, ' ')
    .trim()
    .split(/\s+OR\s+/)
  return parts.some((part) => part.split(/\s+AND\s+/).every((licence) => one(licence.trim())))
}

function licenceOf({ license, licenses }: Manifest): string {
  if (typeof license === 'string') return license
  return license?.type ?? licenses?.map(({ type }) => type).join(' OR ') ?? 'unknown'
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Where Node would find a package from a folder. */
function resolve(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (folder === dirname(folder)) return undefined
  }
}

/** Every package that an installation of `root` brings, with optional ones for this machine. */
function installed(root: string): Map<string, Manifest> {
  const found = new Map<string, Manifest>()
  const visit = (folder: string) => {
    const manifest = readManifest(folder)
    const needed = Object.keys(manifest.dependencies ?? {})
    for (const name of [...needed, ...Object.keys(manifest.optionalDependencies ?? {}), ...Object.keys(manifest.peerDependencies ?? {})]) {
      const target = resolve(name, folder)
      if (target === undefined && needed.includes(name)) throw new Error(`${name}, a dependency of ${manifest.name}, is not installed`)
      if (target === undefined || found.has(target)) continue
      found.set(target, readManifest(target))
      visit(target)
    }
  }
  visit(root)
  return found
}

test('the default installation carries only licences that fit Apache-2.0', () => {
  const packages = [...installed(join(import.meta.dirname, '..')).values()]
  expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['onnxruntime-node', 'onnxruntime-common', 'sharp', 'commander']))
  const refused = packages.filter((manifest) => !isAllowed(licenceOf(manifest), manifest.name))
  expect(refused.map((manifest) => `${manifest.name}@${manifest.version}: ${licenceOf(manifest)}`)).toEqual([])
})

test('bundled assets have their licence beside them', () => {
  const assets = join(import.meta.dirname, '../assets')
  for (const font of globSync('**/*.{ttf,otf,woff,woff2}', { cwd: assets })) {
    const beside = globSync('*{LICENSE,LICENCE,OFL,COPYING}*', { cwd: join(assets, dirname(font)) })
    expect(beside, `a licence file beside ${font}`).not.toEqual([])
  }
})

test.each([
  ['MIT', true],
  ['(MIT OR GPL-3.0)', true],
  ['MIT AND BSD-3-Clause', true],
  ['MIT AND GPL-3.0-or-later', false],
  ['GPL-2.0', false],
  ['AGPL-3.0-only', false],
  ['LGPL-3.0-or-later', false],
  ['UNLICENSED', false],
  ['SEE LICENSE IN LICENSE.md', false],
  ['unknown', false],
])('%s: allowed is %s', (expression, allowed) => {
  expect(isAllowed(expression)).toBe(allowed)
})

test('libvips may be under the LGPL, others not', () => {
  expect(isAllowed('LGPL-3.0-or-later', '@img/sharp-libvips-linux-x64')).toBe(true)
  expect(isAllowed('Apache-2.0 AND LGPL-3.0-or-later', '@img/sharp-win32-x64')).toBe(true)
  expect(isAllowed('GPL-3.0-or-later', '@img/sharp-libvips-linux-x64')).toBe(false)
})
