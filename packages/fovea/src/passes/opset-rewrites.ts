// How nodes of older opsets are written in newer ones: by operator, the changes of form that the ONNX change log lists.

import { isStatic } from '../graph/dims.ts'
import { Tensor } from '../graph/tensor.ts'
import { batchNormalizationChanges, groupNormalizationChanges } from './opset-rewrites-normalization.ts'
import { resizeChanges, upsampleChanges } from './opset-rewrites-resize.ts'
import type { OpsetChange, Rewrite, Rewriting } from './opset-rewriting.ts'

/** A list of ints that was an attribute and became an input; absent in both where it may be. */
function listInput(r: Rewriting, name: string): string {
  const list = r.node.attributes.get(name)
  if (list === undefined) return ''
  // Taken as they stand: ends of slices may lie beyond what a number holds.
  return list.type === 'ints' ? r.b.constant(Tensor.int64([list.value.length], list.value), 'ints') : r.fail(`ints as ${name}`, list.type)
}

function listsBecomeInputs(...names: readonly string[]): Rewrite {
  return (r) => r.emit({ inputs: [r.input(0), ...names.map((name) => listInput(r, name))], without: names })
}

function without(...names: readonly string[]): Rewrite {
  return (r) => r.emit({ without: names })
}

const keepsItsForm: Rewrite = (r) => r.emit({})

const axesBecomeInput = listsBecomeInputs('axes')

/** Until opset 12 the input was seen as a matrix, cut before `axis`; since then it is normalised along that axis alone. */
const normalizesOneAxis: Rewrite = (r) => {
  const axis = r.int('axis', 1)
  const dims = r.dims(0)
  const first = dims === undefined ? undefined : axis < 0 ? axis + dims.length : axis
  const long = dims?.flatMap((dim, i) => (i >= first! && dim !== 1 ? [i] : []))
  if (dims !== undefined && long!.length <= 1) return r.emit({ set: { axis: long![0] === dims.length - 1 ? -1 : (long![0] ?? -1) } })
  const flat = r.b.op('Flatten', [r.input(0)], { axis })
  const shape = r.b.op('Shape', [r.input(0)])
  const rows = r.b.fresh(r.node.op)
  r.emit({ inputs: [flat], outputs: [rows], set: { axis: 1 } })
  r.b.op('Reshape', [rows, shape], { allowzero: 1 }, r.output(0))
}

/** Limits and fill values that were attributes become scalars of the data's type. */
function scalarInput(r: Rewriting, name: string): string {
  return r.has(name) ? r.scalarLike(r.float(name), 0) : ''
}

const dropoutMaskBecomesBool: Rewrite = (r) => {
  const mask = r.output(1)
  if (!r.isUsed(mask)) return r.emit({ outputs: [r.output(0)] })
  const truth = r.b.fresh('mask')
  r.emit({ outputs: [r.output(0), truth] })
  r.b.op('CastLike', [truth, r.input(0)], {}, mask)
}

/** Before opset 7 the second operand was stretched only where `broadcast` said so, and stood at `axis` where that was given. */
const broadcastsLikeNumpy: Rewrite = (r) => {
  const axis = r.int('axis', undefined)
  const [a, b] = [r.dims(0), r.dims(1)]
  if (r.int('broadcast', 0) === 0 || axis === undefined) return r.emit({ without: ['broadcast', 'axis'] })
  if (a === undefined || b === undefined) r.refuse('operands of known rank where the second stands at an axis')
  const at = axis < 0 ? axis + a!.length : axis
  const behind = a!.length - at - b!.length
  if (at < 0 || behind < 0) r.fail(`an axis at which ${b!.length} dimensions fit into ${a!.length}`, `${axis}`)
  const trailing = Array.from({ length: behind }, (_, i) => b!.length + i)
  const second = behind > 0 ? r.b.op('Unsqueeze', [r.input(1), r.b.ints(trailing)]) : r.input(1)
  r.emit({ inputs: [r.input(0), second], without: ['broadcast', 'axis'] })
}

/** A slope for each channel got its trailing dimensions of 1. */
const slopeBroadcastsLikeNumpy: Rewrite = (r) => {
  const [x, slope] = [r.dims(0), r.dims(1)]
  if (x === undefined || !isStatic(slope)) r.refuse('an input of known rank and a slope of known shape')
  const trailing = x!.slice(2).map((_, i) => i + 1)
  const perChannel = slope!.length === 1 && slope![0] !== 1 && trailing.length > 0
  r.emit({ inputs: [r.input(0), perChannel ? r.b.op('Unsqueeze', [r.input(1), r.b.ints(trailing)]) : r.input(1)] })
}

const outputsAreCounted: Rewrite = (r) => r.emit(r.input(1) === '' ? { set: { num_outputs: r.node.outputs.length } } : {})

const scatterIsScatterElements: Rewrite = (r) => r.emit({ op: 'ScatterElements' })

const imageScalerIsArithmetic: Rewrite = (r) => {
  const bias = r.floats('bias', [])
  const scaled = r.b.op('Mul', [r.input(0), r.scalarLike(r.float('scale', 1), 0)])
  const offset = r.b.constant(Tensor.float32([bias.length, 1, 1], bias), 'bias')
  r.emit({ op: 'Add', inputs: [scaled, offset], without: ['scale', 'bias'] })
}

const interpolationModes: Readonly<Record<string, string>> = { bilinear: 'linear', bicubic: 'cubic' }

/** The mark of buffers that could be reused, gone in opset 6. */
const consumed = without('consumed_inputs')

function since(version: number, rewrite: Rewrite): OpsetChange {
  return { since: version, rewrite }
}

const elementwise = [since(6, consumed)]
const arithmetic = [since(6, consumed), since(7, broadcastsLikeNumpy)]
const comparison = [since(7, broadcastsLikeNumpy)]
const softmax = [since(13, normalizesOneAxis)]
const reduction = [since(18, axesBecomeInput)]

/**
 * By operator, in rising order, what a node's form became. Changes up to opset 7 that are not listed here are not supported;
 * later ones that are not listed left the form of older nodes as it was.
 */
export const opsetRewrites: Readonly<Record<string, readonly OpsetChange[]>> = {
  Abs: elementwise,
  Add: arithmetic,
  And: comparison,
  AveragePool: [since(7, keepsItsForm)],
  BatchNormalization: batchNormalizationChanges,
  Ceil: elementwise,
  Clip: [
    since(6, consumed),
    since(11, (r) => r.emit({ inputs: [r.input(0), scalarInput(r, 'min'), scalarInput(r, 'max')], without: ['min', 'max'] })),
  ],
  Concat: [since(4, (r) => r.emit({ set: { axis: r.int('axis', 1) } }))],
  // The default was axis 1 and became the last but one.
  DFT: [since(20, (r) => r.emit({ inputs: [r.input(0), r.input(1), r.b.scalar(r.int('axis', 1), 'int64')], without: ['axis'] }))],
  Div: arithmetic,
  Dropout: [
    since(6, consumed),
    since(7, without('is_test')),
    since(10, dropoutMaskBecomesBool),
    since(12, (r) => r.emit({ inputs: [r.input(0), r.has('ratio') ? r.b.scalar(r.float('ratio')) : ''], without: ['ratio'] })),
  ],
  Elu: elementwise,
  Equal: comparison,
  Exp: elementwise,
  Floor: elementwise,
  Gemm: [since(6, keepsItsForm), since(7, without('broadcast'))],
  Greater: comparison,
  GridSample: [
    since(20, (r) => {
      const mode = r.string('mode', 'bilinear')
      r.emit({ set: { mode: interpolationModes[mode] ?? mode } })
    }),
  ],
  GroupNormalization: groupNormalizationChanges,
  HardSigmoid: elementwise,
  Hardmax: softmax,
  ImageScaler: [since(10, imageScalerIsArithmetic)],
  InstanceNormalization: elementwise,
  LeakyRelu: elementwise,
  Less: comparison,
  Log: elementwise,
  LogSoftmax: softmax,
  Max: elementwise,
  Mean: elementwise,
  Min: elementwise,
  Mul: arithmetic,
  Neg: elementwise,
  Or: comparison,
  PRelu: [since(6, consumed), since(7, slopeBroadcastsLikeNumpy)],
  Pad: [
    since(2, (r) => r.emit({ set: { pads: r.ints('paddings') }, without: ['paddings'] })),
    since(11, (r) => {
      const value = r.float('value', 0) === 0 ? '' : scalarInput(r, 'value')
      r.emit({ inputs: [r.input(0), listInput(r, 'pads'), value], without: ['pads', 'value'] })
    }),
  ],
  Pow: comparison,
  Reciprocal: elementwise,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  ReduceMax: reduction,
  ReduceMean: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceSum: [since(13, axesBecomeInput)],
  ReduceSumSquare: reduction,
  Relu: elementwise,
  Reshape: [since(5, (r) => r.emit({ inputs: [r.input(0), listInput(r, 'shape')], without: ['shape', 'consumed_inputs'] }))],
  Resize: resizeChanges,
  RoiAlign: [since(16, (r) => r.emit({ set: { coordinate_transformation_mode: 'output_half_pixel' } }))],
  // Opset 8 scanned batches of sequences, each of a length of its own.
  Scan: [since(9, (r) => r.refuse('a Scan of opset 9 or later'))],
  Scatter: [since(11, scatterIsScatterElements)],
  Selu: elementwise,
  Sigmoid: elementwise,
  Slice: [since(10, listsBecomeInputs('starts', 'ends', 'axes'))],
  Softmax: softmax,
  Split: [since(13, listsBecomeInputs('split')), since(18, outputsAreCounted)],
  Sqrt: elementwise,
  Squeeze: [since(13, axesBecomeInput)],
  Sub: arithmetic,
  Sum: elementwise,
  Tanh: elementwise,
  TopK: [since(10, (r) => r.emit({ inputs: [r.input(0), r.b.constant(Tensor.int64([1], [r.int('k')]), 'k')], without: ['k'] }))],
  Unsqueeze: [since(13, axesBecomeInput)],
  Upsample: upsampleChanges,
  Xor: comparison,
}
