import { expect, test } from 'vitest'
import { type HostileReport, runHostile } from './hostile-child.ts'

interface Report extends HostileReport {
  readonly slowest: { readonly name: string; readonly milliseconds: number }
}

// In a child process, since a crash or a hang of the reader could not be caught here.
test('1,000 hostile files give coded errors, in bounded time and memory', { timeout: 180_000 }, () => {
  const report = runHostile<Report>('hostile-onnx.child.ts', 2048, 150_000)
  expect(report.count).toBe(1000)
  expect(report.slowest.milliseconds).toBeLessThan(20_000)
  expect(report.peakMegabytes).toBeLessThan(3000)
  // The mutations reach past the first check: some files are read, and several kinds of error are seen.
  expect(report.outcomes.ONNX_MALFORMED).toBeGreaterThan(100)
  expect(report.outcomes.sound).toBeGreaterThan(50)
  expect(Object.keys(report.outcomes).length).toBeGreaterThan(8)
})
