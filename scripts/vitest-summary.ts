// A vitest reporter whose only line is the last one of a run: "N passed, N failed, N skipped".

import type { SerializedError, TestModule } from 'vitest/node'

/** Counts test cases, files that could not be loaded, errors outside any test, and the checks that failed before the tests began. */
export class SummaryReporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const checks = (process.env.FOVEA_FAILED_CHECKS ?? '').split(',').filter(Boolean)
    const count = { passed: 0, failed: unhandledErrors.length + checks.length, skipped: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        const { state } = test.result()
        count[state === 'pending' ? 'failed' : state]++
      }
      if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) count.failed++
    }
    if (checks.length > 0) process.stdout.write(`\nFailed before the tests: ${checks.join(', ')} (see above)\n`)
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
  }
}
