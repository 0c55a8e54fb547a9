// Networks of the table with few channels: quick to build, and affordable for reference runs.

import { architectureOf, buildNetwork, type Network, type NetworkOptions } from '../src/nn/architectures.ts'

/** The structure of an architecture with few channels and, where that can be chosen, few blocks; 3 classes. */
export function narrowNetwork(name: string, options: NetworkOptions = {}): Network {
  const { family, defaults } = architectureOf(name)
  const { widths, tokenWidths, neckChannels, heads, depths } = defaults.options
  // Where channels are normalised together, two of them would be ill-conditioned.
  const narrowest = family === 'convnext' ? 8 : 2
  return buildNetwork(name, {
    classes: 3,
    seed: 5,
    ...(widths && { widths: widths.map((_, i) => narrowest + i) }),
    ...(heads && { widths: [8], heads: 2, inputSize: 64 }),
    ...(depths && { depths: depths.map((depth) => Math.min(depth, depths.length === 1 ? 4 : 2)) }),
    ...(tokenWidths && { tokenWidths: tokenWidths.map(() => 8) }),
    ...(neckChannels && { neckChannels: 4 }),
    ...options,
  })
}
