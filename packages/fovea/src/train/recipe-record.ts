// A recipe as it is stored, and what a checkpoint is held to.

import { createHash } from 'node:crypto'
import type { Model } from '../graph/model.ts'
import type { ModelMetadata } from '../model/metadata.ts'

/** As JSON keeps it: undefined members vanish. */
export function plainRecipe(recipe: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(recipe)) as Record<string, unknown>
}

/** The recipe with fingerprints of the pictures and of the first weights: a training is resumed on what it was begun with. */
export function recipeRecord(recipe: object, model: Model, { split }: ModelMetadata): Record<string, unknown> {
  const pictures = createHash('sha256').update(JSON.stringify(split ?? {}))
  return { ...plainRecipe(recipe), pictures: pictures.digest('hex').slice(0, 16), firstWeights: weightsFingerprint(model) }
}

/** The first 16 hexadecimal digits of the SHA-256 of all weights with their names. */
export function weightsFingerprint({ graph }: Model): string {
  const weights = createHash('sha256')
  for (const [name, { bytes }] of graph.initializers) weights.update(name).update(bytes)
  return weights.digest('hex').slice(0, 16)
}
