import { expect, test } from 'vitest'
import { type HostileReport, runHostile } from './hostile-child.ts'

interface Report extends HostileReport {
  readonly slowest: { readonly name: string; readonly milliseconds: number }
}

// In a child process with a bounded heap, since a crash or a hang of the decoder of masks could not be caught here.
test('1,000 hostile label files of all formats give coded errors or problems, in bounded time and memory', { timeout: 600_000 }, () => {
  const report = runHostile<Report>('hostile-labels.child.ts', 512, 540_000)
  expect(report.count).toBeGreaterThanOrEqual(1000)
  expect(report.slowest.milliseconds, report.slowest.name).toBeLessThan(20_000)
  expect(report.peakMegabytes).toBeLessThan(1500)
  // The changes reach past the first check: some sets are still read, and many kinds of faults are seen.
  expect(report.outcomes.sound).toBeGreaterThan(50)
  expect(report.outcomes['malformed-entry']).toBeGreaterThan(50)
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(8)
})
