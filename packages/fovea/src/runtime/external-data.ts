// Reads tensor data that lies beside an ONNX file, and nothing outside the file's folder.

import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import type { ReadExternal } from '../graph/codec/external.ts'
import { FoveaError } from '../util/errors.ts'

/** Most that one call of `read` is asked for. */
const pieceBytes = 2 ** 30

/**
 * A reader for `decodeModel`'s option `readExternal`. Links are followed only inside the model's folder. A range that is
 * asked for twice is read once; ranges that overlap so much that they exceed twice the file are refused, since a small file
 * could otherwise fill the memory.
 *
 * @throws FoveaError ONNX_EXTERNAL_DATA from the reader, when a file is absent, outside, not a plain file or too short
 */
export function externalDataReader(modelPath: string): ReadExternal {
  const folder = realpathSync(dirname(modelPath))
  const ranges = new Map<string, Uint8Array>()
  const totals = new Map<string, number>()
  return (location, offset, length) => {
    const path = insideOf(folder, location)
    const key = `${offset} ${length} ${path}`
    const known = ranges.get(key)
    if (known !== undefined) return known
    const { bytes, fileBytes } = readRange(path, offset, length)
    const total = (totals.get(path) ?? 0) + bytes.length
    if (total > 2 * fileBytes) fail(path, `ranges of at most ${2 * fileBytes} bytes together`, `more, since many overlap`)
    totals.set(path, total)
    ranges.set(key, bytes)
    return bytes
  }
}

/** The real path of a location, which must lie in the folder when all links are followed. */
function insideOf(folder: string, location: string): string {
  const wanted = join(folder, location)
  const path = attempt(wanted, () => realpathSync(wanted))
  const inner = folder.endsWith(sep) ? folder : folder + sep
  if (!path.startsWith(inner)) fail(wanted, `a file in ${folder}`, `one at ${path}`)
  return path
}

function readRange(path: string, offset: number, length: number | undefined): { bytes: Uint8Array; fileBytes: number } {
  // Asked before opening, since opening a pipe would wait for a writer.
  const stat = attempt(path, () => statSync(path))
  if (!stat.isFile()) fail(path, 'a plain file', 'something else')
  const file = attempt(path, () => openSync(path, 'r'))
  try {
    const wanted = length ?? Math.max(0, stat.size - offset)
    if (offset + wanted > stat.size) fail(path, `${wanted} bytes at ${offset}`, `a file of ${stat.size} bytes`)
    const bytes = new Uint8Array(wanted)
    for (let at = 0; at < wanted; ) {
      const count = attempt(path, () => readSync(file, bytes, at, Math.min(pieceBytes, wanted - at), offset + at))
      if (count === 0) fail(path, `${wanted} bytes at ${offset}`, `${at}, then the end of the file`)
      at += count
    }
    return { bytes, fileBytes: stat.size }
  } finally {
    closeSync(file)
  }
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    throw new FoveaError('ONNX_EXTERNAL_DATA', {
      file: path,
      expected: 'a file that can be read',
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    })
  }
}

function fail(file: string, expected: string, found: string): never {
  throw new FoveaError('ONNX_EXTERNAL_DATA', { file, expected, found })
}
