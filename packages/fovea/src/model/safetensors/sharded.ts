// A checkpoint in several safetensors files, with an index beside them that says which tensor lies where.

import { dirname, join } from 'node:path'
import { readText } from '../../data/files.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { openSafetensors, type SafetensorsFile } from './file.ts'
import type { ListedTensor, TensorSource } from './source.ts'

/** More files than any checkpoint has, and fewer than a process may hold open. */
const maxShards = 500

/**
 * Opens the files that an index (`model.safetensors.index.json`) names; only their headers are read.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED where the index does not fit its files or names files outside its folder, MODEL_NOT_FOUND
 */
export async function openSharded(index: string): Promise<TensorSource> {
  const places = parseIndex(await readText(index, 'MODEL_NOT_FOUND'), index)
  const shards = new Map<string, SafetensorsFile>()
  const close = async () => {
    for (const shard of shards.values()) await shard.close()
  }
  try {
    for (const shard of new Set(places.values())) shards.set(shard, await openSafetensors(join(dirname(index), shard)))
    const entries = new Map<string, ListedTensor>()
    const metadata = new Map<string, string>()
    for (const [name, shard] of places) {
      const entry = shards.get(shard)!.entries.get(name)
      if (entry === undefined) malformed(index, `the tensor in ${shard}`, 'no such name there', name)
      entries.set(name, entry)
    }
    for (const shard of shards.values()) for (const [key, value] of shard.metadata) metadata.set(key, value)
    return { entries, metadata, read: (name) => readFrom(shards, places, name, index), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function readFrom(
  shards: ReadonlyMap<string, SafetensorsFile>,
  places: ReadonlyMap<string, string>,
  name: string,
  file: string,
): Promise<Tensor> {
  const shard = shards.get(places.get(name) ?? '')
  if (shard === undefined)
    throw new FoveaError('TENSOR_INVALID', { file, field: clip(name), expected: 'a tensor of the index', found: 'no such name' })
  return shard.read(name)
}

/**
 * The files that an index names, by tensor.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED
 */
export function parseIndex(text: string, file: string): Map<string, string> {
  let index: unknown
  try {
    index = JSON.parse(text)
  } catch {
    return malformed(file, 'JSON', 'something else')
  }
  const map = typeof index === 'object' && index !== null ? (index as Record<string, unknown>).weight_map : undefined
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    return malformed(file, 'an object with file names', 'something else', 'weight_map')
  const places = new Map<string, string>()
  for (const [name, shard] of Object.entries(map)) {
    // A plain name cannot lead out of the folder.
    if (typeof shard !== 'string' || !/^[\w-][\w.-]*\.safetensors$/.test(shard))
      malformed(file, 'the plain name of a .safetensors file', String(JSON.stringify(shard)), name)
    places.set(name, shard)
  }
  const count = new Set(places.values()).size
  if (count === 0 || count > maxShards) malformed(file, `1 to ${maxShards} files`, `${count}`, 'weight_map')
  return places
}

function malformed(file: string, expected: string, found: string, field?: string): never {
  throw new FoveaError('SAFETENSORS_MALFORMED', {
    file,
    expected,
    found: clip(found, 100),
    ...(field === undefined ? {} : { field: clip(field) }),
  })
}
