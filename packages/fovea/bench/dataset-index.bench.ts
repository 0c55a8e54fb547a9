// A large COCO set: indexing it, opening the index, reading pictures by number. Justifies the index (docs/decisions/0008).

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchmarkCase, BenchmarkOptions } from './measure.ts'

export const name = 'an index of a data set: 3 boxes an image, annotations in any order (FOVEA_BENCH_IMAGES, default 50,000)'

/** Each step in a process of its own, so that its memory is its own. */
export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const images = Number(process.env.FOVEA_BENCH_IMAGES ?? (quick ? 5000 : 50_000))
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-index-'))
  try {
    const step = (what: string): Record<string, number> => {
      const program = join(import.meta.dirname, 'dataset-index-step.ts')
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, what, folder, String(images)], {
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(stderr)
      return JSON.parse(stdout) as Record<string, number>
    }
    const made = step('make')
    const lower = (title: string, unit: string, fovea: number, details: Record<string, number> = {}): BenchmarkCase => ({
      name: `${title}, ${images} images`,
      unit,
      better: 'lower',
      fovea,
      details,
    })
    const indexed = step('index')
    yield lower('index', 's', indexed.seconds!, {
      jsonMegabytes: made.megabytes!,
      cpuSeconds: indexed.cpuSeconds!,
      indexMegabytes: indexed.megabytes!,
    })
    yield lower('index, peak memory', 'MiB', indexed.peak!)
    const opened = step('open')
    yield lower('open', 'ms', opened.milliseconds!)
    yield lower('open, heap and other memory', 'MiB', opened.heap!, { outsideOfHeap: opened.outside!, peak: opened.peak! })
    yield lower('a picture by its number, in any order', 'µs', opened.random!)
    yield lower('a picture in order', 'µs', opened.inOrder!)
    yield lower('numbers of the pictures of a class and split', 'ms', opened.indices!)
    const whole = step('whole')
    yield lower('without an index: all in memory', 's', whole.seconds!, { heap: whole.heap!, peak: whole.peak! })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
