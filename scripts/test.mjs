// Runs types, lint and all tests, each even where an earlier one failed, so that one run shows everything.

import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

function passes(program, args, env = {}) {
  const { status } = spawnSync(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
    env: { ...process.env, ...env },
  })
  return status === 0
}

const failed = []
if (!passes('tsc', ['-b'])) failed.push('types')
if (!passes('biome', ['check', '--error-on-warnings', '.'])) failed.push('lint')
if (!passes('vitest', ['run', ...process.argv.slice(2)], { FOVEA_FAILED_CHECKS: failed.join(',') })) failed.push('tests')
process.exitCode = failed.length > 0 ? 1 : 0
