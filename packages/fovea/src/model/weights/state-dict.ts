// Puts the weights of a timm or torchvision checkpoint into a network of ours, and says what became of every tensor.

import { copyModel } from '../../graph/copy.ts'
import type { Model } from '../../graph/model.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Parameter } from '../../nn/module.ts'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { type ListedTensor, type TensorSource, tensorsInMemory } from '../safetensors/source.ts'
import { isConvertible, toFloats } from './convert.ts'
import { findNaming } from './naming.ts'
import { adviceFor, isComplete, type Misfit, type StateDictReport, stateDictText } from './report.ts'
import { type Grid, type PositionGrids, positionGrids, resamplePositions } from './resample-positions.ts'

export interface StateDictOptions {
  /** Refuses a file that lacks tensors of the network or has them in another shape. @default true */
  readonly strict?: boolean
  /** `skip` leaves the last layer as it is where the file's is of another shape or absent: for another number of classes. @default 'load' */
  readonly head?: 'load' | 'skip'
  /** `resample` fits position embeddings of another picture size (bicubic, as timm does). @default 'keep': they are mis-shaped */
  readonly positions?: 'keep' | 'resample'
  /** Rows and columns of patches that the file's position embeddings were trained on. @default a square */
  readonly patches?: readonly [rows: number, columns: number]
  /**
   * `backbone` loads weights of a backbone alone (timm's resnet18) into the network's own, which lies under `backbone.`; neck and head
   * keep their values. @default 'whole'
   */
  readonly part?: 'whole' | 'backbone'
  /** For messages. */
  readonly file?: string
}

/** A network as `buildNetwork` gives it: what is loaded are its parameters. */
export interface LoadTarget {
  readonly model: Model
  readonly parameters: ReadonlyMap<string, Parameter>
}

export interface LoadedStateDict {
  /** The network's model with the new weights; the one given is left as it was. */
  readonly model: Model
  readonly report: StateDictReport
}

/** A refused state dict; `report` says what became of every tensor. */
export class StateDictError extends FoveaError {
  readonly report: StateDictReport

  constructor(report: StateDictReport, file: string | undefined) {
    const advice = adviceFor(report)
    super('WEIGHTS_MISMATCH', {
      file,
      found: `\n${clip(stateDictText(report).replace(/\nWhat to do: .*$/, ''), 4000)}\n`,
      ...(advice === undefined ? {} : { remedy: advice }),
    })
    this.name = 'StateDictError'
    this.report = report
  }
}

/**
 * Loads a state dict by its own names. Names are timm's, which are ours, or torchvision's; prefixes of wrappers (`module.`,
 * `model.`, `backbone.`, `_orig_mod.`) are removed. Float types are converted to the network's. What fits is decided from names and
 * shapes before any data are read; then tensors are read one at a time.
 *
 * ```ts
 * const network = buildNetwork('resnet18', { classes: 10 })
 * const { model, report } = await loadStateDict(network, await openSafetensors('resnet18.safetensors'), { head: 'skip' })
 * console.log(stateDictText(report))
 * ```
 *
 * @throws StateDictError (a FoveaError WEIGHTS_MISMATCH that carries the report) where `strict` and a tensor is missing or mis-shaped;
 *   WEIGHTS_MISMATCH where only the backbone is asked for and the network has none
 */
export async function loadStateDict(
  target: LoadTarget,
  tensors: ReadonlyMap<string, Tensor> | TensorSource,
  options: StateDictOptions = {},
): Promise<LoadedStateDict> {
  const source = isSource(tensors) ? tensors : tensorsInMemory(tensors)
  const { report, plan } = planStateDict(target, source.entries, options)
  if ((options.strict ?? true) && !isComplete(report)) throw new StateDictError(report, options.file)
  const model = copyModel(target.model)
  for (const { name, source: from, grids } of plan) {
    const old = model.graph.initializers.get(name)!
    const dtype = old.dtype === 'float64' ? 'float64' : 'float32'
    const read = await source.read(from)
    const tensor = grids === undefined ? toFloats(read, dtype, old.dims) : resampled(read, grids, dtype)
    model.graph.initializers.set(name, tensor)
  }
  return { model, report }
}

function isSource(tensors: ReadonlyMap<string, Tensor> | TensorSource): tensors is TensorSource {
  return 'read' in tensors
}

interface PlannedTensor {
  readonly name: string
  readonly source: string
  readonly grids?: PositionGrids
}

export interface StateDictPlan {
  readonly report: StateDictReport
  readonly plan: readonly PlannedTensor[]
}

/** Where networks that are more than a backbone keep theirs. */
const backbonePrefix = 'backbone.'

/** What will be read into what, from names and shapes alone. */
export function planStateDict(
  { model, parameters: all }: LoadTarget,
  entries: ReadonlyMap<string, ListedTensor>,
  options: StateDictOptions = {},
): StateDictPlan {
  const { head = 'load', positions = 'keep', part = 'whole', patches } = options
  const under = part === 'backbone' ? backbonePrefix : ''
  const parameters = new Map([...all].filter(([name]) => name.startsWith(under)))
  if (parameters.size === 0)
    throw new FoveaError('WEIGHTS_MISMATCH', {
      file: options.file,
      expected: `a network with a backbone under ${backbonePrefix}`,
      found: 'none',
      remedy: "Take a network of the family deepseek-vision, or leave part: 'backbone' away.",
    })
  const { convention, prefix, targets } = findNaming([...entries.keys()], parameters.keys(), under)
  const plan: PlannedTensor[] = []
  const misshaped: Misfit[] = []
  const converted: { name: string; from: string }[] = []
  const resized: { name: string; from: Grid; to: Grid }[] = []
  for (const [source, name] of targets) {
    const { dtype, dims } = model.graph.initializers.get(name)!
    const entry = entries.get(source)!
    const grid = positions === 'resample' ? parameters.get(name)!.grid : undefined
    const grids = grid === undefined ? undefined : positionGrids(entry.dims, dims, grid, patches)
    if (!isConvertible(entry.type) || (grids === undefined && !sameShape(entry.dims, dims))) {
      const found = `${entry.type ?? entry.dtype}[${entry.dims}]`
      misshaped.push({ name, source, expected: `${dtype}[${dims}]`, found, head: isHead(parameters, name) })
      continue
    }
    plan.push({ name, source, ...(grids === undefined ? {} : { grids }) })
    if (entry.type !== dtype) converted.push({ name, from: entry.type! })
    if (grids !== undefined) resized.push({ name, from: grids.from, to: grids.to })
  }
  const found = new Set(targets.values())
  const missing = [...parameters.keys()].filter((name) => !found.has(name))
  const others = [...entries.keys()].filter((name) => !targets.has(name))
  const ignored = others.filter((name) => name.endsWith('num_batches_tracked'))
  // Half a head would be worse than none.
  const unfit = [...missing, ...misshaped.map(({ name }) => name)]
  const keepsHead = head === 'skip' && unfit.some((name) => isHead(parameters, name))
  const kept = (name: string) => keepsHead && isHead(parameters, name)
  const read = plan.filter(({ name }) => !kept(name))
  return {
    plan: read,
    report: {
      convention,
      prefix,
      loaded: read.map(({ name }) => name),
      missing: missing.filter((name) => !kept(name)),
      unexpected: others.filter((name) => !name.endsWith('num_batches_tracked')),
      misshaped: misshaped.filter(({ name }) => !kept(name)),
      skipped: [...parameters.keys()].filter(kept),
      kept: [...all.keys()].filter((name) => !parameters.has(name)),
      converted: converted.filter(({ name }) => !kept(name)),
      resampled: resized,
      ignored,
      backboneFits: part === 'whole' && missing.length > 0 && holdsBackbone({ model, parameters: all }, entries, options),
    },
  }
}

/** True where the network has a backbone under a name of its own, and the file has all of it and nothing between it and the head. */
export function holdsBackbone(target: LoadTarget, entries: ReadonlyMap<string, ListedTensor>, options: StateDictOptions = {}): boolean {
  const { parameters } = target
  const names = [...parameters.keys()]
  if (!names.some((name) => name.startsWith(backbonePrefix))) return false
  const rest = names.filter((name) => !name.startsWith(backbonePrefix) && !isHead(parameters, name))
  if (findNaming([...entries.keys()], rest).targets.size > 0) return false
  return isComplete(planStateDict(target, entries, { ...options, part: 'backbone' }).report)
}

/** The layer that makes the scores has the stage `logits`. */
export function isHead(parameters: ReadonlyMap<string, Parameter>, name: string): boolean {
  return parameters.get(name)?.stage === 'logits'
}

/** Equal but for dimensions of one: a 1x1 convolution and a linear layer, [C, 1, 1] and [C]. */
function sameShape(a: readonly number[], b: readonly number[]): boolean {
  const long = (dims: readonly number[]) => `${dims.filter((dim) => dim !== 1)}`
  return `${a}` === `${b}` || long(a) === long(b)
}

function resampled(tensor: Tensor, grids: PositionGrids, dtype: 'float32' | 'float64'): Tensor {
  const result = resamplePositions(toFloats(tensor, 'float32', tensor.dims), grids)
  return toFloats(result, dtype, result.dims)
}
