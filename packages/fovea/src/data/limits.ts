// What a picture may cost before it is looked at more closely: bytes and pixels.

import { FoveaError } from '../util/errors.ts'

export const defaultMaxBytes = 2 ** 28
export const defaultMaxPixels = 2 ** 27

export function tooManyBytes(maxBytes: number, file: string | undefined, found?: number): FoveaError {
  return new FoveaError('DATA_TOO_MANY_BYTES', {
    expected: `at most ${maxBytes.toLocaleString('en')} bytes`,
    found: found === undefined ? 'more' : found.toLocaleString('en'),
    file,
  })
}

export function tooManyPixels(maxPixels: number, found: string, file: string | undefined, cause?: unknown): FoveaError {
  return new FoveaError('DATA_IMAGE_TOO_LARGE', { expected: `at most ${maxPixels.toLocaleString('en')} pixels`, found, file, cause })
}

/** @param pages how many there are, where that is known */
export function noSuchPage(page: number, pages: number | undefined, file: string | undefined): FoveaError {
  const expected = pages === undefined ? 'a number of a page, from 0' : pages === 1 ? 'page 0: there is one picture' : `0 to ${pages - 1}`
  return new FoveaError('DATA_NO_SUCH_PAGE', { expected, found: String(page), file })
}

/** All bytes of a stream. @throws DATA_TOO_MANY_BYTES; DATA_UNREADABLE_IMAGE where it gives something else than bytes */
export async function collectBytes(chunks: AsyncIterable<unknown>, maxBytes: number, file: string | undefined): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) {
      throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected: 'a stream of bytes', found: `a ${typeof chunk} in the stream`, file })
    }
    size += chunk.length
    if (size > maxBytes) throw tooManyBytes(maxBytes, file)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
