// A classifier whose probabilities are calibrated: the graph divides its logits by a temperature before the softmax (Guo et al. 2017).

import { consumersOf, producersOf } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Graph, Model, Node } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import { type ModelMetadata, writeMetadata } from './metadata.ts'

export interface Temperature {
  /** What the logits of the model, as it is, are to be divided by. */
  readonly temperature: number
  /** Pictures that it was fitted on. */
  readonly samples: number
  /** Of a model with several heads: the one that is calibrated. @default the first that classifies */
  readonly head?: string | undefined
}

/**
 * The model with calibrated probabilities, in this and every other tool; the given one is left as it was. One that was calibrated before has its temperature
 * multiplied. Logits stay what they are. `fovea.calibration` states the whole temperature; `fovea.thresholds` and `fovea.rejection`, which were found on other probabilities, go.
 *
 * @throws FoveaError MODEL_OPTION for a temperature that is not above 0, and for a model whose probabilities are not those of a softmax
 */
export function withTemperature(
  { model, metadata }: { readonly model: Model; readonly metadata: ModelMetadata },
  { temperature, samples, head }: Temperature,
): { model: Model; metadata: ModelMetadata } {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new FoveaError('MODEL_OPTION', { field: 'temperature', expected: 'a number above 0', found: String(temperature) })
  const { name, output } = classifierOutput(metadata, model, head)
  const result = copyModel(model)
  const { graph } = result
  const softmax = softmaxOf(graph, output)
  if (softmax === undefined)
    throw new FoveaError('MODEL_OPTION', { field: 'calibrate', expected: 'probabilities of a softmax', found: `those of "${output}"` })
  const total = temperature * (metadata.calibration?.[name]?.temperature ?? 1)
  divide(result, softmax, temperature)
  const { thresholds: _, rejection = {}, ...rest } = metadata
  const kept = Object.fromEntries(Object.entries(rejection).filter(([other]) => other !== name))
  const stated: ModelMetadata = {
    ...rest,
    calibration: { ...metadata.calibration, [name]: { temperature: total, samples } },
    ...(Object.keys(kept).length > 0 && { rejection: kept }),
  }
  return { model: writeMetadata(result, stated), metadata: stated }
}

/** The head that classifies ('' for a model without heads), and the value of its probabilities. @throws FoveaError MODEL_OPTION, MODEL_TASK */
export function classifierOutput({ heads, task }: ModelMetadata, model: Model, wanted?: string): { name: string; output: string } {
  if (heads === undefined && task === 'classify') return { name: '', output: model.graph.outputs[0]!.name }
  const found = heads?.find((head) => head.task === 'classify' && head.name === (wanted ?? head.name))
  if (found?.task !== 'classify') throw new FoveaError('MODEL_TASK', { field: wanted, expected: 'a head that classifies', found: task })
  return { name: found.name, output: found.outputs.probabilities }
}

const passedOver = new Set(['Identity', 'Flatten', 'Reshape', 'Squeeze', 'Cast'])

function softmaxOf(graph: Graph, output: string): Node | undefined {
  const producers = producersOf(graph)
  let node = producers.get(output)
  while (node !== undefined && passedOver.has(node.op)) node = producers.get(node.inputs[0] ?? '')
  return node?.op === 'Softmax' ? node : undefined
}

/** Changes the temperature that is there, where nothing else uses it, or puts a division before the softmax. */
function divide(model: Model, softmax: Node, temperature: number): void {
  const { graph } = model
  const before = producersOf(graph).get(softmax.inputs[0]!)
  const name = before?.op === 'Div' ? before.inputs[1]! : ''
  const stored = graph.initializers.get(name)
  const uses = consumersOf(graph)
  if (stored?.dtype === 'float32' && stored.size === 1 && uses.get(name)?.length === 1 && uses.get(softmax.inputs[0]!)?.length === 1) {
    graph.initializers.set(name, Tensor.float32(stored.dims, [(stored.data as Float32Array)[0]! * temperature]))
    return
  }
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const divisor = b.weight(b.fresh('temperature'), Tensor.float32([1], [temperature]))
  const calm = b.op('Div', [softmax.inputs[0]!, divisor], {}, b.fresh('calibrated_logits'))
  // Builders add at the end; nodes stand in the order in which they run.
  const node = graph.nodes.pop()!
  graph.nodes.splice(graph.nodes.indexOf(softmax), 0, node)
  softmax.inputs[0] = calm
}
