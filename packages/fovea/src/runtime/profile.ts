// Where a model's time goes, operator by operator, as ONNX Runtime itself measures it.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Model } from '../graph/model.ts'
import { textTable } from '../util/text-table.ts'
import { openLocalSession } from './local-session.ts'
import type { Feeds, SessionOptions } from './session.ts'

export interface ProfileRow {
  /** Operator as executed: ONNX Runtime fuses, so names differ from the model's. */
  readonly operator: string
  /** Nodes of that operator. */
  readonly nodes: number
  /** Milliseconds in one run, all its nodes together. */
  readonly milliseconds: number
  /** Of the time of all operators, 0 to 1. */
  readonly share: number
}

export interface Profile {
  readonly rows: readonly ProfileRow[]
  /** Milliseconds of one run in all operators. */
  readonly total: number
  readonly runs: number
}

interface ProfileEvent {
  readonly cat: string
  readonly name: string
  /** Microseconds. */
  readonly dur: number
  readonly args?: { readonly op_name?: string }
}

/**
 * Runs the model and sums the time of each operator. The first runs are a warm-up and are not counted.
 *
 * @param options as of `openSession`; the session is always on this thread
 */
export async function profileModel(
  model: Model | Uint8Array | string,
  feeds: Feeds,
  options: SessionOptions & { readonly runs?: number; readonly warmUp?: number } = {},
): Promise<Profile> {
  const { runs = 10, warmUp = 2, ...session } = options
  const folder = await mkdtemp(join(tmpdir(), 'fovea-profile-'))
  try {
    const opened = await openLocalSession(model, { ...session, profilePrefix: join(folder, 'run') })
    try {
      for (let i = 0; i < runs + warmUp; i++) await opened.run(feeds)
    } finally {
      await opened.close()
    }
    const [file] = await readdir(folder)
    return summarizeEvents(JSON.parse(await readFile(join(folder, file!), 'utf8')) as ProfileEvent[], runs, warmUp)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function summarizeEvents(events: readonly ProfileEvent[], runs: number, warmUp: number): Profile {
  const kernels = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
  // Every run has the same kernels in the same order.
  const counted = kernels.slice((kernels.length / (runs + warmUp)) * warmUp)
  const sums = new Map<string, { microseconds: number; nodes: Set<string> }>()
  for (const { name, dur, args } of counted) {
    const operator = args?.op_name ?? 'unknown'
    const sum = sums.get(operator) ?? { microseconds: 0, nodes: new Set() }
    sum.microseconds += dur
    sum.nodes.add(name)
    sums.set(operator, sum)
  }
  const total = [...sums.values()].reduce((all, { microseconds }) => all + microseconds, 0)
  const rows = [...sums]
    .map(([operator, { microseconds, nodes }]) => ({
      operator,
      nodes: nodes.size,
      milliseconds: microseconds / 1000 / runs,
      share: total === 0 ? 0 : microseconds / total,
    }))
    .sort((a, b) => b.milliseconds - a.milliseconds)
  return { rows, total: total / 1000 / runs, runs }
}

/** The profile as a table, the slowest first. */
export function profileText({ rows, total, runs }: Profile, limit = 20): string {
  const shown = rows
    .slice(0, limit)
    .map((row) => [row.operator, `${row.nodes}`, row.milliseconds.toFixed(2), `${(100 * row.share).toFixed(1)} %`])
  return `${textTable([['operator', 'nodes', 'ms', 'share'], ...shown])}\n${total.toFixed(2)} ms in all operators, mean of ${runs} runs\n`
}
