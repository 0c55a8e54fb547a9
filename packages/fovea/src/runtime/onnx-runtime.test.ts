import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** What ONNX Runtime's reporter leaves in the folder for temporary files while a program opens a session. */
function tracesOf(program: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-telemetry-'))
  try {
    // A bare environment: on build servers the runtime reports nothing by itself.
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: import.meta.dirname,
      env: { PATH: process.env.PATH, TMPDIR: folder, HOME: folder },
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
    return readdirSync(folder, { recursive: true }).map(String)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const build = `
  import { buildModel } from '../graph/builder.ts'
  import { encodeModel } from '../graph/codec/encode.ts'
  import { openSession } from './session.ts'
  const model = buildModel((b) => b.op('Relu', [b.input('x', 'float32', [1])]))
`

describe("ONNX Runtime's telemetry", () => {
  test.each([true, false])('is off, in a worker: %s', (worker) => {
    expect(tracesOf(`${build}; const session = await openSession(model, { worker: ${worker} }); await session.close()`)).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('would leave a trace where it is on, so that the tests above can tell', () => {
    const plain = `
      import { InferenceSession } from 'onnxruntime-node'
      const session = await InferenceSession.create(encodeModel(model)); await session.release()`
    expect(tracesOf(`${build}; ${plain}`).length).toBeGreaterThan(0)
  })
})
