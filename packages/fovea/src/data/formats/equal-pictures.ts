// Pictures of equal bytes: found by size first, so that few of them are read.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { FoveaError } from '../../util/errors.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'

/** The SHA-256 of a file's bytes as text of 32 characters; undefined where it cannot be read. */
export async function contentHash(file: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
    return hash.digest().toString('latin1')
  } catch {
    return undefined
  }
}

/** So many files are asked at once, since each waits for the disk. */
const together = 64

/**
 * For `splitDataset({ equalBy })`: what is equal for pictures whose files are equal byte for byte; undefined for those that are like no other, or that
 * cannot be read.
 * @throws CANCELLED
 */
export async function equalPictures(
  pictures: readonly LabelledPicture[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<(picture: LabelledPicture) => string | undefined> {
  const files = [...new Set(pictures.flatMap(({ file }) => file ?? []))]
  const sizes = await mapTogether(files, signal, (file) =>
    stat(file).then(
      ({ size }) => size,
      () => undefined,
    ),
  )
  const bySize = Map.groupBy(files, (_, i) => sizes[i])
  const suspects = [...bySize].flatMap(([size, list]) => (size !== undefined && list.length > 1 ? list : []))
  const hashes = await mapTogether(suspects, signal, contentHash)
  const byHash = Map.groupBy(suspects, (_, i) => hashes[i])
  const keys = new Map(
    [...byHash].flatMap(([hash, list]) => (hash !== undefined && list.length > 1 ? list.map((file) => [file, hash] as const) : [])),
  )
  return ({ file }) => (file === undefined ? undefined : keys.get(file))
}

async function mapTogether<A, B>(list: readonly A[], signal: AbortSignal | undefined, work: (one: A) => Promise<B>): Promise<B[]> {
  const done: B[] = []
  for (let i = 0; i < list.length; i += together) {
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    done.push(...(await Promise.all(list.slice(i, i + together).map(work))))
  }
  return done
}
