// Makes a detector of any tool's ONNX file one of ours: bytes in, boxes without doubles out.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { formatDims } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { Emitter } from '../nn/emitter.ts'
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.ts'
import { findStages } from '../passes/find-stages.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { cleanUp } from './clean-up.ts'
import { describeInput } from './describe-input.ts'
import { completeFeatures } from './front.ts'
import { answerOf } from './heads/detect.ts'
import {
  type DetectorLayout,
  type DetectorLayoutName,
  detectorLayoutNames,
  detectorLayouts,
  guessLayout,
  type OutputShape,
} from './heads/detector-layouts.ts'
import { type ImportedModel, type ImportOptions, readNames } from './import-classifier.ts'
import { partsOf } from './input-spec.ts'
import { checkLabels } from './labels.ts'
import { type ModelMetadata, writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

/** Undefined where neither the options nor the file say that it is a detector, and of which layout. @throws FoveaError MODEL_OPTION */
export function detectorLayout(source: Model, { detector }: ImportOptions): DetectorLayoutName | undefined {
  if (detector === undefined) return guessLayout(outputsOf(source), source.metadata, countNames(source.metadata.get('names')))
  if (detectorLayoutNames.includes(detector)) return detector
  throw new FoveaError('MODEL_OPTION', { field: 'detector', expected: detectorLayoutNames.join(', '), found: String(detector) })
}

/**
 * Wraps a foreign detector: the same clean-up and front as `importClassifier`, then its boxes decoded and suppressed in the graph, with
 * thresholds that can be given with a run.
 *
 * @throws FoveaError MODEL_NOT_DETECTOR where its outputs are not those of the layout, MODEL_LABELS, MODEL_NOT_VISION,
 *   OPSET_UNSUPPORTED, PREPROCESSING_INVALID
 */
export function importDetector(source: Model, name: DetectorLayoutName, options: ImportOptions = {}): ImportedModel {
  const { file } = options
  const layout: DetectorLayout = detectorLayouts[name]
  const body = cleanUp(source, { file, keepFixedBatch: true })
  const outputs = outputsOf(body.model)
  const found = layout.fits(outputs)
  if (found === undefined)
    throw new FoveaError('MODEL_NOT_DETECTOR', {
      file,
      expected: layout.about,
      found: outputs.map((output) => `${output.name} ${formatDims(output.dims)}`).join(', ') || 'no output',
    })
  const { input, notes: told } = inputOf(layout, options, body.channels)
  const { preprocessing, notes, scaleIsGuessed } = describeInput(body, { ...options, ...(input && { input }) })
  const complete = completeFeatures(body.model, preprocessing, body.batch === 1 ? { batch: 1 } : {})
  const model = copyModel(complete.model)
  const { graph } = model
  graph.outputs = []
  const stated = source.metadata.get('names')
  const classes = found.classes || (options.labels?.length ?? countNames(stated))
  if (classes === 0)
    throw new FoveaError('MODEL_LABELS', {
      file,
      field: 'labels',
      expected: 'class names, since answers of this layout do not tell how many classes there are',
      found: 'none',
      remedy: 'Give them with the option labels (--labels).',
    })
  const labels = options.labels ?? readNames(stated, classes) ?? Array.from({ length: classes }, (_, i) => `${i}`)
  checkLabels(labels, classes, { file, field: 'labels' })

  const e = new Emitter(new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 }))
  const candidates = layout.emit(e, { values: found.values, pixels: complete.stages.pixels, classes })
  const { suppression, iou } = layout
  const head = answerOf(e, 'detect', candidates, { labels, suppression, iou })
  const whole = eliminateDeadNodes(model).model
  const metadata: ModelMetadata = {
    task: 'detect',
    labels,
    heads: [head],
    preprocessing,
    framework: frameworkRange,
    // What the layout's own tool does is known, not guessed: all detectors of Ultralytics take 0 to 1.
    ...(scaleIsGuessed && !source.metadata.has('stride') ? { scaleIsGuessed } : {}),
    stages: { ...stagesOf(whole, complete.stages.pixels, layout, file), ...complete.stages },
  }
  return { model: writeMetadata(whole, metadata), metadata, notes: [...body.notes, ...told, ...notes] }
}

/** Shapes that do not fit each other show that the answers are of another layout: as many as there are cells, for one. */
function stagesOf(model: Model, pixels: string, { about }: DetectorLayout, file: string | undefined): Record<string, string> {
  try {
    return findStages(model, pixels)
  } catch (cause) {
    if (!isFoveaError(cause, 'OP_INVALID')) throw cause
    throw new FoveaError('MODEL_NOT_DETECTOR', { file, expected: about, found: cause.message, cause })
  }
}

/** What the layout's own tool does to pixels, with what the user says over it. */
function inputOf({ input: own }: DetectorLayout, { input: given }: ImportOptions, channels: 1 | 3) {
  if (own === undefined) return { input: given, notes: [] }
  const { scale, color, resize, ...rest } = { ...partsOf(own, channels), ...(given && partsOf(given, channels)) }
  const told = `Pixels are taken as the layout's own tool prepares them (${resize}, ${color}, ${scale}); the option input (--input) states others.`
  return { input: { ...rest, scale, color, resize } as ImportOptions['input'], notes: given === undefined ? [told] : [] }
}

function outputsOf(model: Model): OutputShape[] {
  const shapes = inferValues(model)
  return model.graph.outputs.map(({ name, type }) => {
    const inferred = shapes.dims(name)
    return { name, dims: inferred ?? (type?.kind === 'tensor' ? type.dims : undefined) }
  })
}

/** How many names Ultralytics' text holds. */
function countNames(text: string | undefined): number {
  const keys = text?.match(/\d+\s*:\s*['"]/g)?.length
  return keys ?? text?.match(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g)?.length ?? 0
}
