// Makes a classifier of any tool's ONNX file one of ours: bytes in, probabilities out, metadata complete.

import { dataInputs } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { formatDims } from '../graph/dims.ts'
import { type Model, tensorType } from '../graph/model.ts'
import { makeBatchDynamic } from '../passes/dynamic-batch.ts'
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.ts'
import { eliminateIdentities } from '../passes/eliminate-identities.ts'
import { findScores, type Scores } from '../passes/find-head.ts'
import { foldConstants } from '../passes/fold-constants.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { inlineFunctions } from '../passes/inline-functions.ts'
import { runPasses } from '../passes/pass.ts'
import { raiseOpset } from '../passes/raise-opset.ts'
import { freeNames } from '../passes/rename-values.ts'
import { toFloat32 } from '../passes/to-float32.ts'
import { stepNames } from '../passes/training-step.ts'
import { FoveaError } from '../util/errors.ts'
import { createPreprocessing, type PixelScale } from '../vision/preprocessing.ts'
import { completeClassifier, ports } from './front.ts'
import { gradCamPorts } from './grad-cam.ts'
import { guessScale } from './guess-input.ts'
import { type ModelMetadata, writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

export interface ImportOptions {
  /** Pixel scaling: `raw` 0 to 255, `unit` 0 to 1, `imagenet` mean and deviation. @default a reported guess */
  readonly input?: Exclude<PixelScale, 'custom'>
  readonly labels?: readonly string[]
  readonly file?: string
}

export interface ImportedClassifier {
  readonly model: Model
  readonly metadata: ModelMetadata
  /** What was guessed, one sentence each, for the user. */
  readonly notes: readonly string[]
}

/**
 * Wraps a foreign classifier: writes it in today's opset and in float32, finds its picture input, layout, head and labels,
 * frees its batch size, and puts the front before it.
 *
 * @throws FoveaError MODEL_NOT_CLASSIFIER where it has no single picture input or no scores [N, classes], OPSET_UNSUPPORTED
 */
export function importClassifier(source: Model, options: ImportOptions = {}): ImportedClassifier {
  const { file } = options
  const notes: string[] = []
  const start = justScores(source, file)
  const modern = runPasses(start, [eliminateDeadNodes, inlineFunctions, (model) => raiseOpset(model), inlineFunctions]).model
  const full = toFloat32(modern)
  if (full.modified) notes.push('The model is of half precision; it is computed and trained in float32.')
  const named = freeNames(simplified(makeBatchDynamic(full.model).model), reservedNames).model
  const body = planarInput(named, file)
  const { height, width, channels } = body
  const { model, classes, head } = scoresInRows(body.model, file)

  const guess = options.input === undefined ? guessScale(model) : undefined
  if (guess !== undefined)
    notes.push(`Pixel scaling guessed as "${guess.scale}", since ${guess.reason}; state it with --input raw|unit|imagenet.`)
  const scale = options.input ?? guess!.scale
  const preprocessing = createPreprocessing({ size: [height, width], color: channels === 1 ? 'gray' : 'rgb', scale })
  const labels = options.labels ?? readNames(source.metadata.get('names'), classes) ?? Array.from({ length: classes }, (_, i) => `${i}`)
  if (labels.length !== classes)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      file,
      field: model.graph.outputs[0]!.name,
      expected: `${classes} labels`,
      found: `${labels.length}`,
    })

  const complete = completeClassifier(model, preprocessing, head)
  const metadata: ModelMetadata = {
    task: 'classify',
    labels,
    preprocessing,
    framework: frameworkRange,
    stages: complete.stages,
  }
  return { model: writeMetadata(complete.model, metadata), metadata, notes }
}

/** Names that the front, Grad-CAM and the training step give to their ports, so that no value of a foreign model may have them. */
const reservedNames = new Set([
  ports.images,
  ...Object.values(gradCamPorts),
  ...stepNames,
  // Of the loss.
  ...['targets', 'loss', 'correct'],
])

/**
 * The model with its first output alone. Weights that the file lists among its inputs too, as old exporters did, are no inputs of
 * a classifier.
 */
function justScores(model: Model, file: string | undefined): Model {
  const result = copyModel(model)
  const { graph } = result
  if (graph.outputs.length === 0)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', { file, expected: 'an output with scores', found: 'no output' })
  graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
  graph.outputs = graph.outputs.slice(0, 1)
  result.irVersion = Math.max(model.irVersion, 4)
  return result
}

/** Without what exporters leave behind. Dropout stays for training, and int8 weights stay what they are. */
function simplified(model: Model): Model {
  const folded = foldConstants(model, { except: ['DequantizeLinear'] }).model
  return eliminateDeadNodes(eliminateIdentities(folded, { except: ['Dropout'] }).model).model
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

/** The model with one float NCHW picture input; an NHWC model (Keras) gets a Transpose before it. */
function planarInput(model: Model, file: string | undefined): { model: Model; height: number; width: number; channels: 1 | 3 } {
  const names = dataInputs(model.graph)
  const input = model.graph.inputs.find((value) => value.name === names[0])
  const type = input?.type
  const dims = type?.kind === 'tensor' ? type.dims : undefined
  const fail = (): never => {
    const found = names.map((name) => {
      const value = model.graph.inputs.find((candidate) => candidate.name === name)
      return value?.type?.kind === 'tensor' ? `${name} ${value.type.dtype}${formatDims(value.type.dims)}` : name
    })
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      file,
      expected: 'one picture input, float32 [N, 3, H, W] or [N, H, W, 3]',
      found: found.join(', ') || 'no input',
    })
  }
  if (names.length !== 1 || type?.kind !== 'tensor' || type.dtype !== 'float32' || dims?.length !== 4) return fail()
  const side = (dim: unknown) => (typeof dim === 'number' ? dim : 224)
  const [, a, b, c] = dims
  if (a === 1 || a === 3) return { model, height: side(b), width: side(c), channels: a }
  if (c !== 1 && c !== 3) return fail()
  const result = copyModel(model)
  const builder = new GraphBuilder({ graph: result.graph, opset: model.opsets.get('') ?? 1 })
  const nodes = result.graph.nodes
  result.graph.nodes = []
  result.graph.inputs = result.graph.inputs.filter((value) => value.name !== names[0])
  const pixels = builder.fresh('pixels_nchw')
  result.graph.inputs.unshift({ name: pixels, type: tensorType('float32', [dims[0]!, c, a!, b!]) })
  builder.op('Transpose', [pixels], { perm: [0, 2, 3, 1] }, names[0]!)
  result.graph.nodes.push(...nodes)
  return { model: result, height: side(a), width: side(b), channels: c }
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
