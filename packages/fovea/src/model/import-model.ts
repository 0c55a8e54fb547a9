// Makes any tool's ONNX file that takes pictures one of ours: a classifier where it is one, else a model of features.

import { copyModel } from '../graph/copy.ts'
import { isStatic } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { findHead, findScores } from '../passes/find-head.ts'
import { findStages } from '../passes/find-stages.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { cleanUp } from './clean-up.ts'
import { describeInput } from './describe-input.ts'
import { completeFeatures } from './front.ts'
import { type ImportedModel, type ImportOptions, importClassifier } from './import-classifier.ts'
import { detectorLayout, importDetector } from './import-detector.ts'
import { type ModelMetadata, writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

export type { ImportedModel, ImportOptions } from './import-classifier.ts'

/**
 * Imports a model. One whose layout as a detector is given, or told by metadata as Ultralytics writes them, becomes a detector; one whose
 * first output is a row of scores from a linear layer or a softmax a classifier; every other (backbone, segmenter) a model of features,
 * with all its outputs.
 *
 * @throws FoveaError MODEL_NOT_VISION where it has not one picture input, OPSET_UNSUPPORTED, PREPROCESSING_INVALID;
 *   MODEL_LABELS where labels were given and do not fit, MODEL_NOT_CLASSIFIER where they were and it has no scores; MODEL_NOT_DETECTOR
 *   where its outputs are not those of the layout, or a detector was asked for and none is told; MODEL_OPTION for a layout that there is not
 */
export function importModel(source: Model, options: ImportOptions = {}): ImportedModel {
  if (options.task === 'features') return importFeatures(source, options)
  const layout = options.task === 'classify' ? undefined : detectorLayout(source, options)
  if (layout !== undefined) return importDetector(source, layout, options)
  if (options.task === 'detect')
    throw new FoveaError('MODEL_NOT_DETECTOR', {
      file: options.file,
      expected: 'metadata that tell of a detector, or the option detector',
      found: 'neither',
    })
  const wanted = options.task === 'classify' || options.labels !== undefined
  try {
    const imported = importClassifier(source, options)
    if (wanted || hasScores(source, imported.model)) return imported
  } catch (error) {
    const unfree = isFoveaError(error, 'SHAPE_UNKNOWN') || isFoveaError(error, 'OP_INVALID')
    // A classifier whose batch cannot be freed is not taken for something else.
    if (wanted || !(isFoveaError(error, 'MODEL_NOT_CLASSIFIER') || (unfree && !endsInScores(source)))) throw error
  }
  return importFeatures(source, options)
}

/** A row of numbers that neither a last layer nor an activation made is an embedding. */
function hasScores(source: Model, imported: Model): boolean {
  const [output] = source.graph.outputs
  return findHead(imported) !== undefined || source.metadata.has('names') || findScores(source, output!.name).activation !== 'none'
}

/** True for one row of numbers that a last layer made. */
function endsInScores(source: Model): boolean {
  return findHead(source) !== undefined && inferValues(source).dims(source.graph.outputs[0]!.name)?.length === 2
}

/**
 * Wraps a foreign model that is no classifier: the same clean-up and front as `importClassifier`, all outputs kept as they are.
 *
 * @throws FoveaError MODEL_NOT_VISION, OPSET_UNSUPPORTED, PREPROCESSING_INVALID
 */
export function importFeatures(source: Model, options: ImportOptions = {}): ImportedModel {
  const { file } = options
  if (source.graph.outputs.length === 0) throw new FoveaError('MODEL_NOT_VISION', { file, expected: 'an output', found: 'none' })
  const body = cleanUp(source, { file, keepFixedBatch: true })
  if (typeof body.batch === 'number' && body.batch !== 1)
    throw new FoveaError('MODEL_NOT_VISION', { file, expected: 'a batch that is free, or 1', found: `a batch fixed to ${body.batch}` })
  const { preprocessing, notes, scaleIsGuessed } = describeInput(body, options)
  const complete = completeFeatures(withoutSizes(body.model), preprocessing, body.batch === 1 ? { batch: 1 } : {})
  const metadata: ModelMetadata = {
    task: 'features',
    labels: [],
    preprocessing,
    framework: frameworkRange,
    stages: { ...findStages(complete.model, complete.stages.pixels), ...complete.stages },
    ...(scaleIsGuessed ? { scaleIsGuessed } : {}),
  }
  const told = 'The model is no classifier: it is opened for its features, and predict needs a head.'
  return { model: writeMetadata(complete.model, metadata), metadata, notes: [...body.notes, told, ...notes] }
}

/** What the file says of its outputs' shapes is in the symbols of its own input, which the front replaces. */
function withoutSizes(source: Model): Model {
  const model = copyModel(source)
  for (const output of model.graph.outputs)
    if (output.type?.kind === 'tensor' && !isStatic(output.type.dims)) output.type = { kind: 'tensor', dtype: output.type.dtype }
  return model
}
