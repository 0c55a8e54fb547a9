// Compiles the vector kernels to src/vision/kernels/kernels.gen.ts: `npm run generate:kernels`. The compiler is fetched for the occasion, as
// it is large and needed only where the source changes; a test holds that source and module belong together.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const compiler = 'assemblyscript@0.28.20'
const flags = '--runtime stub --optimizeLevel 3 --shrinkLevel 0 --noAssert --enable simd --initialMemory 1'.split(' ')

const root = join(import.meta.dirname, '../packages/fovea')
const source = join(root, 'assembly/kernels.ts')
const folder = mkdtempSync(join(tmpdir(), 'fovea-kernels-'))
try {
  const module = join(folder, 'kernels.wasm')
  execFileSync('npm', ['exec', '--yes', '--package', compiler, '--', 'asc', source, '--outFile', module, ...flags], { cwd: folder })
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex')
  writeFileSync(
    join(root, 'src/vision/kernels/kernels.gen.ts'),
    `// Generated from assembly/kernels.ts by scripts/generate-kernels.ts with ${compiler}. Do not edit.

/** SHA-256 of the source. */
export const kernelSource = '${digest}'

/** The WebAssembly module, base64. */
export const kernelModule =
  '${readFileSync(module).toString('base64')}'
`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
