// What stands behind whatever a caller calls an image: the bytes of a file, or pixels.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { FoveaError } from '../util/errors.ts'
import type { Image } from '../vision/image.ts'
import { type FetchOptions, fetchBytes, shownUrl } from './fetch-bytes.ts'
import { collectBytes, defaultMaxBytes, tooManyBytes } from './limits.ts'
import { isRawPixels, type RawPixels } from './raw-pixels.ts'

/** A frame of a video or a camera: any object that carries an image. */
export interface ImageFrame {
  readonly image: Image
}

/**
 * A path, an address (file:, data:, http:, https:), the bytes of an image file, a Blob, a stream of bytes (of Node or the web), an image or
 * raw pixels, a frame, or a camera or another source of frames, which gives its first one.
 */
export type ImageSource =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | Blob
  | RawPixels
  | ImageFrame
  | AsyncIterable<Uint8Array | string>
  | AsyncIterable<ImageFrame | Image>
  | ReadableStream<Uint8Array>

/** Bytes that are still to be decoded, or pixels; with the name to be used in errors. */
export type SourceContent =
  | { readonly bytes: Uint8Array; readonly name: string | undefined }
  | { readonly pixels: RawPixels; readonly name: string | undefined }

/**
 * Reads a source. Nothing is fetched from a network unless the source is an http(s) address. Of a source of frames one is taken, then its
 * iteration is ended.
 * @throws DATA_FILE_NOT_FOUND, DATA_FETCH_FAILED, DATA_ADDRESS_REFUSED, DATA_TOO_MANY_BYTES, DATA_UNREADABLE_IMAGE, CANCELLED
 */
export async function readSource(source: ImageSource, options: FetchOptions = {}): Promise<SourceContent> {
  const { maxBytes = defaultMaxBytes } = options
  if (typeof source === 'string') {
    if (/^(file|data|https?):/i.test(source)) return readUrl(parseUrl(source, maxBytes), options)
    return { bytes: await readFileBytes(source), name: source }
  }
  if (source instanceof URL) return readUrl(source, options)
  if (source instanceof Uint8Array) return { bytes: source, name: undefined }
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), name: undefined }
  if (source instanceof Blob) return readBlob(source, maxBytes)
  if (typeof source === 'object' && source !== null) {
    if (isRawPixels(source)) return { pixels: source, name: undefined }
    if (isFrame(source)) return { pixels: source.image, name: undefined }
    if (Symbol.asyncIterator in source) return readIterable(source as AsyncIterable<unknown>, maxBytes)
  }
  throw notAnImage(source === null ? 'null' : typeof source)
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

async function readBlob(blob: Blob, maxBytes: number): Promise<SourceContent> {
  const name = blob instanceof File ? blob.name : undefined
  if (blob.size > maxBytes) throw tooManyBytes(maxBytes, name, blob.size)
  return { bytes: new Uint8Array(await blob.arrayBuffer()), name }
}

/** The first item tells what an iterable gives: a part of a file, of which all are needed, or a picture, of which one is. */
async function readIterable(items: AsyncIterable<unknown>, maxBytes: number): Promise<SourceContent> {
  const iterator = items[Symbol.asyncIterator]()
  try {
    const { value: first, done } = await iterator.next()
    if (done) throw notAnImage('a source that ended before its first frame')
    if (typeof first === 'object' && first !== null && !(first instanceof Uint8Array)) {
      await iterator.return?.()
      if (isFrame(first)) return { pixels: first.image, name: undefined }
      if (isRawPixels(first)) return { pixels: first, name: undefined }
      throw notAnImage('a source of objects that carry no image')
    }
    return { bytes: await collectBytes(startingWith(first, iterator), maxBytes, undefined), name: undefined }
  } catch (error) {
    if (error instanceof FoveaError) throw error
    throw new FoveaError('DATA_UNREADABLE_IMAGE', {
      expected: 'a stream that can be read to its end',
      found: error instanceof Error ? error.message : String(error),
      cause: error,
    })
  }
}

async function* startingWith(first: unknown, rest: AsyncIterator<unknown>): AsyncGenerator<unknown> {
  try {
    yield first
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

function isFrame(value: object): value is ImageFrame {
  return 'image' in value && typeof value.image === 'object' && value.image !== null && isRawPixels(value.image)
}

function notAnImage(found: string): FoveaError {
  return new FoveaError('DATA_UNREADABLE_IMAGE', {
    expected: 'a path, URL, bytes, Blob, stream, pixels, frame or source of frames',
    found,
    remedy: 'Give loadImage one of these.',
  })
}

function parseUrl(text: string, maxBytes: number): URL {
  // Before parsing, which copies the text; percent signs take three letters for a byte.
  if (text.length > 3 * maxBytes + 1024) throw tooManyBytes(maxBytes, 'data URL')
  const url = URL.parse(text)
  if (url === null) throw new FoveaError('DATA_FETCH_FAILED', { expected: 'a well-formed URL', found: text.slice(0, 100) })
  return url
}

async function readUrl(url: URL, options: FetchOptions): Promise<SourceContent> {
  if (url.protocol === 'file:') {
    const path = pathOf(url)
    return { bytes: await readFileBytes(path), name: path }
  }
  if (url.protocol === 'data:') return { bytes: await readDataUrl(url, options.maxBytes ?? defaultMaxBytes), name: 'data URL' }
  const name = shownUrl(url)
  if (url.protocol === 'http:' || url.protocol === 'https:') return { bytes: await fetchBytes(url, options), name }
  throw new FoveaError('DATA_FETCH_FAILED', {
    expected: 'file:, data:, http: or https:',
    found: `the protocol ${url.protocol}`,
    file: name,
  })
}

/** RFC 2397, as the runtime's own `fetch` reads it; that one uses no network for data. */
async function readDataUrl(url: URL, maxBytes: number): Promise<Uint8Array> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new FoveaError('DATA_FETCH_FAILED', { expected: 'a well-formed data URL', found: 'another', file: 'data URL', cause: error })
  })
  return collectBytes(response.body ?? emptyBody(), maxBytes, 'data URL')
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw new FoveaError('DATA_FILE_NOT_FOUND', {
      found: error instanceof Error ? error.message : 'a path that cannot be',
      file: url.href,
      cause: error,
    })
  }
}
