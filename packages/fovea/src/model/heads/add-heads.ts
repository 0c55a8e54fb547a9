// Gives a model of features its heads: one for each question, all on one backbone and pyramid.

import { GraphBuilder } from '../../graph/builder.ts'
import { copyModel } from '../../graph/copy.ts'
import type { Model } from '../../graph/model.ts'
import type { Feature } from '../../nn/module.ts'
import { ModuleBuilder } from '../../nn/module.ts'
import { extract } from '../../passes/extract.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { FoveaError } from '../../util/errors.ts'
import { checkLabels, checkNewLabels } from '../labels.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from '../metadata.ts'
import { buildClassifyHead, type ClassifyHeadSpec } from './classify.ts'
import { buildCountHead, type CountHeadSpec } from './count.ts'
import { buildDetectHead, type DetectHeadSpec } from './detect.ts'
import type { Head } from './head.ts'
import { attentionOfLevels, eliminateAllBut } from './keep-attention.ts'
import { fineMaps, pyramidLevels } from './levels.ts'
import { buildMultilabelHead, type MultilabelHeadSpec } from './multilabel.ts'
import { buildSegmentHead, type SegmentHeadSpec } from './segment.ts'

/** A head to be made. Names are the tasks' own unless given. */
export type HeadSpec = ClassifyHeadSpec | MultilabelHeadSpec | DetectHeadSpec | SegmentHeadSpec | CountHeadSpec

export interface AddHeadsOptions {
  /** Of the first weights. @default 0 */
  readonly seed?: number
  /** Levels of the pyramid that heads look at, from stride 8 on. @default 3 */
  readonly levels?: number
}

/**
 * The model with these heads in the place of all its outputs. Its own heads go, and what only they needed.
 *
 * @throws FoveaError MODEL_HEADS for none, or two of one name; MODEL_LABELS; MODEL_NO_LEVELS, MODEL_NOT_CLASSIFIER where the model lacks
 *   what a head looks at
 */
export function addHeads(source: Model, specs: readonly HeadSpec[], { seed = 0, levels: count = 3 }: AddHeadsOptions = {}): Model {
  const metadata = readMetadata(source)
  checkSpecs(specs)
  // What stages do not need goes first, old heads with their names among it.
  const model = copyModel(extract(source, { outputs: stageValues(source, metadata) }))
  const { graph } = model
  graph.outputs = []
  graph.inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
  const m = new ModuleBuilder(new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 }), { seed }).module('heads')
  let pyramid: readonly Feature[] | undefined
  const levels = () => {
    pyramid ??= pyramidLevels(m, source, metadata.stages, { levels: count })
    return pyramid
  }
  const build = (spec: HeadSpec): Head => {
    const name = nameOf(spec)
    const module = m.module(name)
    switch (spec.task) {
      case 'classify':
        return buildClassifyHead(module, embeddingOf(source, metadata), name, spec)
      case 'multilabel':
        return buildMultilabelHead(module, embeddingOf(source, metadata), name, spec)
      case 'detect':
        return buildDetectHead(module, levels(), fineMaps(source, metadata.stages), name, spec)
      case 'segment':
        return buildSegmentHead(module, levels(), fineMaps(source, metadata.stages), metadata.stages.pixels ?? '', name, spec)
      case 'count':
        return buildCountHead(module, levels(), fineMaps(source, metadata.stages), name, spec)
    }
  }
  const heads = specs.map(build)
  // Of a new pyramid nothing tells where it looks; the embedding, which classes are told by, is the mean of all levels.
  const own = pyramid?.every(({ value }) => Object.values(metadata.stages).includes(value)) ?? true
  const usedLevels = specs.every(({ task }) => task !== 'classify' && task !== 'multilabel') ? count : Number.POSITIVE_INFINITY
  const looked = own ? attentionOfLevels(m, model, metadata.stages, usedLevels) : undefined
  const finished = eliminateAllBut(model, looked === undefined ? [] : [looked])
  const produced = new Set(finished.graph.nodes.flatMap(({ outputs }) => outputs))
  const stages = Object.fromEntries(Object.entries(metadata.stages).filter(([, value]) => produced.has(value)))
  const made = (pyramid ?? []).map(({ value, stride }) => [`p${Math.log2(stride)}`, value] as const)
  const { metrics: _, split: __, thresholds: ___, calibration: ____, rejection: _____, ...rest } = metadata
  const [first] = heads
  return writeMetadata(finished, {
    ...rest,
    task: heads.length === 1 ? first!.task : 'multi',
    labels: heads.length === 1 ? first!.labels : [],
    heads,
    stages: { ...stages, ...Object.fromEntries(made), ...(looked !== undefined && { attention: looked }) },
  })
}

/** Values that heads may look at; those of old heads are none. */
function stageValues({ graph }: Model, { stages }: ModelMetadata): string[] {
  const produced = new Set(graph.nodes.flatMap(({ outputs }) => outputs))
  const own = new Set(['logits', 'probabilities'])
  return [...new Set(Object.entries(stages).flatMap(([stage, value]) => (own.has(stage) || !produced.has(value) ? [] : [value])))]
}

function nameOf({ task, name = task }: HeadSpec): string {
  return name
}

function checkSpecs(specs: readonly HeadSpec[]): void {
  const names = specs.map(nameOf)
  const fail = (expected: string, found: string) => new FoveaError('MODEL_HEADS', { field: 'heads', expected, found })
  if (specs.length === 0) throw fail('at least one head', 'none')
  const wrong = names.find((name) => !/^[A-Za-z][\w-]*$/.test(name))
  if (wrong !== undefined) throw fail('names of letters, digits, - and _', wrong)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw fail('heads with names of their own', `"${twice}" twice`)
  for (const spec of specs) {
    const { task, labels } = spec
    if (task === 'classify') checkNewLabels(labels)
    else checkLabels(labels, Math.max(1, labels?.length ?? 0), { field: 'labels' })
    if (task === 'segment' && labels.length > mostClasses)
      throw fail(`at most ${mostClasses} classes of pixels, which are bytes`, `${labels.length}`)
    if (task === 'detect') checkDetect(spec, fail)
    if (task === 'count' || task === 'segment') checkWhole(spec, [['channels', 1]], fail)
    if (task === 'count') checkWhole(spec, [['depth', 0]], fail)
    if (task === 'multilabel' && !((spec.confidence ?? 0) >= 0 && (spec.confidence ?? 0) <= 1))
      throw fail('confidence from 0 to 1', `${spec.confidence}`)
  }
}

/** A byte a pixel, of which 255 stands for what is not known, and one is the background. */
const mostClasses = 254

function checkDetect(spec: DetectHeadSpec, fail: (expected: string, found: string) => FoveaError): void {
  for (const key of ['confidence', 'iou'] as const) {
    const value = spec[key] ?? 0
    if (!(value >= 0 && value <= 1)) throw fail(`${key} from 0 to 1`, `${value}`)
  }
  checkWhole(
    spec,
    [
      ['limit', 1],
      ['bins', 2],
      ['depth', 1],
      ['channels', 1],
    ],
    fail,
  )
}

function checkWhole<S extends HeadSpec>(
  spec: S,
  fields: readonly (readonly [field: keyof S & string, least: number])[],
  fail: (expected: string, found: string) => FoveaError,
): void {
  for (const [field, least] of fields) {
    const value = spec[field] ?? least
    if (!(Number.isSafeInteger(value) && (value as number) >= least))
      throw fail(`${field}, a whole number of at least ${least}`, String(value))
  }
}

/** @throws FoveaError MODEL_NOT_CLASSIFIER */
function embeddingOf(model: Model, { stages }: ModelMetadata): Feature {
  const value = stages.embedding ?? ''
  const dims = inferValues(model).dims(value)
  const channels = dims?.[1]
  if (dims?.length === 2 && typeof channels === 'number') return { value, channels, stride: 1 }
  throw new FoveaError('MODEL_NOT_CLASSIFIER', {
    field: 'embedding',
    expected: 'a stage "embedding" [N, C] to classify by',
    found: value || 'none',
  })
}
