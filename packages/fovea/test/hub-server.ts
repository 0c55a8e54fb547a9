// A small hub on 127.0.0.1: repositories in memory, the hub's protocol, and faults that a test orders.

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HubRequest {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly range: string | undefined
}

/** Answers in place of the hub where it returns true. */
export type Fault = (request: HubRequest, response: ServerResponse) => boolean | Promise<boolean>

export interface HubRepository {
  readonly files: Readonly<Record<string, Uint8Array | string>>
  /** Paths that are kept as large files: they have a SHA-256 and lie behind a redirect. */
  readonly large?: readonly string[]
  /** More entries of the listing. */
  readonly extra?: readonly unknown[]
}

export const commitOf = (name: string): string => createHash('sha1').update(name).digest('hex')

export class HubServer {
  readonly requests: HubRequest[] = []
  /** By `owner/name`. */
  readonly repositories = new Map<string, HubRepository>()
  /** Branches, by `owner/name@branch`, to the name of a commit. */
  readonly branches = new Map<string, string>()
  readonly faults: Fault[] = []
  /** Where large files lie; the server itself unless a test says otherwise. */
  storage: string | undefined
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<HubServer> {
    const server = createServer()
    const hub = new HubServer(server)
    server.on('request', (request, response) => {
      hub.#answer(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return hub
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Paths that were asked for, in order. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url!, this.address)
    const asked = {
      method: request.method!,
      path: request.url!,
      authorization: request.headers.authorization,
      range: request.headers.range,
    }
    this.requests.push(asked)
    for (const fault of this.faults) if (await fault(asked, response)) return
    const parts = pathname.split('/').slice(1).map(decodeURIComponent)
    if (parts[0] === 'api') this.#list(parts, response)
    else if (parts[0] === 'storage') this.#content(parts.slice(1), asked, response)
    else this.#resolve(parts, asked, response)
  }

  #list([, , owner, name, , revision]: readonly string[], response: ServerResponse): void {
    const repository = this.repositories.get(`${owner}/${name}`)
    const commit =
      this.branches.get(`${owner}/${name}@${revision}`) ?? [...this.branches.values(), 'main'].find((known) => commitOf(known) === revision)
    if (repository === undefined || (commit === undefined && revision !== 'main')) {
      response
        .writeHead(404, { 'x-error-code': repository === undefined ? 'RepoNotFound' : 'RevisionNotFound' })
        .end('{"error":"not found"}')
      return
    }
    const siblings = Object.entries(repository.files).map(([path, content]) => {
      const bytes = Buffer.from(content)
      const large = repository.large?.includes(path)
      return {
        rfilename: path,
        size: bytes.length,
        blobId: gitHash(large ? Buffer.from('pointer') : bytes),
        ...(large ? { lfs: { size: bytes.length, sha256: sha256(bytes), pointerSize: 7 } } : {}),
      }
    })
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ sha: commitOf(commit ?? 'main'), siblings: [...siblings, ...(repository.extra ?? [])] }))
  }

  #resolve([owner, name, , commit, ...path]: readonly string[], asked: HubRequest, response: ServerResponse): void {
    const repository = this.repositories.get(`${owner}/${name}`)
    const file = path.join('/')
    const content = repository?.files[file]
    if (content === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end('Entry not found')
      return
    }
    if (repository!.large?.includes(file))
      response
        .writeHead(302, {
          location: `${this.storage ?? ''}/storage/${owner}/${name}/${file}?secret=1`,
          'x-linked-etag': `"${sha256(Buffer.from(content))}"`,
          'x-repo-commit': commit,
        })
        .end('Found')
    else this.#content([owner!, name!, ...path], asked, response)
  }

  #content([owner, name, ...path]: readonly string[], { range }: HubRequest, response: ServerResponse): void {
    const bytes = Buffer.from(this.repositories.get(`${owner}/${name}`)!.files[path.join('/')]!)
    const begin = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    if (begin >= bytes.length && begin > 0) response.writeHead(416).end()
    else if (begin > 0)
      response
        .writeHead(206, { 'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}`, 'content-length': bytes.length - begin })
        .end(bytes.subarray(begin))
    else response.writeHead(200, { 'content-length': bytes.length, etag: `"${gitHash(bytes)}"` }).end(bytes)
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function gitHash(bytes: Uint8Array): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}
