import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Report {
  readonly count: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly slowest: { readonly name: string; readonly milliseconds: number }
  readonly peakMegabytes: number
}

// In a child process, since a crash or a hang of the reader could not be caught here.
test('1,000 hostile files give coded errors, in bounded time and memory', { timeout: 180_000 }, () => {
  const child = join(import.meta.dirname, 'hostile-onnx.child.ts')
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, ['--max-old-space-size=2048', child, '1000'], {
    encoding: 'utf8',
    timeout: 150_000,
  })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  const report = JSON.parse(stdout) as Report
  expect(report.failures).toEqual([])
  expect(report.count).toBe(1000)
  expect(report.slowest.milliseconds).toBeLessThan(20_000)
  expect(report.peakMegabytes).toBeLessThan(3000)
  // The mutations reach past the first check: some files are read, and several kinds of error are seen.
  expect(report.outcomes.ONNX_MALFORMED).toBeGreaterThan(100)
  expect(report.outcomes.sound).toBeGreaterThan(50)
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(8)
})
