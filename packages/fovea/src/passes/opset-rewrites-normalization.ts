// Older forms of BatchNormalization and GroupNormalization.

import { dataTypes } from '../graph/data-type.ts'
import { Tensor } from '../graph/tensor.ts'
import type { OpsetChange, Rewrite } from './opset-rewriting.ts'

/** `spatial` of 0 kept statistics for every element of a sample: each element becomes a channel of its own. */
const everyChannelIsSpatial: Rewrite = (r) => {
  if (r.int('spatial', 1) !== 0) return r.emit({ without: ['spatial'] })
  if (r.node.outputs.length > 1) r.refuse('one output where statistics are kept for every element', `${r.node.outputs.length} outputs`)
  const flat = r.b.op('Flatten', [r.input(0)], { axis: 1 })
  const list = r.b.constant(Tensor.int64([1], [-1]), 'ints')
  const statistics = r.node.inputs.slice(1).map((name) => r.b.op('Reshape', [name, list]))
  const rows = r.b.fresh('BatchNormalization')
  r.emit({ inputs: [flat, ...statistics], outputs: [rows], without: ['spatial'] })
  r.b.op('Reshape', [rows, r.b.op('Shape', [r.input(0)])], { allowzero: 1 }, r.output(0))
}

/** Further outputs meant training until opset 13; the saved statistics were for a backward pass of the exporter's own. */
const modeIsAnAttribute: Rewrite = (r) => {
  if (r.node.outputs.slice(1).every((name) => name === '')) return r.emit({ outputs: [r.output(0)] })
  const saved = r.node.outputs.slice(3).find((name) => r.isUsed(name))
  if (saved !== undefined) r.refuse('saved statistics that nothing uses', `"${saved}"`)
  r.emit({ outputs: r.node.outputs.slice(0, 3), set: { training_mode: 1 } })
}

export const batchNormalizationChanges: readonly OpsetChange[] = [
  { since: 6, rewrite: (r) => r.emit({ without: ['consumed_inputs'] }) },
  { since: 7, rewrite: (r) => r.emit({ without: ['is_test'], ...(r.int('is_test', 0) === 0 ? {} : { outputs: [r.output(0)] }) }) },
  { since: 9, rewrite: everyChannelIsSpatial },
  { since: 14, rewrite: modeIsAnAttribute },
]

/** Scale and bias of each group become those of each of its channels. */
const parametersPerChannel: Rewrite = (r) => {
  const groups = r.int('num_groups')
  const channels = r.dims(0)?.[1]
  if (typeof channels !== 'number') return r.refuse('an input with a known number of channels', 'an unknown one')
  if (groups < 1 || channels % groups !== 0) r.fail(`num_groups that divides ${channels} channels`, `${groups}`)
  const ends = {
    column: r.b.ints([groups, 1]),
    table: r.b.ints([groups, channels / groups]),
    list: r.b.constant(Tensor.int64([1], [-1]), 'ints'),
  }
  const stretched = [r.input(1), r.input(2)].map((name) => {
    const table = r.b.op('Expand', [r.b.op('Reshape', [name, ends.column]), ends.table])
    return r.b.op('Reshape', [table, ends.list])
  })
  // The new form computes in float32 unless told otherwise.
  const set = r.dtype(0) === 'float64' ? { stash_type: dataTypes.float64.code } : {}
  r.emit({ inputs: [r.input(0), ...stretched], set })
}

export const groupNormalizationChanges: readonly OpsetChange[] = [{ since: 21, rewrite: parametersPerChannel }]
