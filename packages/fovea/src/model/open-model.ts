// Opens a model file: ours as it is, another tool's through the importer.

import { readFile, stat } from 'node:fs/promises'
import { decodeModel } from '../graph/codec/decode.ts'
import type { Model } from '../graph/model.ts'
import { verifyModel } from '../graph/verifier.ts'
import { loadHalfSteps } from '../passes/store-half.ts'
import { externalDataReader } from '../runtime/external-data.ts'
import { inTurns, nextTurn } from '../runtime/turns.ts'
import { FoveaError } from '../util/errors.ts'
import { checkContract } from './check-contract.ts'
import type { ImportOptions } from './import-classifier.ts'
import { importModel } from './import-model.ts'
import { partStages } from './layers.ts'
import { hasMetadata, type ModelMetadata, readMetadata, writeMetadata } from './metadata.ts'
import { withOptions } from './with-options.ts'

export interface OpenedModel {
  readonly model: Model
  readonly metadata: ModelMetadata
  /** What had to be guessed, one sentence each. */
  readonly notes: readonly string[]
}

/**
 * Reads and checks an .onnx file.
 *
 * @throws FoveaError MODEL_NOT_FOUND, ONNX_*, GRAPH_*
 */
export async function readModelFile(file: string): Promise<Model> {
  const found = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new FoveaError('MODEL_NOT_FOUND', { file, found: cause.code === 'ENOENT' ? 'no such file' : cause.message, cause })
  })
  if (!found.isFile()) throw new FoveaError('MODEL_NOT_FOUND', { file, expected: 'a file', found: 'a folder' })
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new FoveaError('MODEL_NOT_FOUND', { file, found: cause.message, cause })
  })
  // Of several files that were read at once, each is decoded in a turn of its own.
  await nextTurn()
  const model = decodeModel(bytes, { file, readExternal: externalDataReader(file) })
  verifyModel(model)
  return model
}

/**
 * Opens a model of whatever origin. What is asked of one of ours is done, or refused (`withOptions`); stages that name nothing in its
 * graph are left out, which is told.
 *
 * @throws FoveaError as `readModelFile`, `withOptions`, MODEL_METADATA, MODEL_LABELS, MODEL_VERSION, MODEL_NOT_VISION
 */
export async function openModel(file: string, options: Omit<ImportOptions, 'file'> = {}): Promise<OpenedModel> {
  const model = await readModelFile(file)
  if (!hasMetadata(model)) return importModel(model, { ...options, file })
  const stated = readMetadata(model, file)
  checkContract(model, stated, file)
  const { known, notes } = partStages(model, stated.stages)
  const whole = (await inTurns(loadHalfSteps(model))).model
  const metadata: ModelMetadata = notes.length === 0 ? stated : { ...stated, stages: known }
  const opened = withOptions({ model: notes.length === 0 ? whole : writeMetadata(whole, metadata), metadata }, { ...options, file })
  return { ...opened, notes: [...notes, ...opened.notes] }
}
