// Names of metrics, as people write them, and the figures of a task that they mean.

import { FoveaError } from '../util/errors.ts'
import type { FigureInfo, TaskRecords } from './records/records.ts'

/** Case, spaces and signs do not count: `mAP@50`, `map50` and `mAP 50` are one. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** From each name that was asked for to the place of its figure. @throws FoveaError EVALUATE_METRIC, listing those of the task */
export function resolveMetrics(names: readonly string[], { task, figures }: Pick<TaskRecords, 'task' | 'figures'>): Map<string, number> {
  const known: readonly FigureInfo[] = figures
  return new Map(
    names.map((name) => {
      const wanted = plain(name)
      // A figure's own name goes before another's alias.
      const own = known.findIndex((figure) => plain(figure.name) === wanted)
      const index = own >= 0 ? own : known.findIndex(({ aliases = [] }) => aliases.some((alias) => plain(alias) === wanted))
      if (index < 0)
        throw new FoveaError('EVALUATE_METRIC', {
          field: 'metrics',
          expected: `of ${task}: ${known.map((one) => one.name).join(', ')}`,
          found: name,
        })
      return [name, index] as const
    }),
  )
}
