// The other side of WorkerPool: makes batches in a thread of its own.

import { parentPort, workerData } from 'node:worker_threads'
import { type ErrorCode, type ErrorDetails, isFoveaError } from '../util/errors.ts'
import { type BatchJob, BatchMaker, type BatchPlan, type MadeBatch } from './batch-maker.ts'

export interface WorkerRequest {
  readonly id: number
  readonly job: BatchJob
}

export type WorkerReply =
  | { readonly id: number; readonly made: MadeBatch }
  | { readonly id: number; readonly code: ErrorCode; readonly details: ErrorDetails }

// Nothing happens where this file is imported outside of a worker, as by a bundler or a test.
if (parentPort !== null) serve(new BatchMaker(workerData as BatchPlan, { mayBlock: true }), parentPort)

function serve(maker: BatchMaker, port: NonNullable<typeof parentPort>): void {
  port.on('message', ({ id, job }: WorkerRequest) => {
    maker.make(job).then(
      (made) => port.postMessage({ id, made } satisfies WorkerReply, buffersOf(made)),
      (error: unknown) => {
        // Anything but a coded error is a fault of ours: it ends the thread and is reported as its crash.
        if (!isFoveaError(error))
          setImmediate(() => {
            throw error
          })
        else port.postMessage({ id, code: error.code, details: { ...error.details, cause: undefined } } satisfies WorkerReply)
      },
    )
  })
}

/** What is handed over instead of being copied. */
function buffersOf({ images, labels, indices, targets }: MadeBatch): ArrayBuffer[] {
  const pixels = images instanceof Uint8Array ? [images] : images.map(({ data }) => data)
  const arrays = [...pixels, labels, indices, ...(targets === undefined ? [] : [targets])]
  return [...new Set(arrays.map(({ buffer }) => buffer as ArrayBuffer))]
}
