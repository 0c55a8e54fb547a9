// Makes a classifier of any tool's ONNX file one of ours: bytes in, probabilities out, metadata complete.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { formatDims } from '../graph/dims.ts'
import { type Model, tensorType } from '../graph/model.ts'
import { findScores, type Scores } from '../passes/find-head.ts'
import { findStages } from '../passes/find-stages.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { FoveaError } from '../util/errors.ts'
import { cleanUp } from './clean-up.ts'
import { describeInput } from './describe-input.ts'
import { completeClassifier } from './front.ts'
import type { DetectorLayoutName } from './heads/detector-layouts.ts'
import type { InputSpec } from './input-spec.ts'
import { checkLabels } from './labels.ts'
import { type ModelMetadata, type Task, writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

export interface ImportOptions {
  /** What the model expects of its pixels; it wins over what the file says. @default what the file says, else a reported guess */
  readonly input?: InputSpec
  /** Height and width of the pictures, where the model takes any. @default what the file says, else the usual one, which is reported */
  readonly imageSize?: readonly [height: number, width: number]
  readonly labels?: readonly string[]
  /** The form in which another tool's detector answers, such as `fastestdet`. @default what metadata as Ultralytics writes them tell */
  readonly detector?: DetectorLayoutName
  /** Opens a model as one of features even where its output could be scores. @default what the model looks like */
  readonly task?: Task
  readonly file?: string
}

export interface ImportedModel {
  readonly model: Model
  readonly metadata: ModelMetadata
  /** What was guessed, one sentence each, for the user. */
  readonly notes: readonly string[]
}

/**
 * Wraps a foreign classifier: writes it in today's opset and in float32, finds its picture input, layout, head, labels and stages,
 * frees its batch size, and puts the front before it.
 *
 * @throws FoveaError MODEL_NOT_VISION where it has no single picture input, MODEL_NOT_CLASSIFIER where it has no scores
 *   [N, classes], MODEL_LABELS where labels were given and do not fit, OPSET_UNSUPPORTED, PREPROCESSING_INVALID
 */
export function importClassifier(source: Model, options: ImportOptions = {}): ImportedModel {
  const { file } = options
  const body = cleanUp(justScores(source, file), { file })
  const { model, classes, head } = scoresInRows(body.model, file)
  const { preprocessing, notes, scaleIsGuessed } = describeInput({ ...body, model }, options)
  const labels = options.labels ?? readNames(source.metadata.get('names'), classes) ?? Array.from({ length: classes }, (_, i) => `${i}`)
  checkLabels(labels, classes, { field: 'labels' })

  const complete = completeClassifier(model, preprocessing, head)
  const metadata: ModelMetadata = {
    task: 'classify',
    labels,
    preprocessing,
    framework: frameworkRange,
    stages: { ...findStages(complete.model, complete.stages.pixels), ...complete.stages },
    ...(scaleIsGuessed ? { scaleIsGuessed } : {}),
  }
  return { model: writeMetadata(complete.model, metadata), metadata, notes: [...body.notes, ...notes] }
}

/** The model with its first output alone. */
function justScores(model: Model, file: string | undefined): Model {
  const result = copyModel(model)
  const { graph } = result
  if (graph.outputs.length === 0)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', { file, expected: 'an output with scores', found: 'no output' })
  graph.outputs = graph.outputs.slice(0, 1)
  return result
}

/** The model's output as one row of scores for each picture; [N, C, 1, 1] is flattened. */
function scoresInRows(source: Model, file: string | undefined): { model: Model; classes: number; head: Scores } {
  const model = copyModel(source)
  const { graph } = model
  const shapes = inferValues(model)
  const output = graph.outputs[0]!.name
  const scores = findScores(model, output)
  const dims = shapes.dims(output)
  const long = dims?.slice(1).filter((dim) => dim !== 1)
  const classes = long?.length === 0 ? 1 : long?.[0]
  if (dims === undefined || dims.length < 2 || typeof classes !== 'number' || long!.length > 1)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      file,
      field: output,
      expected: 'one score per class, [N, classes]',
      found: formatDims(dims),
    })
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const rows = (value: string) => (shapes.dims(value)?.length === 2 ? value : b.op('Flatten', [value], { axis: 1 }))
  const logits = rows(scores.logits)
  const probabilities = scores.activation === 'none' ? logits : rows(output)
  graph.outputs = [{ name: probabilities, type: tensorType('float32', [dims[0]!, classes]) }]
  return { model, classes, head: { logits, activation: scores.activation } }
}

/** Class names as Ultralytics writes them: a Python dict or list of strings. Undefined where they do not fit. */
export function readNames(text: string | undefined, classes: number): string[] | undefined {
  if (text === undefined) return undefined
  const names = new Map<number, string>()
  let position = 0
  for (const match of text.matchAll(/(?:(\d+)\s*:\s*)?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/g))
    names.set(match[1] === undefined ? position++ : Number(match[1]), (match[2] ?? match[3] ?? '').replaceAll(/\\(.)/g, '$1'))
  const list = Array.from({ length: classes }, (_, i) => names.get(i))
  return names.size === classes && list.every((name) => name !== undefined) ? (list as string[]) : undefined
}
