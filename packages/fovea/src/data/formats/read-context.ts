// What a reader of a format is given: the files, safe ways to read them, and where to put its problems.

import { open, readFile, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import type { BoxOrder } from './csv-box-order.ts'
import { imageSize } from './image-size.ts'
import type { Listing } from './listing.ts'
import { type DatasetProblem, losesData, type ProblemCode } from './problems.ts'

export interface ReadOptions {
  /** Pascal VOC: whether its first pixel is 1, as the original data set says, or 0, as many tools write. Default `one`. */
  readonly vocOrigin?: 'one' | 'zero'
  /** CSV: what four numbers of a box without names are: corners, or a corner with width and height. Default: told by all boxes of the file. */
  readonly csvBox?: BoxOrder
  /** Classes in their order, where the format does not list them (YOLO without a list, masks without a map). */
  readonly classes?: readonly string[]
  /** Is told of each problem, and reading goes on without what is broken. Without it, the first that loses data is thrown. */
  readonly onProblem?: (problem: DatasetProblem) => void
  readonly signal?: AbortSignal
  /** A folder for what does not fit in memory while a large file is read. It must outlast the pictures. Default: all is held in memory. */
  readonly scratch?: string
}

/** The longest label file that is read into memory; V8's strings end near 2^29 characters. */
export const maxLabelBytes = 500_000_000

export class ReadContext {
  readonly listing: Listing
  readonly options: ReadOptions

  constructor(listing: Listing, options: ReadOptions = {}) {
    this.listing = listing
    this.options = options
  }

  /**
   * Reports a problem.
   * @throws DATASET_MALFORMED, or DATASET_PATH, DATASET_UNSUPPORTED, where nobody listens and data would be lost
   */
  report(code: ProblemCode, file: string, detail: string, other?: string): void {
    const problem = { code, file, detail, ...(other === undefined ? {} : { other }) }
    if (this.options.onProblem !== undefined) this.options.onProblem(problem)
    else if (losesData(problem))
      throw new FoveaError(
        code === 'path-outside' ? 'DATASET_PATH' : code === 'unsupported-part' ? 'DATASET_UNSUPPORTED' : 'DATASET_MALFORMED',
        {
          file,
          found: detail,
        },
      )
  }

  /**
   * Runs the reading of a file or an entry; its coded error becomes a problem, and the value undefined.
   * @throws what `report` throws, CANCELLED, and errors without a code
   */
  async attempt<T>(code: ProblemCode, file: string, read: () => T | Promise<T>): Promise<T | undefined> {
    if (this.options.signal?.aborted) throw new FoveaError('CANCELLED', { cause: this.options.signal.reason })
    try {
      return await read()
    } catch (error) {
      return this.#toProblem(code, file, error)
    }
  }

  #toProblem(code: ProblemCode, file: string, error: unknown): undefined {
    if (!isFoveaError(error) || error.code === 'CANCELLED' || this.options.onProblem === undefined) throw error
    const { field, expected, found } = error.details
    const facts = [field, expected && `expected ${expected}`, found && `found ${found}`].filter(Boolean).join(', ')
    this.report(error.code === 'DATASET_PATH' ? 'path-outside' : code, file, facts || error.message)
    return undefined
  }

  /** As `attempt`, for what needs no waiting. */
  attemptNow<T>(code: ProblemCode, file: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      return this.#toProblem(code, file, error)
    }
  }

  /** The text of a file below the root. @throws DATASET_MALFORMED, DATASET_TOO_LARGE */
  async text(file: string): Promise<string> {
    const path = this.listing.full(file)
    try {
      const { size } = await stat(path)
      if (size > maxLabelBytes)
        throw new FoveaError('DATASET_TOO_LARGE', { file, expected: `at most ${maxLabelBytes} bytes`, found: `${size} bytes` })
      const text = await readFile(path, 'utf8')
      return text.startsWith('\uFEFF') ? text.slice(1) : text
    } catch (cause) {
      if (isFoveaError(cause)) throw cause
      throw new FoveaError('DATASET_MALFORMED', { file, found: (cause as Error).message, cause })
    }
  }

  /** The first bytes of a file as text: enough to recognise it. '' where it cannot be read. */
  async head(file: string, bytes = 4096): Promise<string> {
    return readHead(this.listing, file, bytes)
  }

  /**
   * A path that stands in a data set's file, as one below the root; backslashes are separators.
   * @throws DATASET_PATH where it is absolute or leads out
   */
  inside(path: string, folder: string, file: string): string {
    return insidePath(path, folder, file)
  }

  /** `file` of a picture, where it is there; else the problem is reported and nothing given. */
  picture(path: string | undefined, name: string): { file?: string } {
    if (path !== undefined && this.listing.has(path)) return { file: this.listing.full(path) }
    this.report('missing-file', path ?? name, `no picture ${name}`)
    return {}
  }

  /** Width and height of a picture by its header, for formats that state positions as parts of them; undefined where it is missing. */
  async sizeOf(picture: Pick<LabelledPicture, 'file' | 'name'>): Promise<{ width: number; height: number } | undefined> {
    if (picture.file === undefined) return undefined
    try {
      return await imageSize(picture.file)
    } catch (error) {
      if (!isFoveaError(error)) throw error
      this.report('unreadable-image', picture.name, error.code)
      return undefined
    }
  }
}

/** @throws DATASET_PATH */
export function insidePath(path: string, folder: string, file: string): string {
  const plain = path.replaceAll('\\', '/')
  const joined = posix.normalize(posix.join(folder, plain))
  if (plain.includes('\0') || /^(\/|[a-z]:)/i.test(plain) || joined === '..' || joined.startsWith('../') || joined.startsWith('/'))
    throw new FoveaError('DATASET_PATH', { file, expected: 'a path below the folder of the data set', found: path.slice(0, 200) })
  return joined
}

/** The first bytes of a file as text, '' where it cannot be read. */
export async function readHead(listing: Listing, file: string, bytes = 4096): Promise<string> {
  const handle = await open(listing.full(file)).catch(() => undefined)
  if (handle === undefined) return ''
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return ''
  } finally {
    await handle.close()
  }
}
