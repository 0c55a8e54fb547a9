// One GET of a camera: passwords of the address as basic or digest authentication, redirects, and a socket that is let go of.

import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { FoveaError } from '../../util/errors.ts'
import { answerDigest } from './digest.ts'
import { credentialsOf, hideSecrets } from './secrets.ts'

const maxRedirects = 3

/**
 * The answer to a GET, with status 200, its body unread. Aborting the signal ends it at any time.
 *
 * @throws FoveaError SOURCE_FAILED with the reason, SOURCE_DENIED for 401 and 403; without the password
 */
export async function httpGet(address: string, signal: AbortSignal): Promise<IncomingMessage> {
  let url = new URL(address)
  let credentials = credentialsOf(url)
  let authorization = credentials && `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
  let answered = false
  for (let redirects = 0; ; ) {
    const file = hideSecrets(url.href)
    const response = await send(url, authorization, signal, file)
    const { statusCode: status = 0, headers } = response
    if (status === 200) return response
    response.destroy()
    const challenge = headers['www-authenticate']
    if (status === 401 && credentials !== undefined && challenge !== undefined && !answered) {
      answered = true
      authorization = answerDigest(challenge, { method: 'GET', uri: url.pathname + url.search, ...credentials })
      if (authorization !== undefined) continue
    }
    if (status >= 300 && status < 400 && headers.location !== undefined && redirects++ < maxRedirects) {
      const next = URL.canParse(headers.location, url.href) ? new URL(headers.location, url) : undefined
      if (next === undefined || !/^https?:$/.test(next.protocol))
        throw new FoveaError('SOURCE_FAILED', { file, found: 'a redirect to no address of http' })
      // What is meant for one host is not told to another.
      if (next.host !== url.host) [credentials, authorization] = [undefined, undefined]
      url = next
      continue
    }
    throw new FoveaError(status === 401 || status === 403 ? 'SOURCE_DENIED' : 'SOURCE_FAILED', { file, found: `HTTP status ${status}` })
  }
}

function send(url: URL, authorization: string | undefined, signal: AbortSignal, file: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { protocol, hostname, port, pathname, search } = url
    const request = (protocol === 'https:' ? secureRequest : plainRequest)({
      protocol,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: pathname + search,
      headers: { accept: '*/*', ...(authorization === undefined ? {} : { authorization }) },
      // A socket of its own, closed with the answer.
      agent: false,
      signal,
    })
    request.once('response', resolve)
    // A socket may fail more than once; an error nobody listens to would end the process.
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(new FoveaError('SOURCE_FAILED', { file, found: error.code ?? error.message, cause: error })),
    )
    request.end()
  })
}
