// Safetensors files of any size: the header is read at once, a tensor when it is asked for, and what is written is streamed.

import { type FileHandle, open, stat } from 'node:fs/promises'
import { writeFileAtomically } from '../../data/files.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import {
  encodeHeader,
  lengthBytes,
  parseHeader,
  readHeaderLength,
  type SafetensorsHeader,
  type TensorEntry,
  type TensorShape,
  tensorOfEntry,
} from './header.ts'
import type { TensorSource } from './source.ts'

/** Most that one call of `read` is asked for. */
const pieceBytes = 2 ** 30

/** An open file: memory holds its header and what the caller keeps. */
export interface SafetensorsFile extends TensorSource, AsyncDisposable {
  readonly file: string
  readonly entries: ReadonlyMap<string, TensorEntry>
}

/**
 * Opens a file and checks its header. Nothing else is read: a file of any size opens at once.
 *
 * ```ts
 * await using file = await openSafetensors('model.safetensors')
 * const weight = await file.read('conv1.weight')
 * ```
 *
 * @throws FoveaError MODEL_NOT_FOUND, SAFETENSORS_MALFORMED; from `read` SAFETENSORS_UNSUPPORTED for a type that our tensors do not have
 */
export async function openSafetensors(file: string): Promise<SafetensorsFile> {
  const size = await plainFileSize(file)
  const handle = await open(file, 'r').catch((cause: Error) => notFound(file, cause.message, cause))
  try {
    const length = readHeaderLength(await readRange(handle, file, 0, Math.min(lengthBytes, size)), size, file)
    const start = lengthBytes + length
    return new OpenFile(file, handle, start, parseHeader(await readRange(handle, file, lengthBytes, length), size - start, file))
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** The file's size. Asked before opening, since opening a pipe would wait for a writer. */
async function plainFileSize(file: string): Promise<number> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) =>
    notFound(file, cause.code === 'ENOENT' ? 'no such file' : cause.message, cause),
  )
  if (!found.isFile()) notFound(file, found.isDirectory() ? 'a folder' : 'something else', undefined)
  return found.size
}

function notFound(file: string, found: string, cause: unknown): never {
  throw new FoveaError('MODEL_NOT_FOUND', { file, expected: 'a file', found, cause })
}

class OpenFile implements SafetensorsFile {
  readonly file: string
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: ReadonlyMap<string, string>
  readonly #handle: FileHandle
  /** Where the data begin. */
  readonly #start: number

  constructor(file: string, handle: FileHandle, start: number, { entries, metadata }: SafetensorsHeader) {
    this.file = file
    this.entries = entries
    this.metadata = metadata
    this.#handle = handle
    this.#start = start
  }

  async read(name: string): Promise<Tensor> {
    const entry = this.entries.get(name)
    if (entry === undefined)
      throw new FoveaError('TENSOR_INVALID', {
        file: this.file,
        field: clip(name),
        expected: 'a tensor of the file',
        found: 'no such name',
      })
    const bytes = await readRange(this.#handle, this.file, this.#start + entry.begin, entry.end - entry.begin)
    return tensorOfEntry(name, entry, bytes, this.file)
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

async function readRange(handle: FileHandle, file: string, begin: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(bytes, at, Math.min(pieceBytes, length - at), begin + at)
    if (bytesRead === 0)
      throw new FoveaError('SAFETENSORS_MALFORMED', { file, expected: `${length} bytes at ${begin}`, found: 'the end of the file' })
    at += bytesRead
  }
  return bytes
}

/** A tensor that is made or fetched only when it is written. */
export interface LazyTensor extends TensorShape {
  read(): Promise<Tensor>
}

/**
 * Writes a file, tensor by tensor: under a temporary name, flushed, then renamed. Lazy tensors are asked for one at a time, so that
 * memory holds one of them. Equal contents give equal files.
 *
 * @throws FoveaError FILE_WRITE; SAFETENSORS_MALFORMED for a type or name that the format does not have; TENSOR_INVALID where a lazy
 *   tensor is not what it said
 */
export async function writeSafetensors(
  file: string,
  tensors: ReadonlyMap<string, Tensor | LazyTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  const { head, order } = encodeHeader(tensors, metadata)
  await writeFileAtomically(file, chunksOf(head, order, tensors))
}

async function* chunksOf(
  head: Uint8Array,
  order: readonly string[],
  tensors: ReadonlyMap<string, Tensor | LazyTensor>,
): AsyncGenerator<Uint8Array> {
  yield head
  for (const name of order) {
    const listed = tensors.get(name)!
    const tensor = 'read' in listed ? await listed.read() : listed
    if (tensor.dtype !== listed.dtype || `${tensor.dims}` !== `${listed.dims}`)
      throw new FoveaError('TENSOR_INVALID', {
        field: name,
        expected: `${listed.dtype}[${listed.dims}]`,
        found: `${tensor.dtype}[${tensor.dims}]`,
      })
    yield tensor.bytes
  }
}
