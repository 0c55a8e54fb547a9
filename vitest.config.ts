import { defineConfig } from 'vitest/config'
import { SummaryReporter } from './scripts/vitest-summary.ts'

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/fovea/src/**/*.test.ts', 'packages/fovea/test/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'conformance', include: ['packages/fovea/test/conformance/**/*.test.ts'], testTimeout: 600_000 } },
      {
        test: {
          name: 'end-to-end',
          include: ['packages/fovea/test/end-to-end/**/*.test.ts', 'examples/**/*.test.ts'],
          testTimeout: 600_000,
          // Setting up draws pictures and trains; the default of ten seconds is for a quiet machine.
          hookTimeout: 300_000,
        },
      },
    ],
    maxWorkers: 2,
    reporters: ['default', new SummaryReporter()],
  },
})
