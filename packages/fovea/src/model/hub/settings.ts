// Where the hub is, where its files are kept, and whether the network may be used: from options, else from the environment.

import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'

/** One file on its way. */
export interface HubProgress {
  readonly kind: 'download'
  /** Path in the repository. */
  readonly file: string
  /** Bytes of this file that are there, those of an earlier try included. */
  readonly received: number
  readonly total: number
  /** This file's place among those that are needed. */
  readonly index: number
  readonly files: number
}

export interface HubOptions {
  /** Takes what the cache has and uses no network. @default true where FOVEA_OFFLINE or HF_HUB_OFFLINE is 1 */
  readonly offline?: boolean
  /** Folder of the cache. @default FOVEA_CACHE, else XDG_CACHE_HOME/fovea, else ~/.cache/fovea */
  readonly cache?: string
  /** @default HF_ENDPOINT, else https://huggingface.co */
  readonly endpoint?: string
  /** Sent to the endpoint's own host and to no other. @default HF_TOKEN */
  readonly token?: string
  readonly onProgress?: (progress: HubProgress) => void
  readonly signal?: AbortSignal
  /** Largest file that is fetched, in bytes. @default 20 GB */
  readonly maxFileBytes?: number
  /** How often a request is tried again, and how long is waited first; each further wait is twice as long, at most a minute. @default 5 times, 500 ms */
  readonly retry?: { readonly times?: number; readonly delayMs?: number }
  /** Milliseconds without a byte after which a connection counts as dead. @default 30000 */
  readonly timeoutMs?: number
}

export interface HubSettings {
  readonly offline: boolean
  readonly cache: string
  readonly endpoint: URL
  readonly token: string | undefined
  readonly onProgress: (progress: HubProgress) => void
  readonly signal: AbortSignal | undefined
  readonly maxFileBytes: number
  readonly retryTimes: number
  readonly retryDelayMs: number
  readonly timeoutMs: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** @throws FoveaError HUB_REFERENCE where the endpoint is no plain http address, or the token cannot be one */
export function hubSettings(options: HubOptions = {}, environment: Environment = process.env): HubSettings {
  const { offline, endpoint, token = environment.HF_TOKEN, maxFileBytes = 20e9, timeoutMs = 30_000 } = options
  return {
    offline: offline ?? [environment.FOVEA_OFFLINE, environment.HF_HUB_OFFLINE].some(isTrue),
    cache: resolve(options.cache ?? cacheFolder(environment)),
    endpoint: parseEndpoint(endpoint ?? (environment.HF_ENDPOINT || 'https://huggingface.co')),
    token: parseToken(token),
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal,
    maxFileBytes,
    retryTimes: options.retry?.times ?? 5,
    retryDelayMs: options.retry?.delayMs ?? 500,
    timeoutMs,
  }
}

/** FOVEA_CACHE, else XDG_CACHE_HOME/fovea, else ~/.cache/fovea. */
export function cacheFolder(environment: Environment = process.env): string {
  if (environment.FOVEA_CACHE) return environment.FOVEA_CACHE
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fovea')
}

function isTrue(text: string | undefined): boolean {
  return /^(1|true|yes|on)$/i.test(text ?? '')
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isHttp = url !== undefined && /^https?:$/.test(url.protocol)
  const extra = isHttp ? `${url.username}${url.password}${url.search}${url.hash}` : ''
  if (isHttp && extra === '') return url
  throw new FoveaError('HUB_REFERENCE', {
    field: 'HF_ENDPOINT',
    expected: 'an address such as https://huggingface.co',
    // A password in it must not get into a log.
    found: isHttp ? `${url.origin} with a user, password, question mark or hash` : clip(text, 100),
    remedy: 'Set HF_ENDPOINT or the option endpoint to the plain address; a token goes into HF_TOKEN.',
  })
}

/** A file's last newline does not count. What no header can carry is refused here, since an error of the network would print it. */
function parseToken(text: string | undefined): string | undefined {
  const token = text?.trim() ?? ''
  if (token === '') return undefined
  if (/^[!-~]+$/.test(token)) return token
  throw new FoveaError('HUB_REFERENCE', {
    field: 'HF_TOKEN',
    expected: 'a token of printable ASCII characters',
    found: 'spaces or other characters inside it',
    remedy: 'Copy the token from the settings of the hub again.',
  })
}
