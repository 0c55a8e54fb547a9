// Runs the Python programs that benchmarks compare with. They are no part of the product; without them the peer column stays empty.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Peer {
  readonly python: string
  /** `PyTorch 2.13.0`. */
  readonly name: string
}

/** Either a Python that imports torch, or why there is none. */
export type PeerSearch = Peer | { readonly skipped: string }

/** Looks at FOVEA_PEER_PYTHON, else at `python3`. */
export async function findPeer(): Promise<PeerSearch> {
  const python = process.env.FOVEA_PEER_PYTHON ?? 'python3'
  try {
    const { stdout } = await execute(python, ['-c', 'import torch; print(torch.__version__.split("+")[0])'], { timeout: 120_000 })
    return { python, name: `PyTorch ${stdout.trim()}` }
  } catch (error) {
    const reason = String((error as { stderr?: string }).stderr || (error as Error).message).trim()
    return { skipped: `${python} cannot import torch (set FOVEA_PEER_PYTHON): ${reason.split('\n').at(-1)}` }
  }
}

/**
 * Runs a program of `bench/peers` as a process of its own, and returns the JSON objects that it prints, one a line.
 * Ours and theirs get the same number of threads through OMP_NUM_THREADS.
 */
export async function runPeer(
  peer: Peer,
  script: string,
  args: readonly (string | number)[] = [],
  { threads }: { readonly threads?: number } = {},
): Promise<Record<string, unknown>[]> {
  const path = join(import.meta.dirname, 'peers', script)
  const { stdout } = await execute(peer.python, [path, ...args.map(String)], {
    maxBuffer: 2 ** 26,
    env: { ...process.env, ...(threads === undefined ? {} : { OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) }) },
  })
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
