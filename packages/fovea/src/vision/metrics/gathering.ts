// What metrics share: lists of plain numbers or texts that grow or add up, and merge with those of other shards.

import { FoveaError } from '../../util/errors.ts'
import { type Metric, type MetricState, objectOf } from './metric.ts'

type Item = number | string

/** How a list meets that of another shard: item by item added, or put behind it. Lists that are columns of one table are equally long. */
export type MergeRule = 'add' | `column of ${string}`

/** A metric whose whole state is a few lists. */
export abstract class GatheringMetric<Batch, Result, Lists extends Record<string, Item[]>> implements Metric<Batch, Result> {
  /** What has been gathered. */
  protected readonly lists: Lists
  readonly #of: string
  readonly #empty: () => Lists
  readonly #rules: Readonly<Record<keyof Lists, MergeRule>>

  /** @param of The kind of metric and every option that decides what its numbers mean: only equal ones merge. */
  constructor(of: string, empty: () => Lists, rules: Readonly<Record<keyof Lists, MergeRule>>) {
    this.#of = of
    this.#empty = empty
    this.#rules = rules
    this.lists = empty()
  }

  abstract update(batch: Batch): void
  abstract compute(): Result

  get state(): MetricState {
    return { of: this.#of, lists: Object.fromEntries(Object.entries(this.lists).map(([name, list]) => [name, list.slice()])) }
  }

  reset(): void {
    Object.assign(this.lists, this.#empty())
  }

  merge(other: Metric<Batch, Result>): void {
    this.mergeState(objectOf(other, 'metric').state)
  }

  mergeState(state: MetricState): void {
    const { of, lists } = objectOf(state, 'state')
    objectOf(lists, 'state.lists')
    if (of !== this.#of) throw new FoveaError('METRIC_INVALID', { field: 'state', expected: this.#of, found: String(of) })
    const names = Object.keys(this.lists)
    // All are checked before any is taken, so that a refused state leaves the metric as it was.
    const lengths = new Map<string, number>()
    for (const name of names) {
      const list = this.#checked(name, lists[name])
      const rule = this.#rules[name]!
      const length = lengths.get(rule) ?? list.length
      if (rule !== 'add' && list.length !== length)
        throw new FoveaError('METRIC_INVALID', { field: `state.lists.${name}`, expected: `${length} items`, found: String(list.length) })
      lengths.set(rule, length)
    }
    for (const name of names) {
      const own: Item[] = this.lists[name]!
      const added = lists[name]!
      if (this.#rules[name] !== 'add') for (const item of added) own.push(item)
      else for (let i = 0; i < own.length; i++) own[i] = (own[i] as number) + (added[i] as number)
    }
  }

  #checked(name: string, list: readonly Item[] | undefined): readonly Item[] {
    const field = `state.lists.${name}`
    if (!Array.isArray(list)) throw new FoveaError('METRIC_INVALID', { field, expected: 'a list', found: String(list) })
    const adds = this.#rules[name] === 'add'
    if (adds && list.length !== this.lists[name]!.length)
      throw new FoveaError('METRIC_INVALID', { field, expected: `${this.lists[name]!.length} numbers`, found: String(list.length) })
    const wrong = list.findIndex((item) => typeof item !== 'number' && (adds || typeof item !== 'string'))
    if (wrong >= 0)
      throw new FoveaError('METRIC_INVALID', { field: `${field}[${wrong}]`, expected: 'a number or text', found: String(list[wrong]) })
    return list
  }
}

/** The most sums of a metric: a confusion of some 11,000 classes, 1 GiB. */
const maxSums = 2 ** 27

/** A metric whose state is a fixed number of sums. */
export abstract class SummedMetric<Batch, Result> extends GatheringMetric<Batch, Result, { sums: number[] }> {
  constructor(of: string, count: number) {
    // Told before so many are asked for: the process would end.
    if (!(count <= maxSums))
      throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: `at most ${maxSums} sums`, found: `${count} (${of})` })
    super(of, () => ({ sums: new Array<number>(count).fill(0) }), { sums: 'add' })
  }

  protected get sums(): number[] {
    return this.lists.sums
  }

  /** Adds to one of the sums. */
  protected add(index: number, value: number): void {
    this.lists.sums[index] = this.lists.sums[index]! + value
  }
}
