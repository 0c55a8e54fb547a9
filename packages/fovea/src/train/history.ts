// The record of a training, epoch by epoch: in memory, and as lines of JSON in a file.

import { appendFile } from 'node:fs/promises'
import { writeError, writeFileAtomically } from '../data/files.ts'

/** What every training records of an epoch. */
export interface LoopRecord {
  /** From 0. */
  readonly epoch: number
  /** Mean loss over the epoch's training batches, as they were trained on. */
  readonly loss: number
  /** Learning rate of the epoch's last step. */
  readonly learningRate: number
  /** Updates done when the epoch ended. */
  readonly step: number
  readonly seconds: number
  readonly imagesPerSecond: number
}

/** What the training of a classifier records. */
export interface EpochRecord extends LoopRecord {
  /** Over the epoch's training batches, as they were trained on. */
  readonly accuracy: number
  readonly validationLoss: number | undefined
  readonly validationAccuracy: number | undefined
}

/** Rewrites the log from records, as a resumed training does so that lines beyond its checkpoint vanish. */
export async function writeLog(file: string, records: readonly LoopRecord[]): Promise<void> {
  await writeFileAtomically(file, records.map((record) => `${JSON.stringify(record)}\n`).join(''))
}

export async function appendLog(file: string, record: LoopRecord): Promise<void> {
  await appendFile(file, `${JSON.stringify(record)}\n`).catch((cause: unknown) => {
    throw writeError(file, cause)
  })
}
