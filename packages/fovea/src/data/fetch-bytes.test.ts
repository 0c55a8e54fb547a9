import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FetchOptions, fetchBytes } from './fetch-bytes.ts'

const servers: Server[] = []
const seen: IncomingMessage['headers'][] = []
let base = ''
let other = ''

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  other = await serve((request, response) => {
    seen.push(request.headers)
    response.end('other')
  })
  base = await serve((request, response) => {
    seen.push(request.headers)
    const redirect = (location: string, status = 302) => response.writeHead(status, { location }).end()
    const url = request.url ?? ''
    if (url === '/a') response.end('picture')
    else if (url === '/to-a') redirect('/a', 307)
    else if (url === '/to-other') redirect(`${other}/b`)
    else if (url === '/to-loop') redirect('/to-loop')
    else if (url === '/to-file') redirect('file:///etc/hostname')
    else if (url === '/to-nowhere') response.writeHead(302).end()
    else if (url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('picture'))
    else if (url === '/stated') response.writeHead(200, { 'content-length': 1000 }).end(Buffer.alloc(1000))
    else if (url === '/endless') pipeline(Readable.from(zeros()), response, () => undefined)
    else if (url === '/slow') response.write('p')
    else if (url === '/cut') {
      response.writeHead(200, { 'content-length': 1000 })
      response.write('short', () => request.socket.destroy())
    } else response.writeHead(404).end('none')
  })
})
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

function* zeros(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(65_536)
}

const get = (path: string, options: FetchOptions = {}) => fetchBytes(new URL(path, base), { allowPrivate: true, ...options })

test('gives the bytes, and follows redirects', async () => {
  expect(Buffer.from(await get('/a')).toString()).toBe('picture')
  expect(Buffer.from(await get('/to-a')).toString()).toBe('picture')
  expect(Buffer.from(await get('/to-other')).toString()).toBe('other')
})

test("sends the caller's headers, but not to another origin", async () => {
  seen.length = 0
  await get('/to-other', { headers: { authorization: 'Bearer x' } })
  expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer x', undefined])
})

describe('refuses', () => {
  test.each([
    ['/none', 'HTTP status 404'],
    ['/to-loop', 'more than 5 redirects'],
    ['/to-file', 'a redirect from http: to file:'],
    ['/to-nowhere', 'a redirect to nowhere'],
    ['/gzip', 'the content encoding gzip, which was not asked for'],
    ['/cut', 'aborted'],
  ])('%s: %s', async (path, found) => {
    await expect(get(path)).rejects.toMatchObject({ code: 'DATA_FETCH_FAILED', details: { found } })
  })

  test('more bytes than allowed, stated or not', async () => {
    await expect(get('/stated', { maxBytes: 999 })).rejects.toMatchObject({ code: 'DATA_TOO_MANY_BYTES', details: { found: '1,000' } })
    await expect(get('/endless', { maxBytes: 100_000 })).rejects.toMatchObject({ code: 'DATA_TOO_MANY_BYTES' })
  })

  test('an answer that does not end in time, and a fetch that the caller ends', async () => {
    await expect(get('/slow', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'DATA_FETCH_FAILED',
      details: { found: 'no whole answer within 50 ms' },
    })
    const controller = new AbortController()
    const work = get('/slow', { signal: controller.signal })
    controller.abort()
    await expect(work).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  // Every spelling is settled by URL parsing; the name is refused by what it resolves to.
  test.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    'localhost',
    '0',
  ])('http://%s without leave', async (host) => {
    const { port } = new URL(base)
    await expect(fetchBytes(new URL(`http://${host}:${port}/a`))).rejects.toMatchObject({ code: 'DATA_ADDRESS_REFUSED' })
  })

  test('without showing a password', async () => {
    const work = fetchBytes(new URL('http://user:secret@10.0.0.1/a'))
    await expect(work).rejects.toMatchObject({ code: 'DATA_ADDRESS_REFUSED', details: { file: 'http://10.0.0.1/a' } })
  })
})
