// The processes that this one has started and that still run.

import { readdirSync, readFileSync } from 'node:fs'

export interface RunningProcess {
  readonly id: number
  readonly command: string
}

/** On Linux; elsewhere none is seen. */
export function childProcesses(): RunningProcess[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const [, command, rest] = /^\d+ \((.*)\) (.*)$/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8'))!
      return Number(rest!.split(' ')[1]) === process.pid ? [{ id: Number(entry), command: command! }] : []
    } catch {
      // It ended while it was looked at.
      return []
    }
  })
}

/** Whether a process runs still; one that has ended and waits to be noticed does not. */
export function isRunning(id: number): boolean {
  try {
    const [, state] = /^\d+ \(.*\) (.)/s.exec(readFileSync(`/proc/${id}/stat`, 'utf8'))!
    return state !== 'Z'
  } catch {
    return false
  }
}
