// The other side of FormulaPool: draws batches in a thread of its own.

import { parentPort, workerData } from 'node:worker_threads'
import { drawBatch, type FormulaJob, type FormulaPlan } from './batch.ts'

// Nothing happens where this file is imported outside of a worker, as by a bundler or a test.
parentPort?.on('message', (job: FormulaJob) => {
  const batch = drawBatch(job, workerData as FormulaPlan)
  parentPort!.postMessage(batch, [batch.images.buffer, batch.shape.buffer, batch.textures.buffer, batch.cover.buffer])
})
