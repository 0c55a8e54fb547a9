// Requests to the hub: redirects by hand, so that the token stays with its host; retries; no connection waits for ever.

import { setTimeout as delay } from 'node:timers/promises'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { frameworkVersion } from '../../util/version.ts'
import type { HubSettings } from './settings.ts'

const maxRedirects = 5

/** Longest wait before another try, whatever the server asks for. */
const maxWaitMs = 60_000

/** Answers that may be different the next time. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504])

export interface HubAnswer {
  readonly status: number
  /** Of the address that was asked first: files answer there with their checksum, then point elsewhere. */
  readonly firstHeaders: Headers
  readonly headers: Headers
  /** Pieces of the body. Ends with an error where the connection breaks or falls silent. */
  readonly body: AsyncIterable<Uint8Array>
  /** Leaves the rest of the body unread. */
  readonly dismiss: () => void
}

/** A failure that another try may mend; `waitMs` is what the server asked for. */
export class PassingFailure extends Error {
  readonly waitMs: number | undefined

  constructor(message: string, details: { waitMs?: number | undefined; cause?: unknown } = {}) {
    super(message, { cause: details.cause })
    this.name = 'PassingFailure'
    this.waitMs = details.waitMs
  }
}

/**
 * One request, redirects followed. The token goes to the endpoint's own origin only.
 *
 * @throws PassingFailure where another try may help; FoveaError HUB_DENIED, HUB_NOT_FOUND, HUB_FAILED, CANCELLED
 */
export async function request(url: URL, settings: HubSettings, headers: Readonly<Record<string, string>> = {}): Promise<HubAnswer> {
  let target = url
  let firstHeaders: Headers | undefined
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const answer = await once(target, settings, headers)
    firstHeaders ??= answer.headers
    const { status } = answer
    if (status < 300 || status >= 400) {
      await refuse(answer, url)
      return { ...answer, firstHeaders }
    }
    answer.dismiss()
    const location = answer.headers.get('location')
    const next = location !== null && URL.canParse(location, target.href) ? new URL(location, target) : undefined
    if (next === undefined || !/^https?:$/.test(next.protocol) || (target.protocol === 'https:' && next.protocol !== 'https:'))
      throw new FoveaError('HUB_FAILED', {
        file: plain(url),
        expected: 'a redirect to another https address',
        found: clip(`${location}`, 100),
      })
    target = next
  }
  throw new FoveaError('HUB_FAILED', { file: plain(url), expected: `at most ${maxRedirects} redirects`, found: 'more' })
}

async function once(url: URL, settings: HubSettings, headers: Readonly<Record<string, string>>): Promise<Omit<HubAnswer, 'firstHeaders'>> {
  const { token, endpoint, signal, timeoutMs } = settings
  const silence = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const listen = () => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(new PassingFailure(`no answer for ${timeoutMs / 1000} s`)), timeoutMs)
  }
  const failed = (cause: unknown): never => {
    clearTimeout(timer)
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause })
    if (silence.signal.aborted) throw silence.signal.reason
    throw new PassingFailure(reasonOf(cause), { cause })
  }
  listen()
  const response = await fetch(url, {
    redirect: 'manual',
    headers: {
      // Bytes are counted and resumed: they must be the file's own.
      'accept-encoding': 'identity',
      'user-agent': `fovea/${frameworkVersion}`,
      ...headers,
      ...(token !== undefined && url.origin === endpoint.origin ? { authorization: `Bearer ${token}` } : {}),
    },
    signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
  }).catch(failed)
  const { status, headers: received, body } = response
  const dismiss = () => {
    clearTimeout(timer)
    body?.cancel().catch(() => undefined)
  }
  return { status, headers: received, body: pieces(body, listen, failed, () => clearTimeout(timer)), dismiss }
}

async function* pieces(
  body: ReadableStream<Uint8Array> | null,
  listen: () => void,
  failed: (cause: unknown) => never,
  done: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    listen()
    for await (const piece of body ?? []) {
      // While the reader works on a piece, nobody waits for the network.
      done()
      yield piece
      listen()
    }
  } catch (cause) {
    failed(cause)
  } finally {
    done()
  }
}

/** Nothing for an answer that is good; else the error that it means. */
async function refuse({ status, headers, body, dismiss }: Omit<HubAnswer, 'firstHeaders'>, url: URL): Promise<void> {
  if (status >= 200 && status < 300) return
  // The range that is asked for lies behind the file's end: the caller starts anew.
  if (status === 416) return
  const said = clip(headers.get('x-error-message') ?? (await beginningOf(body)), 200).replaceAll(/\s+/g, ' ')
  const found = `status ${status}${said === '' ? '' : `: ${said}`}`
  dismiss()
  if (passing.has(status)) throw new PassingFailure(found, { waitMs: askedWait(headers) })
  const file = plain(url)
  const code = headers.get('x-error-code')
  // The hub answers 401 for what does not exist too, so that nobody learns of private models.
  if (status === 401 || status === 403) throw new FoveaError('HUB_DENIED', { file, found })
  if (status === 404 || status === 410)
    throw new FoveaError('HUB_NOT_FOUND', { file, found: code === 'RevisionNotFound' ? `no such revision (status ${status})` : found })
  throw new FoveaError('HUB_FAILED', { file, found })
}

async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  try {
    for await (const piece of body) return new TextDecoder().decode(piece.subarray(0, 400))
  } catch {
    // The status alone tells.
  }
  return ''
}

function askedWait(headers: Headers): number | undefined {
  const asked = Number(headers.get('retry-after') ?? Number.NaN)
  return asked >= 0 ? asked * 1000 : undefined
}

/** What the system says of a broken connection lies in the error's cause. */
function reasonOf(cause: unknown): string {
  const { message = String(cause), cause: inner } = cause as Error
  return inner instanceof Error && inner.message !== '' ? inner.message : message
}

/** The address without what may be secret in it. */
function plain(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/**
 * Does work that a passing failure may break, and does it again after a wait. Work that got further than ever before begins
 * counting anew.
 *
 * @param work calls `gained` when it has got further
 * @throws FoveaError HUB_FAILED when all tries failed, CANCELLED, and what the work throws
 */
export async function withRetries<T>(settings: HubSettings, place: string, work: (gained: () => void) => Promise<T>): Promise<T> {
  const { retryTimes, retryDelayMs, signal } = settings
  let tries = 0
  for (;;) {
    try {
      return await work(() => {
        tries = 0
      })
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error
      if (tries >= retryTimes)
        throw new FoveaError('HUB_FAILED', {
          file: place,
          found: `${error.message}, ${tries + 1} times`,
          cause: error,
        })
      await delay(Math.min(maxWaitMs, error.waitMs ?? retryDelayMs * 2 ** tries), undefined, signal === undefined ? {} : { signal }).catch(
        (cause: unknown) => {
          throw new FoveaError('CANCELLED', { cause })
        },
      )
      tries++
    }
  }
}
