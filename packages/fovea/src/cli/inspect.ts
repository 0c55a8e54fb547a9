// `fovea inspect MODEL`: what a model file holds.

import { Command } from 'commander'
import pc from 'picocolors'
import { byteLength } from '../graph/data-type.ts'
import { formatDims } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { printModel } from '../graph/printer.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { buildClassifier } from '../model/build-classifier.ts'
import { takesAnySize } from '../model/front.ts'
import { importModel } from '../model/import-model.ts'
import { describeStages, partStages, type StageSummary } from '../model/layers.ts'
import { hasMetadata, type ModelMetadata, readMetadata } from '../model/metadata.ts'
import { readModelFile } from '../model/open-model.ts'
import { locateModel } from '../model/open-source.ts'
import { resolveSource } from '../model/source.ts'
import { type ModelSummary, summarize } from '../model/summary.ts'
import { openWeights } from '../model/weights/open-weights.ts'
import { architectureNames } from '../nn/architectures.ts'
import { profileModel, profileText } from '../runtime/profile.ts'
import { isFoveaError } from '../util/errors.ts'
import type { Preprocessing } from '../vision/preprocessing.ts'
import { architectureHelp, formatBytes, formatCount, formatPercent, hubOptions, interruptSignal, LiveLine, modelHelp } from './terminal.ts'

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('show what a model holds: inputs, outputs, parameters, FLOPs, metadata')
    .argument('[model]', `${modelHelp}, or the name of an architecture`)
    .option('--architecture <name>', architectureHelp)
    .option('--full', 'list every node')
    .option('--profile', 'run it and show where the time goes, operator by operator')
    .option('--list', 'list the architectures')
    .option('--json', 'print JSON')
    .action(
      async (
        source: string | undefined,
        flags: { architecture?: string; full?: boolean; profile?: boolean; list?: boolean; json?: boolean },
        command: Command,
      ) => {
        if (flags.list) {
          process.stdout.write(flags.json ? `${JSON.stringify(architectureNames())}\n` : `${architectureNames().join('\n')}\n`)
          return
        }
        if (source === undefined) command.error("error: missing required argument 'model'")
        const { model, notes } = await modelOf(source, flags.architecture)
        const metadata = hasMetadata(model) ? readMetadata(model, source) : undefined
        const opened = openAs(model, metadata)
        const summary = summarize(model, (metadata ?? opened.metadata)?.preprocessing.size)
        const profile = flags.profile ? await profileModel(model, zeroFeeds(summary)) : undefined
        if (flags.json)
          process.stdout.write(
            `${JSON.stringify({ model: source, ...summary, stages: opened.stages, metadata: metadata === undefined ? undefined : brief(metadata), opensAs: opened.metadata, notes: [...notes, ...opened.notes], other: foreignMetadata(model), profile })}\n`,
          )
        else
          process.stdout.write(
            `${text(source, summary, metadata, model, opened)}${notes.map((note) => `${pc.yellow(note)}\n`).join('')}${flags.full ? `\n${printModel(model)}` : ''}${profile === undefined ? '' : `\n${profileText(profile)}`}\n`,
          )
      },
    )
}

/** The model as its file has it; of weights alone, as it is opened. A name without shipped weights shows its architecture. */
async function modelOf(text: string, architecture: string | undefined): Promise<{ model: Model; notes: readonly string[] }> {
  const source = await resolveSource(text)
  if (source.kind === 'registry' && source.file === undefined) return { model: thousandClasses(source.name), notes: [] }
  const { signal, release } = interruptSignal()
  try {
    const { kind, file, notes } = await locateModel(source, { hub: hubOptions(new LiveLine(), signal) })
    if (kind === 'onnx') return { model: await readModelFile(file), notes }
    const opened = await openWeights(file, architecture === undefined ? {} : { architecture })
    return { model: opened.model, notes: [...notes, ...opened.notes] }
  } finally {
    release()
  }
}

/** The structure with weights of zero. Papers count parameters at ImageNet's thousand classes. */
function thousandClasses(name: string): Model {
  return buildClassifier(name, { labels: Array.from({ length: 1000 }, (_, i) => `${i}`), values: 'zero' })
}

/** A zero tensor for every input, of the size that FLOPs were counted at. */
function zeroFeeds({ inputs, flopsAt }: ModelSummary): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {}
  for (const { name, dtype, dims } of inputs) {
    if (dtype === undefined || dims === undefined) continue
    const sizes = dims.map((dim) => (typeof dim === 'number' ? dim : (flopsAt[dim ?? ''] ?? 1)))
    feeds[name] = new Tensor(dtype, sizes, new Uint8Array(byteLength(dtype, sizeOf(sizes))))
  }
  return feeds
}

/** Without the long lists. */
function brief({ split, ...rest }: ModelMetadata): Record<string, unknown> {
  return { ...rest, ...(split === undefined ? {} : { split: { trained: split.trained.length, held: split.held.length } }) }
}

function foreignMetadata(model: Model): Record<string, string> {
  return Object.fromEntries([...model.metadata].filter(([key]) => !key.startsWith('fovea.')))
}

interface Opened {
  readonly stages: readonly StageSummary[]
  /** What a file without Fovea's metadata is opened as. */
  readonly metadata?: Pick<ModelMetadata, 'task' | 'preprocessing'>
  /** What was guessed, or why it cannot be opened. */
  readonly notes: readonly string[]
}

/** What the other commands would see; a model that takes no pictures is shown all the same. */
function openAs(model: Model, metadata: ModelMetadata | undefined): Opened {
  if (metadata !== undefined) {
    const { known, notes } = partStages(model, metadata.stages)
    return { stages: describeStages(model, { ...metadata, stages: known }), notes }
  }
  try {
    const imported = importModel(model)
    const { task, preprocessing } = imported.metadata
    return { stages: describeStages(imported.model, imported.metadata), metadata: { task, preprocessing }, notes: imported.notes }
  } catch (error) {
    if (!isFoveaError(error)) throw error
    return { stages: [], notes: [error.message] }
  }
}

function text(source: string, summary: ModelSummary, metadata: ModelMetadata | undefined, model: Model, opened: Opened): string {
  const port = ({ name, type }: ModelSummary['inputs'][number]) => `${name}: ${type}`
  const at = Object.entries(summary.flopsAt).map(([name, size]) => `${name}=${size}`)
  const operators = Object.entries(summary.operators).map(([name, count]) => `${name} ${count}`)
  const rows: [string, string][] = [
    ...(metadata === undefined ? [] : identityRows(metadata)),
    ...listRows('inputs', summary.inputs.map(port)),
    ...listRows('outputs', summary.outputs.map(port)),
    [
      'parameters',
      `${formatCount(summary.parameters)} (${summary.parameters.toLocaleString('en')}), weights ${formatBytes(summary.weightBytes)}`,
    ],
    [
      'FLOPs',
      summary.flops === undefined
        ? 'unknown: a shape or an operator is not known'
        : `${formatCount(summary.flops)}${at.length > 0 ? ` at ${at.join(', ')}` : ''}`,
    ],
    ['nodes', `${summary.nodes}: ${operators.slice(0, 10).join(', ')}${operators.length > 10 ? ', …' : ''}`],
    ['residual blocks', `${summary.residualBlocks.length}`],
    [
      'format',
      `IR ${summary.irVersion}, opsets ${Object.entries(summary.opsets)
        .map(([domain, version]) => `${domain} ${version}`)
        .join(', ')}${summary.producer === undefined ? '' : `, by ${summary.producer}`}`,
    ],
    ...(metadata === undefined ? foreignRows(model, opened) : metadataRows(metadata, takesAnySize(model))),
    ...stageRows(opened.stages),
    ...opened.notes.map((note) => ['note', note] as [string, string]),
  ]
  const width = Math.max(...rows.map(([key]) => key.length))
  return `${pc.bold(source)}\n${rows.map(([key, value]) => `  ${pc.dim(key.padEnd(width))}  ${value}`).join('\n')}\n`
}

/** One line for each, the heading before the first. */
function listRows(heading: string, lines: readonly string[]): [string, string][] {
  return lines.map((line, i) => [i === 0 ? heading : '', line])
}

function stageRows(stages: readonly StageSummary[]): [string, string][] {
  const width = Math.max(0, ...stages.map(({ stage }) => stage.length))
  const line = ({ stage, value, dims }: StageSummary) =>
    `${stage.padEnd(width)}  ${formatDims(dims)}${value === stage ? '' : pc.dim(`  ${value}`)}`
  return listRows('stages', stages.map(line))
}

/** What the model is called, from when it is, who may read it, and under which terms. */
function identityRows({ name, version, framework, licence, architecture }: ModelMetadata): [string, string][] {
  const rows: [string, string | undefined][] = [
    ['name', name],
    ['version', version],
    ['framework', `fovea ${framework}`],
    ['licence', licence],
    ['architecture', architecture?.name],
  ]
  return rows.filter((row): row is [string, string] => row[1] !== undefined)
}

function foreignRows(model: Model, { metadata }: Opened): [string, string][] {
  const found = Object.entries(foreignMetadata(model))
  const opens: [string, string][] = metadata === undefined ? [] : [['opens as', metadata.task], preprocessingRow(metadata.preprocessing)]
  return [...opens, ['metadata', found.length === 0 ? 'none' : found.map(([key, value]) => `${key}=${value.slice(0, 60)}`).join(', ')]]
}

function preprocessingRow({ size, resize, color, scale }: Preprocessing, anySize = false): [string, string] {
  const pixels = `${size?.join('x') ?? 'any'} pixels${anySize && size !== undefined ? ' (any size can be asked for)' : ''}`
  return ['preprocessing', `${pixels}, ${resize}, ${color}, ${scale}`]
}

function metadataRows(metadata: ModelMetadata, anySize: boolean): [string, string][] {
  const { preprocessing, labels, metrics } = metadata
  const shown = labels.slice(0, 12).join(', ')
  return [
    ['task', metadata.task === 'features' ? 'features (no task head)' : headedTask(metadata, `${shown}${labels.length > 12 ? ', …' : ''}`)],
    preprocessingRow(preprocessing, anySize),
    ...(metrics?.accuracy === undefined
      ? []
      : [['accuracy', `${formatPercent(metrics.accuracy)} on the pictures held out`] as [string, string]]),
  ]
}

/** `detect, 3 classes: a, b, c`; of several heads each of them; of anomalies where the threshold lies. */
function headedTask({ task, labels, heads = [] }: ModelMetadata, shown: string): string {
  const [first] = heads
  if (task === 'multi') return `multi: ${heads.map((head) => `${head.name} (${head.task}, ${head.labels.length} classes)`).join(', ')}`
  if (first?.task !== 'anomaly') return `${task}, ${labels.length} classes: ${shown}`
  const { by, score, falseAlarmRate, samples } = first.limits
  return `anomaly, above a score of ${score[by].toPrecision(4)} (${Number((100 * falseAlarmRate).toPrecision(4))} % of good pictures, by ${samples} of them)`
}
