// The bytes behind whatever a caller calls an image.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { FoveaError } from '../util/errors.ts'

/** A path, an address (file:, data:, http:, https:), the bytes of an image file, or a Blob. */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | Blob

const maxFetchedBytes = 256 * 2 ** 20

/** Reads the bytes. Nothing is fetched from a network unless the source is an http(s) address. */
export async function readSource(source: ImageSource): Promise<{ bytes: Uint8Array; name: string | undefined }> {
  if (source instanceof Uint8Array) return { bytes: source, name: undefined }
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: undefined }
  if (source instanceof Blob)
    return { bytes: new Uint8Array(await source.arrayBuffer()), name: source instanceof File ? source.name : undefined }
  if (source instanceof URL || (typeof source === 'string' && /^(file|data|https?):/i.test(source))) return readUrl(new URL(source))
  if (typeof source === 'string') return { bytes: await readFileBytes(source), name: source }
  throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected: 'a path, URL, Uint8Array, ArrayBuffer or Blob', found: typeof source })
}

/** The bytes of a file. @throws DATA_FILE_NOT_FOUND */
export async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new FoveaError('DATA_FILE_NOT_FOUND', {
      found: (error as NodeJS.ErrnoException).code ?? 'a read error',
      file: path,
      cause: error,
    })
  }
}

async function readUrl(url: URL): Promise<{ bytes: Uint8Array; name: string }> {
  if (url.protocol === 'file:') {
    const path = fileURLToPath(url)
    return { bytes: await readFileBytes(path), name: path }
  }
  const name = url.protocol === 'data:' ? 'data URL' : url.href
  const fail = (found: string, cause?: unknown) => new FoveaError('DATA_FETCH_FAILED', { found, file: name, cause })
  if (!['data:', 'http:', 'https:'].includes(url.protocol)) throw fail(`the protocol ${url.protocol}`)
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) }).catch((error: unknown) => {
    throw fail(error instanceof Error ? error.message : String(error), error)
  })
  if (!response.ok) throw fail(`HTTP status ${response.status}`)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxFetchedBytes) throw fail(`more than ${maxFetchedBytes / 2 ** 20} MiB`)
    chunks.push(chunk)
  }
  return { bytes: Buffer.concat(chunks), name }
}
