// Training ResNet-18 from scratch: the step on the blocked layout, the standard step, PyTorch in its better memory layout.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type BenchmarkCase, type BenchmarkOptions, quantile } from './measure.ts'
import { findPeer, type Peer, runPeer } from './peer.ts'
import type { OperatorTimes } from './training-step-case.ts'

export const name = 'training step of ResNet-18 (3x3 stem, SGD with momentum), one process a run, runs in turn'

const threads = 2
const execute = promisify(execFile)

interface Run {
  readonly layout: string
  readonly milliseconds: readonly number[]
  /** MiB. */
  readonly peak: number
  readonly operators?: OperatorTimes
}

async function ours(batch: number, size: number, layout: string, steps: number, profile = false): Promise<Run> {
  const script = join(import.meta.dirname, 'training-step-case.ts')
  const args = [script, batch, size, layout, steps, threads, 'resnet18', ...(profile ? ['profile'] : [])].map(String)
  const { stdout } = await execute(process.execPath, args, { maxBuffer: 2 ** 24 })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Run
}

async function theirs(peer: Peer, batch: number, size: number, layout: string, steps: number): Promise<Run> {
  const [result] = await runPeer(peer, 'training_step.py', [batch, size, layout, steps], { threads })
  return { layout, milliseconds: result!.milliseconds as number[], peak: result!.peak_mib as number }
}

/** The lower quartile of all steps: other programs of the machine only ever make one slower. */
function typical(runs: readonly Run[]): number {
  return quantile(
    runs.flatMap(({ milliseconds }) => milliseconds),
    0.25,
  )
}

function best(groups: readonly (readonly Run[])[]): readonly Run[] {
  return groups.reduce((fastest, runs) => (typical(runs) < typical(fastest) ? runs : fastest))
}

function peakOf(runs: readonly Run[]): number {
  return Math.max(...runs.map(({ peak }) => peak))
}

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const [rounds, steps] = quick ? [1, 2] : [3, 8]
  const found = await findPeer()
  const peer = 'skipped' in found ? undefined : found
  for (const [batch, size] of [
    [32, 32],
    [16, 64],
  ] as const) {
    const runs = { blocked: [] as Run[], standard: [] as Run[], nchw: [] as Run[], nhwc: [] as Run[] }
    for (let round = 0; round < rounds; round++) {
      runs.blocked.push(await ours(batch, size, 'auto', steps))
      if (peer !== undefined)
        for (const layout of ['nchw', 'nhwc'] as const) runs[layout].push(await theirs(peer, batch, size, layout, steps))
      runs.standard.push(await ours(batch, size, 'standard', steps))
    }
    const other = peer === undefined ? undefined : best([runs.nchw, runs.nhwc])
    const against = (figure: (runs: readonly Run[]) => number) =>
      other === undefined || peer === undefined
        ? { noPeer: 'skipped' in found ? found.skipped : '' }
        : { peer: { name: `${peer.name} ${other[0]!.layout}`, value: figure(other) } }
    const title = `${size}x${size}, batch ${batch}`
    const perSecond = (list: readonly Run[]) => (1000 * batch) / typical(list)
    for (const ownRuns of [runs.blocked, runs.standard])
      yield {
        name: `${title}, ${ownRuns[0]!.layout}`,
        unit: 'images/s',
        better: 'higher',
        fovea: perSecond(ownRuns),
        ...against(perSecond),
        details: { rounds, steps, threads },
      }
    yield { name: `${title}, peak memory`, unit: 'MiB', better: 'lower', fovea: peakOf(runs.blocked), ...against(peakOf) }
    const { operators = {} } = await ours(batch, size, 'auto', quick ? 2 : 6, true)
    for (const [operator, milliseconds] of Object.entries(operators))
      if (milliseconds >= 1) yield { name: `${title}, of a step: ${operator}`, unit: 'ms', better: 'lower', fovea: milliseconds }
  }
}
