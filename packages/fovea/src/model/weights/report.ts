// What became of the tensors of a checkpoint, as data and as text.

import { clip } from '../../util/clip.ts'
import type { Grid } from './resample-positions.ts'

/** A tensor that does not fit; shapes with their type, `float32[10,512]`. */
export interface Misfit {
  /** The network's name. */
  readonly name: string
  /** The file's name. */
  readonly source: string
  readonly expected: string
  readonly found: string
  /** Belongs to the last layer, whose shape follows from the number of classes. */
  readonly head: boolean
}

export interface StateDictReport {
  readonly convention: 'timm' | 'torchvision'
  /** Removed from the file's names; '' where there was none. */
  readonly prefix: string
  /** The network's names of the tensors that were put in. */
  readonly loaded: readonly string[]
  /** The network's names of tensors that the file lacks. */
  readonly missing: readonly string[]
  /** The file's names of tensors that the network has no place for. */
  readonly unexpected: readonly string[]
  readonly misshaped: readonly Misfit[]
  /** The network's names of those of the last layer that kept their first values, as was asked. */
  readonly skipped: readonly string[]
  /** The network's names of those outside the backbone that kept their values, where only the backbone was asked for. */
  readonly kept: readonly string[]
  /** Put in under another element type. */
  readonly converted: readonly { readonly name: string; readonly from: string }[]
  /** Position embeddings that were resampled, as was asked; rows and columns of patches. */
  readonly resampled: readonly { readonly name: string; readonly from: Grid; readonly to: Grid }[]
  /** The file's names of tensors that no network needs: counters of batches. */
  readonly ignored: readonly string[]
  /** True where the file holds the whole backbone of a network that has more than that. */
  readonly backboneFits: boolean
}

/** True where every tensor of the network has its value: from the file, or kept as was asked. */
export function isComplete({ missing, misshaped }: StateDictReport): boolean {
  return missing.length === 0 && misshaped.length === 0
}

/** Names listed under each heading. */
const listed = 8

/** The report for a person: what was loaded, what was not, and what to do about it. */
export function stateDictText(report: StateDictReport): string {
  const { convention, prefix, loaded, missing, unexpected, misshaped, skipped, kept, converted, resampled } = report
  const lines = [
    `${count(loaded.length, 'tensor')} loaded, under ${convention}'s names${prefix === '' ? '' : ` behind the prefix "${prefix}"`}.`,
    ...section(`${count(missing.length, 'tensor')} missing: the network needs them and the file has none of these names`, missing),
    ...section(
      `${count(misshaped.length, 'tensor')} mis-shaped: the file has the name with another shape or type`,
      misshaped.map(({ name, expected, found }) => `${name}: the network has ${expected}, the file ${found}`),
    ),
    ...section(`${count(unexpected.length, 'tensor')} unexpected: the file has them and the network has no place for them`, unexpected),
    ...section(`${count(skipped.length, 'tensor')} of the head left as new`, skipped),
    ...(kept.length === 0 ? [] : [`${count(kept.length, 'tensor')} outside the backbone kept their own values: ${modulesOf(kept)}.`]),
    ...resampled.map(({ name, from, to }) => `${name} resampled from ${from.join('x')} to ${to.join('x')} patches.`),
  ]
  if (converted.length > 0)
    lines.push(`${count(converted.length, 'tensor')} converted from ${[...new Set(converted.map(({ from }) => from))].join(', ')}.`)
  const advice = adviceFor(report)
  return [...lines, ...(advice === undefined ? [] : [`What to do: ${advice}`])].join('\n')
}

/** The next step in one sentence; undefined where nothing is wrong. */
export function adviceFor(report: StateDictReport): string | undefined {
  const { loaded, missing, misshaped } = report
  if (isComplete(report)) return undefined
  if (report.backboneFits)
    return "The file holds weights of the network's backbone: pass part: 'backbone' to load those, and to leave neck and head as they are."
  if (loaded.length <= missing.length)
    return 'The file does not hold weights of this architecture under names of timm or torchvision: name the right architecture, or export the model to ONNX with the tool that made it and load that.'
  if (missing.length === 0 && misshaped.every(({ head }) => head))
    return "The file was trained on another number of classes: pass head: 'skip' to keep a new head and train it, or build the network with the file's number of classes."
  if (missing.length === 0 && misshaped.every(({ name }) => name.endsWith('pos_embed')))
    return "The file was trained on another picture size: pass positions: 'resample' (where a model is loaded: imageSize), and patches where they are no square, or build the network for the file's size."
  return 'The file holds another variant of the architecture: name the variant (its depth, widths or stem), or export the model to ONNX with the tool that made it and load that.'
}

/** The modules that the names lie in, with the number of each: `neck (54), fc (2)`. */
export function modulesOf(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name.split('.')[0]!, (counts.get(name.split('.')[0]!) ?? 0) + 1)
  return [...counts].map(([module, tensors]) => `${module} (${tensors})`).join(', ')
}

function section(title: string, entries: readonly string[]): string[] {
  if (entries.length === 0) return []
  const more = entries.length > listed ? [`    and ${entries.length - listed} more`] : []
  return [`${title}:`, ...entries.slice(0, listed).map((entry) => `    ${clip(entry, 200)}`), ...more]
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
