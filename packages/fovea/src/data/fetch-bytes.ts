// Fetching a file over HTTP with limits, and not from inside the network unless that is allowed.

import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { get as getHttp, type IncomingMessage } from 'node:http'
import { get as getHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { FoveaError } from '../util/errors.ts'
import { collectBytes, defaultMaxBytes, tooManyBytes } from './limits.ts'
import { isSpecialAddress } from './special-address.ts'

export interface FetchOptions {
  /** Bytes that are read at most: of an answer, a stream or a data URL. @default 2^28 (256 MiB) */
  readonly maxBytes?: number
  /** For the whole of a fetch, redirects included. @default 60_000 */
  readonly timeoutMs?: number
  /** Also fetch from private, loopback, link-local and other special addresses. @default false */
  readonly allowPrivate?: boolean
  /** @default 5 */
  readonly maxRedirects?: number
  /** Sent with the request; not to another origin that it is redirected to. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the fetch. */
  readonly signal?: AbortSignal
}

/** @throws DATA_OPTION_INVALID for what would be no limit at all */
function checkLimit(field: string, value: number, most: number): void {
  if (!(value > 0 && value <= most))
    throw new FoveaError('DATA_OPTION_INVALID', { field, expected: `a number above 0, at most ${most}`, found: String(value) })
}

/**
 * The bytes at an http: or https: address. Each address that is connected to is checked as it is connected to, so a name that changes its
 * address in between gains nothing; so is each redirect, and none may leave https.
 * @throws DATA_ADDRESS_REFUSED, DATA_FETCH_FAILED, DATA_TOO_MANY_BYTES, CANCELLED; each names the address
 */
export async function fetchBytes(url: URL, options: FetchOptions = {}): Promise<Uint8Array> {
  const { timeoutMs = 60_000, maxRedirects = 5, maxBytes = defaultMaxBytes, signal } = options
  checkLimit('fetch.timeoutMs', timeoutMs, 2 ** 31 - 1)
  checkLimit('fetch.maxBytes', maxBytes, Number.POSITIVE_INFINITY)
  const timeout = AbortSignal.timeout(timeoutMs)
  const both = signal === undefined ? timeout : AbortSignal.any([timeout, signal])
  let here = url
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await request(here, url, options, both)
      const { statusCode = 0 } = response
      if (![301, 302, 303, 307, 308].includes(statusCode)) return await readBody(response, here, options)
      response.destroy()
      if (redirects === maxRedirects) throw failure(url, `more than ${maxRedirects} redirects`)
      here = redirectTarget(here, response.headers.location)
    }
  } catch (error) {
    if (signal?.aborted) throw new FoveaError('CANCELLED', { file: shownUrl(url), cause: error })
    if (error instanceof FoveaError) throw error
    if (timeout.aborted) throw failure(url, `no whole answer within ${timeoutMs} ms`, error)
    throw failure(url, reasonOf(error), error)
  }
}

function request(here: URL, first: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  // A name is checked when it is looked up; an address in the URL is never looked up.
  const literal = here.hostname.replace(/^\[|\]$/g, '')
  if (!options.allowPrivate && isIP(literal) !== 0 && isSpecialAddress(literal)) throw refusal(here, literal)
  const headers = { accept: 'image/*, application/dicom, */*;q=0.5', 'accept-encoding': 'identity', 'user-agent': 'fovea' }
  const own = here.origin === first.origin ? options.headers : {}
  return new Promise((resolve, reject) => {
    // No agent: a connection that another call was allowed to make is never used again.
    const checked = options.allowPrivate ? {} : { lookup: checkedLookup(here) }
    const settings = { agent: false, signal, headers: { ...headers, ...own }, ...checked }
    const sent = here.protocol === 'https:' ? getHttps(here, settings, resolve) : getHttp(here, settings, resolve)
    sent.on('error', reject)
  })
}

/** A lookup that refuses a name as soon as one of its addresses is special. */
function checkedLookup(url: URL): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...(options as LookupOptions), all: true }, (error, addresses) => {
      const list = (addresses ?? []) as LookupAddress[]
      const special = list.find(({ address }) => isSpecialAddress(address))
      if (error !== null) callback(error, '')
      else if (special !== undefined) callback(refusal(url, special.address), '')
      else if ((options as LookupOptions).all) callback(null, list)
      else callback(null, list[0]!.address, list[0]!.family)
    })
  }
}

function redirectTarget(here: URL, location: string | undefined): URL {
  const target = location === undefined ? null : URL.parse(location, here.href)
  if (target === null) throw failure(here, `a redirect to ${location ?? 'nowhere'}`)
  if (target.protocol !== 'https:' && target.protocol !== here.protocol)
    throw failure(here, `a redirect from ${here.protocol} to ${target.protocol}`)
  return target
}

async function readBody(response: IncomingMessage, url: URL, { maxBytes = defaultMaxBytes }: FetchOptions): Promise<Uint8Array> {
  const refuse = (error: FoveaError) => {
    response.destroy()
    return error
  }
  if (response.statusCode !== 200) throw refuse(failure(url, `HTTP status ${response.statusCode}`))
  const coding = response.headers['content-encoding'] ?? 'identity'
  if (coding !== 'identity') throw refuse(failure(url, `the content encoding ${coding}, which was not asked for`))
  const length = Number(response.headers['content-length'] ?? 0)
  if (length > maxBytes) throw refuse(tooManyBytes(maxBytes, shownUrl(url), length))
  return collectBytes(response, maxBytes, shownUrl(url))
}

/** An address as errors may show it: without a user's name and password. */
export function shownUrl(url: URL): string {
  const shown = new URL(url)
  shown.username = ''
  shown.password = ''
  return shown.href
}

function refusal(url: URL, address: string): FoveaError {
  return new FoveaError('DATA_ADDRESS_REFUSED', { expected: 'a public address', found: address, file: shownUrl(url) })
}

function failure(url: URL, found: string, cause?: unknown): FoveaError {
  return new FoveaError('DATA_FETCH_FAILED', { found, file: shownUrl(url), cause })
}

function reasonOf(error: unknown): string {
  // Where every address of a name failed, the message is empty and the reasons lie inside.
  const inner = error instanceof AggregateError ? error.errors[0] : error
  return inner instanceof Error ? inner.message || inner.name : String(inner)
}
