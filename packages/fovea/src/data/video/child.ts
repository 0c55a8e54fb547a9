// A child process that is never left behind, and the end of what it said.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

/** What is kept of standard error, in characters. */
const tailLength = 4000
/** How long a child may take to end politely: an RTSP session is closed in this time. */
const politeMs = 400

export interface Exit {
  /** Undefined where the program could not be started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why it could not be started. */
  readonly failure?: NodeJS.ErrnoException
}

export interface Child {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  /** Resolves when it has ended and all that it said was read; never rejects. */
  readonly exited: Promise<Exit>
  /** The end of what it said on standard error. */
  tail(): string
  /** SIGTERM, then SIGKILL; resolves when it is gone. Safe to call again. */
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()

function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

/**
 * Starts a program, without a shell. It is killed when this process exits; where this process is killed outright, a program that writes
 * ends at its broken pipe. Ctrl-C in a terminal does not reach it: whoever started it decides what that means.
 */
export function startChild(program: string, args: readonly string[], stdio: StdioOptions, onStderr?: (text: string) => void): Child {
  const child = spawn(program, args, { stdio, detached: process.platform !== 'win32', windowsHide: true })
  if (running.size === 0) process.once('exit', killAll)
  running.add(child)
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-tailLength)
    onStderr?.(text)
  })
  // A reader that ended early; the exit tells why.
  child.stdin?.on('error', () => undefined)
  let gone = false
  const exited = new Promise<Exit>((resolve) => {
    const settle = (exit: Exit) => {
      gone = true
      running.delete(child)
      if (running.size === 0) process.off('exit', killAll)
      resolve(exit)
    }
    child.once('error', (failure) => {
      // Also told where a signal could not be sent; then the process is there.
      if (child.pid === undefined) settle({ code: null, signal: null, failure })
    })
    child.once('close', (code, signal) => settle({ code, signal }))
  })
  const stop = async () => {
    if (!gone) {
      child.kill('SIGTERM')
      child.stdin?.destroy()
      child.stdout?.destroy()
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        child.stderr?.destroy()
      }, politeMs)
      await exited
      clearTimeout(timer)
    }
  }
  return { stdin: child.stdin, stdout: child.stdout, exited, tail: () => tail, stop }
}
