// One process at a time works on a file of the cache. A lock whose holder has died is taken over.

import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { writeError } from '../../data/files.ts'
import { FoveaError } from '../../util/errors.ts'

const pollMs = 100
/** The holder touches its lock this often; one that stays untouched so much longer has lost its holder. */
const heartbeatMs = 2_000
const staleMs = 15_000

/**
 * Does work while holding a lock file. Others wait for it.
 *
 * @param work is told whether the lock is still its own: a process that was stopped for long may have lost it
 * @throws FoveaError FILE_WRITE, CANCELLED, and what the work throws
 */
export async function withLock<T>(
  file: string,
  signal: AbortSignal | undefined,
  work: (holds: () => Promise<boolean>) => Promise<T>,
): Promise<T> {
  const mine = `${hostname()} ${process.pid} ${randomUUID()}`
  await take(file, mine, signal)
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimes(file, now, now).catch(() => undefined)
  }, heartbeatMs)
  heartbeat.unref()
  const holds = async () => (await contentOf(file)) === mine
  try {
    return await work(holds)
  } finally {
    clearInterval(heartbeat)
    if (await holds()) await rm(file, { force: true })
  }
}

async function take(file: string, mine: string, signal: AbortSignal | undefined): Promise<void> {
  let seen: { readonly content: string; readonly touched: number } | undefined
  let since = performance.now()
  for (;;) {
    if (signal?.aborted) throw new FoveaError('CANCELLED')
    const taken = await writeFile(file, mine, { flag: 'wx' }).then(
      () => true,
      (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'EEXIST') return false
        throw writeError(file, cause)
      },
    )
    if (taken) return
    const content = await contentOf(file)
    // Its holder has just let it go, or has not yet written its name.
    if (content !== undefined) {
      const touched = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0
      // Two clocks may differ: only that nothing changed while we waited counts.
      if (content !== seen?.content || touched !== seen.touched) {
        seen = { content, touched }
        since = performance.now()
      }
      if (holderIsGone(content) || performance.now() - since > staleMs) {
        await takeAway(file, content)
        continue
      }
    }
    await delay(pollMs)
  }
}

async function contentOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined)
}

/** True where the holder was a process of this machine that is no more. */
function holderIsGone(content: string): boolean {
  const [host, pid] = content.split(' ')
  if (host !== hostname() || !/^\d+$/.test(pid ?? '')) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Removes a lock that has lost its holder; one that somebody took in the meantime is put back. */
async function takeAway(file: string, content: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`
  await rename(file, aside).catch(() => undefined)
  const moved = await contentOf(aside)
  if (moved !== undefined && moved !== content) await link(aside, file).catch(() => undefined)
  await rm(aside, { force: true })
}
