import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readSource } from './imports.ts'
import { packageName } from './layering.ts'

const folder = join(import.meta.dirname, '..')
const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
  readonly bin: Record<string, string>
  readonly exports: Record<string, string | Record<string, string>>
  readonly dependencies: Record<string, string>
  readonly optionalDependencies: Record<string, string>
}
const dependencies = { ...manifest.dependencies, ...manifest.optionalDependencies }

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
}

/** Paths in the package as npm would publish it. */
function packed(): string[] {
  const answer = JSON.parse(run('npm', ['pack', '--dry-run', '--ignore-scripts', '--json', '--loglevel=error'])) as
    | { files: { path: string }[] }[]
    | Record<string, { files: { path: string }[] }>
  return Object.values(answer)[0]!.files.map(({ path }) => path)
}

const targets = [
  ...Object.values(manifest.bin),
  ...Object.values(manifest.exports).flatMap((target) => (typeof target === 'string' ? [target] : Object.values(target))),
]

test.each(targets)('%s exists after a build', (target) => {
  expect(existsSync(join(folder, target)), 'run `npm run build`').toBe(true)
})

test('the published package holds what its manifest points at, and no tests or build notes', () => {
  const files = packed()
  for (const target of targets) expect(files).toContain(target.replace('./', ''))
  expect(files.filter((file) => /\.(test|case)\.|tsbuildinfo|^(test|bench|src)\//.test(file))).toEqual([])
})

test('the built package can be imported by its name', () => {
  const names = run(process.execPath, ['--input-type=module', '-e', "console.log(Object.keys(await import('fovea')).join(' '))"])
  expect(names.split(' ')).toContain('FoveaError')
})

test.each(Object.entries(manifest.bin))('the command %s is a program for Node', (_, target) => {
  expect(readFileSync(join(folder, target), 'utf8').split('\n', 1)[0]).toBe('#!/usr/bin/env node')
})

test('dependencies are pinned', () => {
  for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/)
})

test('the dependencies are the packages that the source imports', () => {
  const src = join(folder, 'src')
  const files = globSync('**/*.ts', { cwd: src }).filter((file) => !/\.(test|case)\.ts$/.test(file))
  const specifiers = files.flatMap((file) => readSource(readFileSync(join(src, file), 'utf8')).imports.map(({ specifier }) => specifier))
  const packages = specifiers.filter((specifier) => !/^(\.|node:)/.test(specifier)).map(packageName)
  expect([...new Set(packages)].sort()).toEqual(Object.keys(dependencies).sort())
})

test('every install script is denied by name', () => {
  const root = join(folder, '../..')
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>
  }
  const { allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { allowScripts: Record<string, boolean> }
  const withScript = Object.keys(packages).filter((path) => packages[path]!.hasInstallScript)
  expect(withScript.length).toBeGreaterThan(0)
  for (const path of withScript) expect(allowScripts, path).toHaveProperty([path.split('node_modules/').at(-1)!], false)
})
