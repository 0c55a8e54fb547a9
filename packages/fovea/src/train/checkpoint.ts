// Checkpoints: all that a training needs to go on, as safetensors and JSON, written whole or not at all.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, writeFileAtomically } from '../data/files.ts'
import type { Tensor } from '../graph/tensor.ts'
import { decodeSafetensors, encodeSafetensors } from '../model/safetensors/codec.ts'
import { FoveaError } from '../util/errors.ts'

export interface CheckpointState {
  /** Raised when the layout of the file changes. */
  readonly format: 1
  /** Options that decide the course of the training, with fingerprints of pictures and first weights; resuming under others is refused. */
  readonly recipe: Readonly<Record<string, unknown>>
  /** The next batch to train on: everything random follows from the seed and this position. */
  readonly position: { readonly epoch: number; readonly batch: number }
  /** Updates done. */
  readonly step: number
  /** Sums over the running epoch's batches before `position`. */
  readonly running: Readonly<Record<string, number>> & { readonly loss: number; readonly samples: number; readonly batches: number }
  /** Records of the epochs done, as the training keeps them. */
  readonly history: readonly object[]
  readonly best: { readonly epoch: number; readonly score: number } | undefined
}

export interface Checkpoint {
  readonly state: CheckpointState
  readonly tensors: ReadonlyMap<string, Tensor>
}

const tensorFile = 'state.safetensors'
const key = 'fovea.checkpoint'

/**
 * Writes `state.safetensors` in the folder. State and position travel in the one file (its metadata), so that both always belong
 * together; `checkpoint.json` beside it repeats the state for people.
 *
 * @throws FoveaError FILE_WRITE
 */
export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const text = JSON.stringify(checkpoint.state)
  await makeFolder(folder)
  await writeFileAtomically(join(folder, tensorFile), encodeSafetensors(checkpoint.tensors, new Map([[key, text]])))
  await writeFileAtomically(join(folder, 'checkpoint.json'), `${JSON.stringify(checkpoint.state, undefined, 2)}\n`)
}

/** Reads a checkpoint; undefined where the folder has none. @throws FoveaError CHECKPOINT_INVALID */
export async function readCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const file = join(folder, tensorFile)
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined
    throw new FoveaError('CHECKPOINT_INVALID', { file, found: cause.message, cause })
  })
  if (bytes === undefined) return undefined
  try {
    const { tensors, metadata } = decodeSafetensors(bytes, file)
    const state = JSON.parse(metadata.get(key) ?? 'null') as Partial<CheckpointState> | null
    if (isState(state)) return { state, tensors }
    throw new FoveaError('CHECKPOINT_INVALID', {
      file,
      expected: 'a checkpoint of format 1',
      found: `format ${state?.format ?? 'unknown'}`,
    })
  } catch (cause) {
    if (cause instanceof FoveaError && cause.code === 'CHECKPOINT_INVALID') throw cause
    throw new FoveaError('CHECKPOINT_INVALID', { file, found: cause instanceof Error ? cause.message : String(cause), cause })
  }
}

function isState(state: Partial<CheckpointState> | null): state is CheckpointState {
  const { format, recipe, position, running, history } = state ?? {}
  const isRecord = (value: unknown) => typeof value === 'object' && value !== null
  return format === 1 && [recipe, position, running].every(isRecord) && Array.isArray(history)
}

/** @throws FoveaError CHECKPOINT_INVALID where a checkpoint's tensors are not those that the training step holds */
export function checkTensors(folder: string, saved: ReadonlyMap<string, Tensor>, wanted: ReadonlyMap<string, Tensor>): void {
  for (const name of new Set([...saved.keys(), ...wanted.keys()])) {
    const [was, is] = [saved.get(name), wanted.get(name)].map((tensor) =>
      tensor === undefined ? 'none' : `${tensor.dtype}[${tensor.dims}]`,
    )
    if (was !== is) throw new FoveaError('CHECKPOINT_INVALID', { file: folder, field: name, expected: is!, found: was! })
  }
}

/** @throws FoveaError CHECKPOINT_INVALID naming the first option that differs */
export function checkRecipe(folder: string, saved: Readonly<Record<string, unknown>>, wanted: Readonly<Record<string, unknown>>): void {
  for (const field of new Set([...Object.keys(saved), ...Object.keys(wanted)])) {
    const [was, is] = [saved[field], wanted[field]].map((value) => JSON.stringify(value) ?? 'nothing')
    if (was !== is)
      throw new FoveaError('CHECKPOINT_INVALID', {
        file: folder,
        field,
        expected: was!.slice(0, 120),
        found: is!.slice(0, 120),
        remedy: 'Resume with the options of the first run, or train into another folder.',
      })
  }
}
