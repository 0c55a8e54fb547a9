// What there is to know of a model, as names and texts for a report.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { ModelMetadata } from '../model/metadata.ts'
import type { Fact } from './html/report.ts'

/** Name, version, licence, architecture, preprocessing; with the SHA-256 of its file where it is one. */
export async function modelFacts(metadata: ModelMetadata, file?: string): Promise<Fact[]> {
  const { name, version, licence, architecture, preprocessing, labels, framework, recipe } = metadata
  const hash = file === undefined ? undefined : await fileHash(file)
  const { size, resize, scale, color, interpolation } = preprocessing
  const facts: [string, string | undefined][] = [
    ['Name', name],
    ['Version', version],
    ['File', file],
    ['SHA-256', hash],
    ['Licence', licence],
    ['Architecture', architecture?.name],
    ['Task', `${metadata.task}, ${labels.length} classes`],
    ['Pictures are', `${size === undefined ? 'of any size' : `${size[0]} x ${size[1]}`}, ${resize} (${interpolation}), ${color}, ${scale}`],
    ['Trained', recipe === undefined ? undefined : recipeText(recipe)],
    ['Framework', framework],
  ]
  return facts.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
}

function recipeText(recipe: Readonly<Record<string, unknown>>): string {
  const plain = ['model', 'epochs', 'epoch', 'batchSize', 'batch', 'seed'].filter((key) =>
    ['string', 'number'].includes(typeof recipe[key]),
  )
  return plain.map((key) => `${key} ${String(recipe[key])}`).join(', ') || 'by a recipe in its metadata'
}

/** Undefined for what is no file that can be read: a name of the hub, a folder. */
async function fileHash(file: string): Promise<string | undefined> {
  try {
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
    return hash.digest('hex')
  } catch {
    return undefined
  }
}
