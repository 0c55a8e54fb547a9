// The bottom-up path of PANet (Liu 2018, arXiv:1803.01534): what fine maps see reaches the coarse ones in a few layers.

import { add } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { normalised } from './parts.ts'

/** Adds to each level the halved level below it. */
export function bottomUp(m: ModuleBuilder, levels: readonly Feature[], first: number): Feature[] {
  const path = [levels[0]!]
  for (let i = 1; i < levels.length; i++) {
    const at = m.stage(`p${first + i}`)
    const halved = normalised(at, `down${first + i}`, path[i - 1]!, 2)
    path.push(normalised(at, `path${first + i}`, add(m, `rise${first + i}`, levels[i]!, halved)))
  }
  return path
}
