// HTTP digest access authentication (RFC 7616), as most network cameras ask for it.

import { createHash, randomBytes } from 'node:crypto'

export interface DigestRequest {
  readonly method: string
  /** Path and query. */
  readonly uri: string
  readonly user: string
  readonly password: string
  /** @default random */
  readonly clientNonce?: string
}

/** The `Authorization` header that answers a `WWW-Authenticate: Digest …`; undefined for a challenge of another kind. */
export function answerDigest(challenge: string, request: DigestRequest): string | undefined {
  const start = /(?:^|,\s*)digest\s+/i.exec(challenge)
  if (start === null) return undefined
  const fields = new Map<string, string>()
  for (const [, name, quoted, plain] of challenge
    .slice(start.index + start[0].length)
    .matchAll(/([a-z\d-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi))
    if (!fields.has(name!.toLowerCase())) fields.set(name!.toLowerCase(), (quoted ?? plain ?? '').replaceAll(/\\(.)/g, '$1'))
  const algorithm = fields.get('algorithm') ?? 'MD5'
  const base = algorithm.replace(/-sess$/i, '').toUpperCase()
  const name = { MD5: 'md5', 'SHA-256': 'sha256' }[base]
  const nonce = fields.get('nonce')
  if (name === undefined || nonce === undefined) return undefined
  const hash = (text: string) => createHash(name).update(text).digest('hex')
  const { method, uri, user, password, clientNonce = randomBytes(8).toString('hex') } = request
  const realm = fields.get('realm') ?? ''
  const qop = fields
    .get('qop')
    ?.split(/\s*,\s*/)
    .includes('auth')
    ? 'auth'
    : undefined
  const secret = hash(`${user}:${realm}:${password}`)
  const first = /-sess$/i.test(algorithm) ? hash(`${secret}:${nonce}:${clientNonce}`) : secret
  const second = hash(`${method}:${uri}`)
  const count = '00000001'
  const response = hash(qop === undefined ? `${first}:${nonce}:${second}` : `${first}:${nonce}:${count}:${clientNonce}:${qop}:${second}`)
  const quote = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`
  const opaque = fields.get('opaque')
  return `Digest ${[
    `username=${quote(user)}, realm=${quote(realm)}, nonce=${quote(nonce)}, uri=${quote(uri)}, response="${response}"`,
    ...(fields.has('algorithm') ? [`algorithm=${algorithm}`] : []),
    ...(qop === undefined ? [] : [`qop=${qop}, nc=${count}, cnonce="${clientNonce}"`]),
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
  ].join(', ')}`
}
