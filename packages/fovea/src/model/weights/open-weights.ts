// A file of weights as a model: the network that it belongs to is built and filled, with the preprocessing that its makers name.

import { basename, dirname, join } from 'node:path'
import { readText } from '../../data/files.ts'
import { architectureNames, architectureOf, buildNetwork, type Network } from '../../nn/architectures.ts'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { channelsOf, createPreprocessing, type Preprocessing } from '../../vision/preprocessing.ts'
import { classifierOf } from '../build-classifier.ts'
import { featuresOf } from '../build-features.ts'
import type { ImportOptions } from '../import-classifier.ts'
import { givenParts, withGiven } from '../input-spec.ts'
import { checkLabels } from '../labels.ts'
import { type ModelMetadata, readMetadata, type Task, writeMetadata } from '../metadata.ts'
import type { OpenedModel } from '../open-model.ts'
import { openSafetensors } from '../safetensors/file.ts'
import { openSharded } from '../safetensors/sharded.ts'
import type { ListedTensor, TensorSource } from '../safetensors/source.ts'
import { architectureNamed } from './architecture-names.ts'
import { guessArchitecture } from './guess-architecture.ts'
import { defaultPreprocessing, type PretrainedConfig, parsePretrainedConfig } from './pretrained-config.ts'
import { modulesOf } from './report.ts'
import { holdsBackbone, isHead, loadStateDict, planStateDict } from './state-dict.ts'

export interface WeightsOptions {
  /** Row of the table, or timm's or torchvision's name for it. @default what the file or its config.json says, else a reported guess */
  readonly architecture?: string
  /** Options of the architecture, such as `{ stem: 'small' }`. */
  readonly architectureOptions?: Readonly<Record<string, unknown>>
  /** @default those of config.json, else the numbers of the classes */
  readonly labels?: readonly string[]
  /** Height and width of the pictures; position embeddings are resampled for it. @default what the file was trained with */
  readonly imageSize?: readonly [height: number, width: number]
  /** What the weights expect of pixels; it wins over config.json. @default what that says, else ImageNet's usual one */
  readonly input?: NonNullable<ImportOptions['input']>
  /** `features` leaves the last layer out. @default what the file holds */
  readonly task?: Task
}

/**
 * Opens weights of a network of the table, under timm's or torchvision's names. `config.json` beside the file (or `NAME.json`
 * beside `NAME.safetensors`) is read as timm writes it. Weights without a last layer become a model of features; so do those of a
 * backbone where an architecture is named that has more than that: its neck then has fresh weights.
 *
 * @param file a .safetensors file, or the index of several
 * @throws FoveaError MODEL_NOT_FOUND, SAFETENSORS_*, WEIGHTS_CONFIG, WEIGHTS_ARCHITECTURE, MODEL_LABELS naming where the labels were stated;
 *   WEIGHTS_MISMATCH with a report of all tensors
 */
export async function openWeights(file: string, options: WeightsOptions = {}): Promise<OpenedModel> {
  const source = file.endsWith('.json') ? await openSharded(file) : await openSafetensors(file)
  try {
    const config = await readConfig(file)
    return await modelOf(file, source, config, options)
  } finally {
    await source.close()
  }
}

async function modelOf(
  file: string,
  source: TensorSource,
  config: PretrainedConfig | undefined,
  options: WeightsOptions,
): Promise<OpenedModel> {
  const notes = [...(config?.notes ?? [])]
  const name = chooseArchitecture(file, source, config, options, notes)
  const given = givenParts(options, config === undefined ? 3 : channelsOf(config.preprocessing))
  const preprocessing = choosePreprocessing(name, source.entries, config, given, notes)
  const build = (classes: number, values: 'shape' | 'seeded'): Network =>
    buildNetwork(name, {
      ...options.architectureOptions,
      classes,
      inputSize: preprocessing.size!,
      inputChannels: channelsOf(preprocessing),
      values,
    })
  const empty = build(1, 'shape')
  const patches = patchesOf(empty, preprocessing.size!, config?.preprocessing.size)
  const fitting = {
    positions: given.size === undefined ? 'keep' : 'resample',
    ...(patches === undefined ? {} : { patches }),
  } as const
  const part = holdsBackbone(empty, source.entries, fitting) ? 'backbone' : 'whole'
  const found = part === 'whole' ? headOf(empty, source.entries) : undefined
  const head = options.task === 'features' ? undefined : found
  // What a backbone's file does not fill is to be trained, and zeros cannot be. Else every tensor is replaced, or its layer cut away.
  const network = part === 'backbone' ? build(1, 'seeded') : build(head?.classes ?? 1, 'shape')
  const { model, report } = await loadStateDict(network, source, { ...fitting, file, part, head: head === undefined ? 'skip' : 'load' })
  if (report.unexpected.length > 0)
    notes.push(`The network has no place for ${report.unexpected.length} of the file's tensors: ${shortList(report.unexpected)}.`)
  for (const { from, to } of report.resampled)
    notes.push(`Position embeddings were resampled from ${from.join('x')} to ${to.join('x')} patches.`)
  const filled: Network = { ...network, model }
  if (part === 'backbone') {
    const fresh = report.kept.filter((parameter) => !isHead(network.parameters, parameter))
    notes.push(`The file holds the backbone alone; the rest has fresh weights and wants training: ${modulesOf(fresh)}.`)
    const { name: _, ...rest } = config ?? {}
    return described(featuresOf(name, filled, preprocessing, false), rest, notes)
  }
  if (head === undefined) {
    if (found === undefined) notes.push('The file holds no last layer: the model gives features.')
    return described(featuresOf(name, filled, preprocessing, false), config, notes)
  }
  const labels = chooseLabels(head.classes, config, options, notes)
  const opened = described(classifierOf(name, filled, labels, preprocessing), config, notes)
  // The usual scaling is taken, but nobody said that it is theirs.
  if (config !== undefined || given.scale !== undefined) return opened
  return { ...opened, metadata: { ...opened.metadata, scaleIsGuessed: true } }
}

/** The model with the name and the licence that its makers gave. */
function described(
  model: OpenedModel['model'],
  config: Partial<Pick<PretrainedConfig, 'name' | 'licence'>> | undefined,
  notes: readonly string[],
): OpenedModel {
  const metadata: ModelMetadata = {
    ...readMetadata(model),
    ...(config?.name === undefined ? {} : { name: config.name }),
    ...(config?.licence === undefined ? {} : { licence: config.licence }),
  }
  return { model: writeMetadata(model, metadata), metadata, notes }
}

function chooseArchitecture(
  file: string,
  source: TensorSource,
  config: PretrainedConfig | undefined,
  { architecture }: WeightsOptions,
  notes: string[],
): string {
  const stated = architecture ?? source.metadata.get('architecture') ?? source.metadata.get('model_name') ?? config?.architecture
  if (stated === undefined) {
    const name = guessArchitecture(source.entries, file)
    notes.push(`The architecture was told from the tensors: ${name}.`)
    return name
  }
  const name = architectureNamed(stated)
  if (name !== undefined) return name
  throw new FoveaError('WEIGHTS_ARCHITECTURE', { file, expected: `one of ${architectureNames().join(', ')}`, found: stated })
}

function choosePreprocessing(
  name: string,
  entries: TensorSource['entries'],
  config: PretrainedConfig | undefined,
  given: Partial<Preprocessing>,
  notes: string[],
): Preprocessing {
  if (config !== undefined) {
    const chosen = withGiven(config.preprocessing, given, 'config.json')
    notes.push(...chosen.notes)
    return chosen.preprocessing
  }
  const { inputSize } = architectureOf(name).defaults
  const usual = defaultPreprocessing(given.size ?? sizeOfPositions(entries) ?? [inputSize, inputSize])
  const preprocessing = createPreprocessing({ ...usual, ...given })
  const { size, resize, cropFraction, interpolation, scale } = preprocessing
  const kept = resize === 'crop' ? `the centre ${100 * cropFraction} %` : resize
  notes.push(
    `The preprocessing is not stated; ImageNet's usual one is taken${Object.keys(given).length > 0 ? ', with what was given' : ''}: ${size!.join('x')}, ${kept}, ${interpolation}, ${scale}.`,
  )
  return preprocessing
}

/** The picture size that position embeddings stand for: a square of patches and one class token. */
function sizeOfPositions(entries: TensorSource['entries']): [number, number] | undefined {
  const endingIn = (...ends: string[]) => [...entries].find(([name]) => ends.some((end) => name.endsWith(end)))?.[1].dims
  const tokens = endingIn('pos_embed', 'encoder.pos_embedding')?.[1]
  const patch = endingIn('patch_embed.proj.weight', 'conv_proj.weight')?.[2]
  if (tokens === undefined || patch === undefined) return undefined
  const side = Math.sqrt(tokens - 1)
  return Number.isInteger(side) ? [side * patch, side * patch] : undefined
}

/** Rows and columns of patches in pictures of the size that the weights were trained with; undefined where nothing is known of it. */
function patchesOf(
  { parameters }: Network,
  [height]: readonly [number, number],
  trained: readonly [number, number] | undefined,
): readonly [number, number] | undefined {
  const grid = [...parameters.values()].find((parameter) => parameter.grid !== undefined)?.grid
  if (grid === undefined || trained === undefined) return undefined
  const patch = height / grid[0]
  return [trained[0] / patch, trained[1] / patch]
}

/** The number of classes that the file's last layer has; undefined where it has none. */
function headOf(network: Network, entries: ReadonlyMap<string, ListedTensor>): { readonly classes: number } | undefined {
  const { report, plan } = planStateDict(network, entries)
  const sources = [...report.misshaped, ...plan].filter(({ name }) => isHead(network.parameters, name)).map(({ source }) => source)
  const classes = sources.map((source) => entries.get(source)!.dims[0]).find((size) => size !== undefined && size > 0)
  return classes === undefined ? undefined : { classes }
}

function chooseLabels(
  classes: number,
  config: PretrainedConfig | undefined,
  { labels }: WeightsOptions,
  notes: string[],
): readonly string[] {
  const stated = labels ?? config?.labels
  if (stated === undefined) {
    notes.push(`The classes are not named: they are numbered 0 to ${classes - 1}.`)
    return Array.from({ length: classes }, (_, i) => `${i}`)
  }
  checkLabels(
    stated,
    classes,
    labels === undefined ? { file: config?.file, field: config?.labelsField ?? 'label_names' } : { field: 'labels' },
  )
  return stated
}

async function readConfig(file: string): Promise<PretrainedConfig | undefined> {
  const own = file.endsWith('.safetensors') ? [join(dirname(file), `${basename(file, '.safetensors')}.json`)] : []
  for (const path of [...own, join(dirname(file), 'config.json')]) {
    const text = await readText(path, 'WEIGHTS_CONFIG').catch((error: FoveaError) => {
      // A config that is there and cannot be read would change what the weights mean.
      if ((error.cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT') throw error
    })
    if (typeof text === 'string') return parsePretrainedConfig(text, path)
  }
  return undefined
}

function shortList(names: readonly string[]): string {
  return clip(names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')}, …`)
}
