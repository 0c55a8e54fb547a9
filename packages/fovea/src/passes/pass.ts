// What a pass is: a function from model to model that says whether it changed anything.

import type { Model } from '../graph/model.ts'

export interface PassResult {
  readonly model: Model
  /** False when the returned model is the one given. */
  readonly modified: boolean
}

/** A pass never changes the model it is given; weights are shared between the two. */
export type Pass<Options = void> = (model: Model, options?: Options) => PassResult

/** Runs passes one after another. */
export function runPasses(model: Model, passes: readonly ((model: Model) => PassResult)[]): PassResult {
  let modified = false
  for (const pass of passes) {
    const result = pass(model)
    model = result.model
    modified ||= result.modified
  }
  return { model, modified }
}
