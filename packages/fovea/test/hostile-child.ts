// Runs a program that reads hostile files, in a process of its own: a crash, a hang or a flood of memory could not be caught in the test's.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'

/** What each of them reports on the last line of its output. */
export interface HostileReport {
  readonly count: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  readonly peakMegabytes: number
}

/**
 * The report of 1,000 files, after it is held to what all reports are: the process ends by itself and well, and nothing failed.
 *
 * @param heapMegabytes what its heap may take
 * @param timeout milliseconds that end a hang
 * @param mayWarn a native library of it writes warnings on standard error; else nothing may be there
 */
export function runHostile<Report extends HostileReport>(program: string, heapMegabytes: number, timeout: number, mayWarn = false): Report {
  const args = [`--max-old-space-size=${heapMegabytes}`, join(import.meta.dirname, program), '1000']
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout })
  expect({ status, signal }, stderr.slice(-2000)).toEqual({ status: 0, signal: null })
  if (!mayWarn) expect(stderr).toBe('')
  const report = JSON.parse(stdout.trim().split('\n').at(-1)!) as Report
  expect(report.failures).toEqual([])
  return report
}
