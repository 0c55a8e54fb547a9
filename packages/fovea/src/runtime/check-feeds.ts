// What a run is fed, held against what the model takes.

import { formatDims } from '../graph/dims.ts'
import { FoveaError } from '../util/errors.ts'
import type { Feeds, Port } from './session.ts'

/** @throws FoveaError RUNTIME_FEED naming the input that is missing, unknown, or of the wrong type or shape */
export function checkFeeds(inputs: readonly Port[], feeds: Feeds, carried: ReadonlySet<string>): void {
  const ports = new Map(inputs.map((port) => [port.name, port]))
  for (const [name, tensor] of Object.entries(feeds)) {
    const port = ports.get(name)
    if (port === undefined)
      throw new FoveaError('RUNTIME_FEED', { field: name, expected: `one of ${[...ports.keys()].join(', ')}`, found: `"${name}"` })
    const fits = port.dims.length === tensor.dims.length && port.dims.every((dim, i) => typeof dim !== 'number' || dim === tensor.dims[i])
    if (port.dtype !== tensor.dtype || !fits)
      throw new FoveaError('RUNTIME_FEED', {
        field: name,
        expected: `${port.dtype}${formatDims(port.dims)}`,
        found: `${tensor.dtype}${formatDims(tensor.dims)}`,
      })
  }
  for (const name of ports.keys())
    if (!(name in feeds) && !carried.has(name))
      throw new FoveaError('RUNTIME_FEED', { field: name, expected: 'a tensor for every input', found: 'none' })
}
