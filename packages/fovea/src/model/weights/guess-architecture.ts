// Which network of our table a file of weights belongs to, by names and shapes of its tensors.

import { architectureNames, buildNetwork } from '../../nn/architectures.ts'
import { FoveaError } from '../../util/errors.ts'
import type { ListedTensor } from '../safetensors/source.ts'
import { isHead, planStateDict } from './state-dict.ts'

/** Part of all tensors, the file's and the network's, that must be the same for a guess. */
const enough = 0.8

/**
 * The row whose tensors are most like those of the file, without the last layer, whose shape follows from the classes.
 *
 * @throws FoveaError WEIGHTS_ARCHITECTURE where none is like it, or two are equally so
 */
export function guessArchitecture(entries: ReadonlyMap<string, ListedTensor>, file?: string): string {
  const scores = architectureNames()
    .map((name) => ({ name, score: likeness(name, entries) }))
    .sort((a, b) => b.score - a.score)
  const [best, second] = scores
  if (best !== undefined && best.score >= enough && best.score > (second?.score ?? 0)) return best.name
  const found = scores
    .slice(0, 3)
    .map(({ name, score }) => `${name} ${(100 * score).toFixed(0)} %`)
    .join(', ')
  throw new FoveaError('WEIGHTS_ARCHITECTURE', {
    file,
    expected: `names and shapes of one network of the table, by ${100 * enough} % at least`,
    found,
  })
}

/** Tensors of the same name and shape, as a part of all. */
function likeness(name: string, entries: ReadonlyMap<string, ListedTensor>): number {
  const network = buildNetwork(name, { values: 'shape' })
  const { report, plan } = planStateDict(network, entries)
  const same = plan.filter((tensor) => !isHead(network.parameters, tensor.name)).length
  const heads = [...network.parameters.keys()].filter((parameter) => isHead(network.parameters, parameter)).length
  const all = network.parameters.size - heads + report.unexpected.length
  return same / Math.max(1, all)
}
