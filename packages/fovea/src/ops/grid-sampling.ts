// The attributes of GridSample.

import type { Attributes } from './operator.ts'

export interface Sampling {
  readonly mode: 'nearest' | 'linear' | 'cubic'
  readonly padding: 'zeros' | 'border' | 'reflection'
  /** True where -1 and 1 are the centres of the outermost pixels and not their edges. */
  readonly alignCorners: boolean
}

export function samplingOf(ctx: Attributes): Sampling {
  // Opset 16 said bilinear and bicubic.
  const mode = ctx.string('mode', 'linear').replace(/^bi/, '')
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'cubic') ctx.fail('mode nearest, linear or cubic', mode)
  const padding = ctx.string('padding_mode', 'zeros')
  if (padding !== 'zeros' && padding !== 'border' && padding !== 'reflection') ctx.fail('padding_mode zeros, border or reflection', padding)
  return { mode, padding, alignCorners: ctx.int('align_corners', 0) !== 0 }
}
