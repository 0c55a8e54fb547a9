// One file from the hub to the cache: resumed where it was cut, verified while it streams, in place only when it is whole.

import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makeFolder, writeError } from '../../data/files.ts'
import { FoveaError } from '../../util/errors.ts'
import { type HubAnswer, PassingFailure, request, withRetries } from './http.ts'
import { type Checksum, checksumOf, type HubFile } from './listing.ts'
import { withLock } from './lock.ts'
import type { HubSettings } from './settings.ts'

export interface Download {
  readonly url: URL
  readonly file: HubFile
  /** Where it goes. While it is fetched, `.partial` and `.lock` lie beside. */
  readonly target: string
  readonly onBytes: (received: number, total: number) => void
}

/**
 * Fetches a file, unless it is there. What an earlier try left is gone on with. Several processes may ask for it at once: one fetches,
 * the others wait.
 *
 * @throws FoveaError HUB_CHECKSUM, HUB_TOO_LARGE, HUB_FAILED, HUB_DENIED, HUB_NOT_FOUND, FILE_WRITE, CANCELLED
 */
export async function downloadFile(download: Download, settings: HubSettings): Promise<void> {
  const { file, target } = download
  const { maxFileBytes } = settings
  if ((file.size ?? 0) > maxFileBytes)
    throw new FoveaError('HUB_TOO_LARGE', { file: file.path, expected: `at most ${maxFileBytes} bytes`, found: `${file.size}` })
  if (await isThere(target, file.size)) return
  await makeFolder(dirname(target))
  await withLock(`${target}.lock`, settings.signal, async (holds) => {
    // Somebody else may have fetched it while we waited.
    if (await isThere(target, file.size)) return
    const partial = new PartialFile(`${target}.partial`)
    try {
      await partial.open()
      const resumed = partial.length > 0
      const checksum = await fetchWhole(download, partial, settings)
      if (!(await partial.matches(checksum))) {
        // What was there may have been damaged: once more from the beginning.
        if (resumed) await partial.restart()
        const again = resumed && (await partial.matches(await fetchWhole(download, partial, settings)))
        if (!again) await partial.refuse(file.path, checksum)
      }
      await partial.sync()
      if (!(await holds())) throw new FoveaError('HUB_FAILED', { file: file.path, found: 'another process took the download over' })
      await rename(partial.path, target).catch((cause: unknown) => {
        throw cacheError(target, cause)
      })
    } finally {
      await partial.close()
    }
  })
}

/** True where the file is in place: only whole and verified files get there. */
export async function isThere(target: string, size: number | undefined): Promise<boolean> {
  const found = await stat(target).catch(() => undefined)
  return found?.isFile() === true && (size === undefined || found.size === size)
}

/** Fetches what is missing, in as many tries as it takes, and gives the checksum that the content must have. */
async function fetchWhole({ url, file, onBytes }: Download, partial: PartialFile, settings: HubSettings): Promise<Checksum> {
  const limit = file.size ?? settings.maxFileBytes
  let { checksum } = file
  let farthest = partial.length
  if (partial.length > limit) await partial.restart()
  await withRetries(settings, file.path, async (gained) => {
    // All is there but the name.
    if (file.size !== undefined && checksum !== undefined && partial.length === file.size) return
    const answer = await request(url, settings, partial.length > 0 ? { range: `bytes=${partial.length}-` } : {})
    checksum ??= checksumOf(answer.firstHeaders.get('x-linked-etag') ?? answer.firstHeaders.get('etag'))
    if (checksum === undefined) {
      answer.dismiss()
      throw new FoveaError('HUB_CHECKSUM', { file: file.path, expected: 'a checksum from the server', found: 'none' })
    }
    if (partial.length > 0 && !continues(answer, partial.length)) {
      await partial.restart()
      if (answer.status !== 200) {
        answer.dismiss()
        throw new PassingFailure(`status ${answer.status} to a request for the rest`)
      }
    }
    const total = file.size ?? totalOf(answer, partial.length)
    for await (const piece of answer.body) {
      if (partial.length + piece.length > limit) {
        await partial.discard()
        throw file.size === undefined
          ? new FoveaError('HUB_TOO_LARGE', { file: file.path, expected: `at most ${limit} bytes`, found: 'more' })
          : new FoveaError('HUB_CHECKSUM', { file: file.path, expected: `${limit} bytes`, found: 'more' })
      }
      await partial.append(piece)
      // A server that always begins anew, and always breaks off, brings nobody further.
      if (partial.length > farthest) {
        farthest = partial.length
        gained()
      }
      onBytes(partial.length, total)
    }
    if (partial.length < (file.size ?? total)) throw new PassingFailure(`the connection ended at ${partial.length} of ${total} bytes`)
  })
  return checksum!
}

/** True where the answer goes on where the file ends. */
function continues({ status, headers }: HubAnswer, length: number): boolean {
  return status === 206 && new RegExp(`^bytes ${length}-`).test(headers.get('content-range') ?? '')
}

function totalOf({ headers }: HubAnswer, length: number): number {
  const rest = Number(headers.get('content-length') ?? 0)
  return length + (Number.isSafeInteger(rest) ? rest : 0)
}

/** The remedy of a failed write is another one here than at a training. */
function cacheError(file: string, cause: unknown): FoveaError {
  const { details } = writeError(file, cause)
  return new FoveaError('FILE_WRITE', {
    ...details,
    remedy: 'Make space or choose another folder with FOVEA_CACHE, then load again; what was fetched is kept.',
  })
}

/** What is there of a file, and its SHA-256 so far. */
class PartialFile {
  readonly path: string
  #handle: FileHandle | undefined
  #hash: Hash = createHash('sha256')
  #length = 0

  constructor(path: string) {
    this.path = path
  }

  get length(): number {
    return this.#length
  }

  /** Opens what an earlier try left, or begins. */
  async open(): Promise<void> {
    // In a cache that others may write to, a link would lead the writing elsewhere. (Windows has no such flag.)
    const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0)
    this.#handle = await this.#guard(open(this.path, flags))
    // A pipe or a device in its place would never end.
    if (!(await this.#handle.stat()).isFile()) throw cacheError(this.path, new Error('something that is no plain file'))
    for await (const piece of this.#content()) {
      this.#hash.update(piece)
      this.#length += piece.length
    }
  }

  async append(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const { bytesWritten } = await this.#guard(this.#handle!.write(piece, at, piece.length - at, this.#length + at))
      at += bytesWritten
    }
    this.#hash.update(piece)
    this.#length += piece.length
  }

  async restart(): Promise<void> {
    await this.#guard(this.#handle!.truncate(0))
    this.#hash = createHash('sha256')
    this.#length = 0
  }

  /** True where the content has this checksum. */
  async matches({ kind, hex }: Checksum): Promise<boolean> {
    return hex === (kind === 'sha256' ? this.#hash.copy().digest('hex') : await this.#gitHash())
  }

  /** Git's blobs begin with their size, which is known only now. */
  async #gitHash(): Promise<string> {
    const hash = createHash('sha1').update(`blob ${this.#length}\0`)
    for await (const piece of this.#content()) hash.update(piece)
    return hash.digest('hex')
  }

  /** Of the open file, whatever its name leads to by now. */
  #content(): AsyncIterable<Buffer> {
    return this.#handle!.createReadStream({ start: 0, autoClose: false })
  }

  /** Removes the file and says why. */
  async refuse(file: string, { kind, hex }: Checksum): Promise<never> {
    const found = kind === 'sha256' ? this.#hash.copy().digest('hex') : await this.#gitHash()
    await this.discard()
    throw new FoveaError('HUB_CHECKSUM', { file, expected: `${kind} ${hex}`, found })
  }

  async discard(): Promise<void> {
    await rm(this.path, { force: true })
  }

  async sync(): Promise<void> {
    await this.#guard(this.#handle!.sync())
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    return work.catch((cause: unknown) => {
      throw cacheError(this.path, cause)
    })
  }
}
