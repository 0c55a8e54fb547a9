// What every imported model goes through: today's opset, float32, no leftovers of exporters, a free batch, one NCHW picture input.

import { dataInputs } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { type Dim, formatDims } from '../graph/dims.ts'
import { type Model, tensorType } from '../graph/model.ts'
import { makeBatchDynamic } from '../passes/dynamic-batch.ts'
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.ts'
import { eliminateIdentities } from '../passes/eliminate-identities.ts'
import { foldConstants } from '../passes/fold-constants.ts'
import { inlineFunctions } from '../passes/inline-functions.ts'
import { runPasses } from '../passes/pass.ts'
import { raiseOpset } from '../passes/raise-opset.ts'
import { freeNames } from '../passes/rename-values.ts'
import { toFloat32 } from '../passes/to-float32.ts'
import { stepNames } from '../passes/training-step.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { ports } from './front.ts'
import { gradCamPorts } from './grad-cam.ts'

export interface CleanModel {
  /** Its only data input takes float pixels [batch, channels, H, W]. */
  readonly model: Model
  readonly channels: 1 | 3
  /** Undefined where the model leaves it open. */
  readonly height: number | undefined
  readonly width: number | undefined
  /** A symbol, or the number that the batch is fixed to where it could not be freed. */
  readonly batch: Dim
  /** True where the file took its pixels with the channels last, as TensorFlow has them. */
  readonly channelsLast: boolean
  readonly notes: readonly string[]
}

export interface CleanUpOptions {
  readonly file?: string | undefined
  /** A batch that cannot be freed stays as it is, and a note tells; otherwise it is an error. @default false */
  readonly keepFixedBatch?: boolean
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
 * Cleans a foreign model up. Weights that the file lists among its inputs too, as old exporters did, are no inputs.
 *
 * @throws FoveaError MODEL_NOT_VISION where it has no single picture input, OPSET_UNSUPPORTED, SHAPE_UNKNOWN where the batch stays fixed
 */
export function cleanUp(source: Model, { file, keepFixedBatch = false }: CleanUpOptions = {}): CleanModel {
  const notes: string[] = []
  const start = copyModel(source)
  start.graph.inputs = start.graph.inputs.filter(({ name }) => !start.graph.initializers.has(name))
  start.irVersion = Math.max(source.irVersion, 4)
  const modern = runPasses(start, [eliminateDeadNodes, inlineFunctions, (model) => raiseOpset(model), inlineFunctions]).model
  const full = toFloat32(modern)
  if (full.modified) notes.push('The model is of half precision; it is computed and trained in float32.')
  checkInput(full.model, file)
  const free = freeBatch(full.model, keepFixedBatch)
  if (free.fixed) notes.push('The batch of the model is fixed and cannot be freed: pictures go through it one at a time.')
  return { ...planarInput(freeNames(simplified(free.model), reservedNames).model), notes }
}

function freeBatch(model: Model, keepFixed: boolean): { model: Model; fixed: boolean } {
  try {
    return { model: makeBatchDynamic(model).model, fixed: false }
  } catch (error) {
    if (!keepFixed || !(isFoveaError(error, 'SHAPE_UNKNOWN') || isFoveaError(error, 'OP_INVALID'))) throw error
    const [name] = dataInputs(model.graph)
    const type = model.graph.inputs.find((input) => input.name === name)?.type
    // A batch that only some outputs follow, as behind non-maximum suppression, is free as it is.
    return { model, fixed: type?.kind === 'tensor' && typeof type.dims?.[0] === 'number' }
  }
}

/** Without what exporters leave behind. Dropout stays for training, and int8 weights stay what they are. */
function simplified(model: Model): Model {
  const folded = foldConstants(model, { except: ['DequantizeLinear'] }).model
  return eliminateDeadNodes(eliminateIdentities(folded, { except: ['Dropout'] }).model).model
}

/** @throws FoveaError MODEL_NOT_VISION unless the only data input is a picture of one or three channels */
function checkInput({ graph }: Model, file: string | undefined): void {
  const names = dataInputs(graph)
  const inputs = graph.inputs.filter(({ name }) => names.includes(name))
  const type = inputs[0]?.type
  const dims = type?.kind === 'tensor' && type.dtype === 'float32' && type.dims?.length === 4 ? type.dims : undefined
  const hasChannels = dims !== undefined && [dims[1], dims[3]].some((dim) => dim === 1 || dim === 3)
  if (inputs.length === 1 && hasChannels) return
  const found = inputs.map(({ name, type }) => (type?.kind === 'tensor' ? `${name} ${type.dtype}${formatDims(type.dims)}` : name))
  throw new FoveaError('MODEL_NOT_VISION', {
    file,
    expected: 'one picture input, float32 [N, 3, H, W] or [N, H, W, 3]',
    found: found.join(', ') || 'no input',
  })
}

/** The model with one float NCHW picture input; one with the channels last gets a Transpose before it. */
function planarInput(model: Model): Omit<CleanModel, 'notes'> {
  const [name] = dataInputs(model.graph)
  const input = model.graph.inputs.find((value) => value.name === name)!
  const dims = input.type?.kind === 'tensor' ? input.type.dims! : []
  const [batch = null, a = null, b = null, c = null] = dims
  const side = (dim: Dim) => (typeof dim === 'number' ? dim : undefined)
  if (a === 1 || a === 3) return { model, channels: a, height: side(b), width: side(c), batch, channelsLast: false }
  const result = copyModel(model)
  const builder = new GraphBuilder({ graph: result.graph, opset: model.opsets.get('') ?? 1 })
  const nodes = result.graph.nodes
  result.graph.nodes = []
  result.graph.inputs = result.graph.inputs.filter((value) => value.name !== name)
  const pixels = builder.fresh('pixels_nchw')
  result.graph.inputs.unshift({ name: pixels, type: tensorType('float32', [batch, c, a, b]) })
  builder.op('Transpose', [pixels], { perm: [0, 2, 3, 1] }, name)
  result.graph.nodes.push(...nodes)
  return { model: result, channels: c as 1 | 3, height: side(a), width: side(b), batch, channelsLast: true }
}
