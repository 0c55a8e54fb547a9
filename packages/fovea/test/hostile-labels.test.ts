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

// In a child process with a bounded heap, since a crash or a hang of the decoder of masks could not be caught here.
test('1,000 hostile label files of all formats give coded errors or problems, in bounded time and memory', { timeout: 600_000 }, () => {
  const child = join(import.meta.dirname, 'hostile-labels.child.ts')
  const { status, stdout, stderr, signal } = spawnSync(process.execPath, ['--max-old-space-size=512', child, '1000'], {
    encoding: 'utf8',
    timeout: 540_000,
  })
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  const report = JSON.parse(stdout) as Report
  expect(report.failures).toEqual([])
  expect(report.count).toBeGreaterThanOrEqual(1000)
  expect(report.slowest.milliseconds, report.slowest.name).toBeLessThan(20_000)
  expect(report.peakMegabytes).toBeLessThan(1500)
  // The changes reach past the first check: some sets are still read, and many kinds of faults are seen.
  expect(report.outcomes.sound).toBeGreaterThan(50)
  expect(report.outcomes['malformed-entry']).toBeGreaterThan(50)
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(8)
})
