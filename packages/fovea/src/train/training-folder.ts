// The folder of a training: what is in it already, and what is left of a training that was refused.

import { join } from 'node:path'
import { makeFolder, removeEmpty } from '../data/files.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { type Checkpoint, readCheckpoint } from './checkpoint.ts'
import { refuseOccupied, trainFiles } from './loop.ts'

export interface TrainingFolderOptions {
  readonly out: string
  readonly resume?: boolean
  readonly overwrite?: boolean
  readonly signal?: AbortSignal
}

/**
 * Trains in a folder, which is made where it is not there, from the checkpoint in it where that is asked.
 *
 * @param note is told where there is no checkpoint to go on from
 * @throws FoveaError TRAIN_EXISTS, CHECKPOINT_INVALID, FILE_WRITE, CANCELLED, and what `train` throws
 */
export async function inTrainingFolder<T>(
  { out, resume = false, overwrite = false, signal }: TrainingFolderOptions,
  note: (text: string) => void,
  train: (saved: Checkpoint | undefined) => Promise<T>,
): Promise<T> {
  const made = await makeFolder(out)
  try {
    const saved = resume ? await readCheckpoint(join(out, trainFiles.checkpoint)) : undefined
    if (saved === undefined && !overwrite) await refuseOccupied(out)
    if (saved === undefined && resume) note(`There is no checkpoint in ${out}: the training begins from the start.`)
    return await train(saved)
  } catch (error) {
    if (made !== undefined) await removeEmpty(out, made)
    if (signal?.aborted && !isFoveaError(error)) throw new FoveaError('CANCELLED', { cause: error })
    throw error
  }
}
