// Splits a data set: classes in the same mixture everywhere, groups never parted.

import { FoveaError } from '../../util/errors.ts'
import { Random } from '../../util/random.ts'
import type { LabelledPicture, LabelledSet } from '../../vision/labelled-set.ts'
import { compareText } from '../dataset.ts'

export interface SplitOptions {
  /** The part of each split by name, such as `{train: 0.8, val: 0.2}`; what is left of 1 is in none. */
  readonly parts: Readonly<Record<string, number>>
  /** Pictures of equal value stay together. Default their `group`, and each alone that has none. */
  readonly groupBy?: (picture: LabelledPicture) => string | undefined
  /** Pictures of equal value stay together too, whatever their group, and with them all of their groups: `equalPictures` gives those of equal bytes. */
  readonly equalBy?: (picture: LabelledPicture) => string | undefined
  readonly seed?: number
}

/**
 * The same data set with each picture in a split. Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011) over whole groups: the
 * rarest class is dealt out first, each group to the split that lacks most of it. A part that would be left empty, since its share is less than a
 * group, gets the smallest group that another part can spare. The order of the pictures does not matter.
 * @throws DATASET_SPLIT where parts are not above 0 or add up to more than 1, or there are fewer groups than parts
 */
export function splitDataset({ classes, pictures }: LabelledSet, { parts, groupBy, equalBy, seed = 0 }: SplitOptions): LabelledSet {
  const shares = Object.entries(parts)
  const total = shares.reduce((sum, [, share]) => sum + share, 0)
  if (shares.length === 0 || !shares.every(([, share]) => share > 0) || total > 1 + 1e-9)
    throw new FoveaError('DATASET_SPLIT', { expected: 'parts above 0 that add up to at most 1', found: JSON.stringify(parts) })
  const groups = groupsOf(pictures, groupBy ?? (({ group }) => group), equalBy ?? (() => undefined), classes.length, seed)
  if (groups.length < shares.length)
    throw new FoveaError('DATASET_SPLIT', {
      expected: `at least ${shares.length} groups, one for each part; a picture that belongs to no group is one`,
      found: `${groups.length}, of ${pictures.length} pictures`,
    })

  // The last bin takes what no part asks for.
  const bins = [...shares, ...(total < 1 - 1e-9 ? [['', 1 - total] as const] : [])].map(([name, share]) => ({ name, share }))
  const wants = bins.map(({ share }) => ({ pictures: share * pictures.length, classes: new Float64Array(classes.length) }))
  const left = new Float64Array(classes.length)
  for (const group of groups) for (const [label, count] of group.counts) left[label]! += count
  bins.forEach(({ share }, i) => {
    wants[i]!.classes = left.map((count) => count * share)
  })
  const dealt: Group[][] = bins.map(() => [])
  const waiting = new Set(groups)
  while (waiting.size > 0) {
    const label = rarest(left)
    const having = label < 0 ? [...waiting] : [...waiting].filter((group) => group.counts.has(label))
    // Large groups first, while there is room for them.
    for (const group of having.sort((a, b) => b.pictures.length - a.pictures.length || a.order - b.order)) {
      const lack = (i: number) => (label < 0 ? 0 : wants[i]!.classes[label]!)
      const best = bins.map((_, i) => i).sort((a, b) => lack(b) - lack(a) || wants[b]!.pictures - wants[a]!.pictures || a - b)[0]!
      wants[best]!.pictures -= group.pictures.length
      for (const [one, count] of group.counts) {
        wants[best]!.classes[one]! -= count
        left[one]! -= count
      }
      waiting.delete(group)
      dealt[best]!.push(group)
    }
  }
  fillEmpty(dealt, bins, pictures.length)
  const splits = new Map(
    dealt.flatMap((list, i) => list.flatMap((group) => group.pictures.map((picture) => [picture, bins[i]!.name] as const))),
  )
  return {
    classes,
    pictures: pictures.map((picture) => {
      const { split: _, ...rest } = picture
      const split = splits.get(picture)!
      return split === '' ? rest : { ...rest, split }
    }),
  }
}

/** Gives each part that is empty the smallest group of the bin that has most beyond its share. */
function fillEmpty(dealt: Group[][], bins: readonly { readonly name: string; readonly share: number }[], total: number): void {
  const size = (list: readonly Group[]) => list.reduce((sum, { pictures }) => sum + pictures.length, 0)
  const smaller = (a: Group, b: Group) => a.pictures.length - b.pictures.length || a.order - b.order
  dealt.forEach((list, i) => {
    if (list.length > 0 || bins[i]!.name === '') return
    // What no part asks for may be empty.
    const donors = dealt.map((_, j) => j).filter((j) => dealt[j]!.length > (bins[j]!.name === '' ? 0 : 1))
    const beyond = (j: number) => size(dealt[j]!) - bins[j]!.share * total
    const donor = dealt[donors.sort((a, b) => beyond(b) - beyond(a) || a - b)[0]!]!
    const [group] = [...donor].sort(smaller) as [Group]
    donor.splice(donor.indexOf(group), 1)
    list.push(group)
  })
}

interface Group {
  readonly pictures: LabelledPicture[]
  readonly counts: Map<number, number>
  readonly order: number
}

function groupsOf(
  pictures: readonly LabelledPicture[],
  groupBy: (picture: LabelledPicture) => string | undefined,
  equalBy: (picture: LabelledPicture) => string | undefined,
  classes: number,
  seed: number,
): Group[] {
  const keys = pictures.map((picture) => {
    const group = groupBy(picture)
    return group === undefined ? `\0${picture.split ?? ''}\0${picture.name}` : `g${group}`
  })
  const join = joinGroups(keys, pictures.map(equalBy))
  const byKey = Map.groupBy(pictures, (_, i) => join(keys[i]!))
  return [...byKey]
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, members]) => {
      const counts = new Map<number, number>()
      for (const { labels, annotations } of members)
        for (const label of [...labels, ...annotations.map((one) => one.label)])
          if (label >= 0 && label < classes) counts.set(label, (counts.get(label) ?? 0) + 1)
      return { pictures: members, counts, order: new Random(seed, 'split', key).uint32() }
    })
}

/** Groups that share an equal picture are one: gives the first of their names for each of them. */
function joinGroups(keys: readonly string[], equal: readonly (string | undefined)[]): (key: string) => string {
  const parents = new Map<string, string>()
  const root = (key: string): string => {
    let top = key
    while (parents.has(top)) top = parents.get(top)!
    // Shorter ways for the next time.
    for (let at = key; at !== top; ) {
      const next = parents.get(at)!
      parents.set(at, top)
      at = next
    }
    return top
  }
  const firsts = new Map<string, string>()
  equal.forEach((value, i) => {
    if (value === undefined) return
    const first = firsts.get(value)
    if (first === undefined) firsts.set(value, keys[i]!)
    else {
      const [a, b] = [root(first), root(keys[i]!)]
      if (a !== b) parents.set(compareText(a, b) < 0 ? b : a, compareText(a, b) < 0 ? a : b)
    }
  })
  return root
}

/** The class that fewest things that wait have; -1 where none is left. */
function rarest(left: Float64Array): number {
  let best = -1
  left.forEach((count, label) => {
    if (count > 0 && (best < 0 || count < left[best]!)) best = label
  })
  return best
}
