import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Report {
  readonly outcomes: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly slowest: number
}

// In a child process, since a crash or a hang of ONNX Runtime could not be caught here.
test('1,000 hostile model files are opened and run: answers or coded errors, no crash, no hang', { timeout: 180_000 }, () => {
  const child = join(import.meta.dirname, 'hostile-model.child.ts')
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [child, '1000'], { encoding: 'utf8', timeout: 150_000 })
  expect({ status, signal }, stderr.slice(-2000)).toEqual({ status: 0, signal: null })
  const report = JSON.parse(stdout.trim().split('\n').at(-1)!) as Report
  expect(report.failures).toEqual([])
  expect(report.slowest).toBeLessThan(20_000)
  // The mutations reach the runtime: some models still answer, and several kinds of error are seen.
  expect(report.outcomes.answered).toBeGreaterThan(30)
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(5)
})
