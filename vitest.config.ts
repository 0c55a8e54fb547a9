import { defineConfig } from 'vitest/config'
import { SummaryReporter } from './scripts/vitest-summary.ts'

/** Tests read what commands print; colours come where CI=true, and not elsewhere. */
const env = { NO_COLOR: '1' }

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          env,
          include: ['packages/fovea/src/**/*.test.ts', 'packages/fovea/test/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'conformance', env, include: ['packages/fovea/test/conformance/**/*.test.ts'], testTimeout: 600_000 } },
      {
        test: {
          name: 'end-to-end',
          env,
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
