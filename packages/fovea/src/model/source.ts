// What a user may write where a model is asked for: a name, a file, a folder, or a model of the hub.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { architectureNames } from '../nn/architectures.ts'
import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { type HubReference, isHubReference, parseHubReference } from './hub/reference.ts'

export type ModelSource =
  /** A row of the table of architectures; `file` where weights are shipped for it. */
  | { readonly kind: 'registry'; readonly name: string; readonly file: string | undefined }
  | { readonly kind: 'onnx'; readonly file: string }
  /** One .safetensors file, or the index of several. */
  | { readonly kind: 'safetensors'; readonly file: string }
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'hub'; readonly reference: HubReference }

/** Models that the package holds: `assets/models/NAME.onnx`. */
const shippedModels = join(import.meta.dirname, '../../assets/models')

/** The file of a shipped model; undefined where none is shipped under the name. */
export async function shippedModel(name: string, folder: string = shippedModels): Promise<string | undefined> {
  const file = join(folder, `${name}.onnx`)
  const found = architectureNames().includes(name) ? await stat(file).catch(() => undefined) : undefined
  return found?.isFile() ? file : undefined
}

/**
 * Tells what a text means. Names of the table come first: a file or folder of such a name is written `./NAME`.
 *
 * @param shipped folder with the models that are found by name. @default the package's own
 * @throws FoveaError HUB_REFERENCE; MODEL_NOT_FOUND where it is no name and no such file exists
 */
export async function resolveSource(text: string, shipped?: string): Promise<ModelSource> {
  if (isHubReference(text)) return { kind: 'hub', reference: parseHubReference(text) }
  if (architectureNames().includes(text)) return { kind: 'registry', name: text, file: await shippedModel(text, shipped) }
  const found = await stat(text).catch((cause: NodeJS.ErrnoException) => cause)
  if (found instanceof Error) return notFound(text, found)
  if (found.isDirectory()) return { kind: 'folder', folder: text }
  return isWeights(text) ? { kind: 'safetensors', file: text } : { kind: 'onnx', file: text }
}

function isWeights(file: string): boolean {
  return /\.safetensors(\.index\.json)?$/.test(file)
}

function notFound(text: string, cause: NodeJS.ErrnoException): never {
  throw new FoveaError('MODEL_NOT_FOUND', {
    file: clip(text),
    expected: `an .onnx or .safetensors file, a folder with one, hf:owner/name, or one of ${architectureNames().join(', ')}`,
    found: cause.code === 'ENOENT' || cause.code === 'ENOTDIR' ? 'no such file' : cause.message,
    // What the hub calls its models is easily taken for a path.
    ...(/^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.test(text) && !/\.(onnx|safetensors)$/.test(text)
      ? { remedy: `For a model of the Hugging Face hub write hf:${text}.` }
      : {}),
    cause,
  })
}

/** What a folder is searched for, in this order. */
const filesOfFolders = ['model.onnx', 'onnx/model.onnx', 'model.safetensors', 'model.safetensors.index.json']

/** The model of a folder: model.onnx, else weights. @throws FoveaError MODEL_NOT_FOUND naming what was looked for */
export async function modelInFolder(folder: string): Promise<{ readonly kind: 'onnx' | 'safetensors'; readonly file: string }> {
  for (const name of filesOfFolders) {
    const file = join(folder, name)
    if ((await stat(file).catch(() => undefined))?.isFile()) return { kind: isWeights(file) ? 'safetensors' : 'onnx', file }
  }
  throw new FoveaError('MODEL_NOT_FOUND', { file: folder, expected: filesOfFolders.join(', '), found: 'a folder without any of them' })
}
