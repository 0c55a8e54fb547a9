// Opens a model from whatever source a user names: the one entry of load() and of the commands.

import { FoveaError } from '../util/errors.ts'
import { checkSourceOptions } from './check-options.ts'
import type { HubOptions } from './hub/settings.ts'
import { fetchSnapshot } from './hub/snapshot.ts'
import type { ImportOptions } from './import-classifier.ts'
import { type OpenedModel, openModel } from './open-model.ts'
import { type ModelSource, modelInFolder, resolveSource } from './source.ts'
import { openWeights, type WeightsOptions } from './weights/open-weights.ts'

export interface SourceOptions extends Omit<ImportOptions, 'file'>, Pick<WeightsOptions, 'architecture' | 'architectureOptions'> {
  /** Where models of the hub come from and go to. */
  readonly hub?: HubOptions
  /** Folder with the models that are found by name, `NAME.onnx`. @default the package's own */
  readonly shipped?: string
}

/** A source that has come down to one file of this machine. */
export interface LocatedModel {
  readonly kind: 'onnx' | 'safetensors'
  readonly file: string
  /** For the user, one sentence each. */
  readonly notes: readonly string[]
}

/**
 * The file that a source means; a model of the hub is fetched into the cache.
 *
 * @throws FoveaError MODEL_OPTION where it is no source, MODEL_NOT_FOUND, HUB_*; MODEL_NO_WEIGHTS for a name without shipped weights
 */
export async function locateModel(
  source: string | ModelSource,
  options: Pick<SourceOptions, 'hub' | 'shipped'> = {},
): Promise<LocatedModel> {
  if (typeof source !== 'string' && typeof source?.kind !== 'string')
    throw new FoveaError('MODEL_OPTION', {
      field: 'source',
      expected: 'a text: a name, a path, or hf:owner/name',
      found: source === null ? 'null' : typeof source,
      remedy: 'Name the model to load.',
    })
  const found = typeof source === 'string' ? await resolveSource(source, options.shipped) : source
  switch (found.kind) {
    case 'registry':
      if (found.file === undefined)
        throw new FoveaError('MODEL_NO_WEIGHTS', {
          field: found.name,
          remedy: `Train it with \`fovea train PHOTOS --model ${found.name}\`, or load weights of your own: a .safetensors file of timm or torchvision, a folder, or hf:owner/name.`,
        })
      return { kind: 'onnx', file: found.file, notes: [] }
    case 'folder':
      return { ...(await modelInFolder(found.folder)), notes: [] }
    case 'hub': {
      const { main, notes } = await fetchSnapshot(found.reference, options.hub)
      return { kind: main.endsWith('.onnx') ? 'onnx' : 'safetensors', file: main, notes }
    }
    default:
      return { ...found, notes: [] }
  }
}

/**
 * Opens a model of whatever origin: a shipped one by its name, an .onnx file, weights as .safetensors, a folder with either, or
 * `hf:owner/name[@revision][/file]`.
 *
 * @throws FoveaError as `locateModel`, `openModel` and `openWeights`; MODEL_OPTION for options that are none
 */
export async function openSource(source: string | ModelSource, options: SourceOptions = {}): Promise<OpenedModel> {
  checkSourceOptions(options)
  const { hub, shipped, ...others } = options
  const located = await locateModel(source, { ...(hub === undefined ? {} : { hub }), ...(shipped === undefined ? {} : { shipped }) })
  const { kind, file } = located
  const opened = kind === 'onnx' ? await openModel(file, others) : await openWeights(file, others)
  const notes = [...located.notes, ...opened.notes]
  if (kind === 'onnx' && (options.architecture !== undefined || options.architectureOptions !== undefined))
    notes.push('An .onnx file carries its own graph; the architecture that was named is not needed and was ignored.')
  return { ...opened, notes }
}
