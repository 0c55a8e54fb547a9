// Runs the benchmarks of this folder, each in a process of its own: `npm run bench -- [name …] [--quick] [--list]`.

import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { type Benchmark, type BenchmarkCase, ratio } from './measure.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    here: { type: 'boolean', default: false },
  },
})

const all = globSync('*.bench.ts', { cwd: import.meta.dirname })
  .sort()
  .map((file) => file.replace('.bench.ts', ''))

async function load(id: string): Promise<Benchmark> {
  return (await import(`./${id}.bench.ts`)) as Benchmark
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

function cells({ name, unit, fovea, peer, better, noPeer }: BenchmarkCase): string[] {
  const factor = ratio({ better, fovea, peer })
  return [
    name,
    unit,
    figure(fovea),
    peer ? `${figure(peer.value)} (${peer.name})` : noPeer ? '-' : '',
    factor === undefined ? '' : `${factor.toFixed(2)}x`,
  ]
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  for (const row of rows)
    console.log(`  ${row.map((cell, i) => (i >= 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  ')}`.trimEnd())
}

async function runHere(id: string): Promise<void> {
  const benchmark = await load(id)
  console.log(`\n${id}: ${benchmark.name}`)
  const cases: BenchmarkCase[] = []
  for await (const one of benchmark.run({ quick: values.quick })) {
    cases.push(one)
    console.log(JSON.stringify({ benchmark: id, ...one, ratio: ratio(one) }))
  }
  printTable([['case', 'unit', 'fovea', 'peer', 'ratio'], ...cases.map(cells)])
  for (const reason of new Set(cases.flatMap(({ noPeer }) => noPeer ?? []))) console.log(`  no peer: ${reason}`)
}

const chosen = positionals.length > 0 ? positionals : all
const unknown = chosen.filter((id) => !all.includes(id))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${all.join(', ')}`)
  process.exitCode = 1
} else if (values.list) {
  for (const id of chosen) console.log(`${id}: ${(await load(id)).name}`)
} else if (values.here) {
  for (const id of chosen) await runHere(id)
} else {
  console.log(
    `Node ${process.versions.node}, ${cpus()[0]?.model ?? process.arch}, ${availableParallelism()} cores${values.quick ? ', quick: figures not for quoting' : ''}`,
  )
  for (const id of chosen) {
    const { status } = spawnSync(process.execPath, [import.meta.filename, id, '--here', ...(values.quick ? ['--quick'] : [])], {
      stdio: 'inherit',
    })
    if (status !== 0) process.exitCode = 1
  }
}
