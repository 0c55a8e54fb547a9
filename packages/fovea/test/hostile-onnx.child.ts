// Decodes, verifies, prints and encodes hostile files, and prints what happened as JSON. Run by hostile-onnx.test.ts.

import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeModel } from '../src/graph/codec/decode.ts'
import { encodeModel } from '../src/graph/codec/encode.ts'
import { printModel } from '../src/graph/printer.ts'
import { readModel } from '../src/graph/reader.ts'
import { findProblems } from '../src/graph/verifier.ts'
import { externalDataReader } from '../src/runtime/external-data.ts'
import { isFoveaError } from '../src/util/errors.ts'
import { Random } from '../src/util/random.ts'
import { bombs, mutate } from './hostile-onnx.ts'
import { sharedData } from './shared-data-path.ts'

const readExternal = externalDataReader(join(tmpdir(), 'model.onnx'))
const outcomes: Record<string, number> = {}
const failures: string[] = []
let count = 0
let slowest = { name: '', milliseconds: 0 }

/** Errors that reading a file may give; encoding what was read must work. */
const readCodes = new Set(['ONNX_MALFORMED', 'ONNX_UNSUPPORTED', 'ONNX_TOO_LARGE', 'ONNX_EXTERNAL_DATA', 'TENSOR_INVALID'])

function attempt(bytes: Uint8Array): string {
  try {
    const model = decodeModel(bytes, { readExternal })
    const problems = findProblems(model)
    printModel(model)
    decodeModel(encodeModel(model))
    return problems[0]?.code ?? 'sound'
  } catch (error) {
    if (isFoveaError(error) && readCodes.has(error.code)) return error.code
    throw error
  }
}

function run(name: string, bytes: Uint8Array): void {
  const start = performance.now()
  try {
    const outcome = attempt(bytes)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  } catch (error) {
    failures.push(`${name}: ${error instanceof Error ? error.stack : error}`)
  }
  const milliseconds = performance.now() - start
  if (milliseconds > slowest.milliseconds) slowest = { name, milliseconds }
  count++
}

/** Small models with everything in them, and real ones where they are at hand. */
function corpus(): Uint8Array[] {
  const text = readFileSync(join(import.meta.dirname, 'hostile-onnx.txt'), 'utf8')
  const own = encodeModel(readModel(text))
  const folder = sharedData('onnx-node-tests')
  if (folder === undefined) return [own]
  const names = readdirSync(folder).filter((name) => name.startsWith('test_'))
  const real = names.filter((_, i) => i % 40 === 0).map((name) => new Uint8Array(readFileSync(join(folder, name, 'model.onnx'))))
  return [own, own, ...real]
}

const [wanted = 1000, seed = 1] = process.argv.slice(2).map(Number)
for (const [name, make] of Object.entries(bombs)) run(name, make())
const random = new Random('hostile', seed)
const files = corpus()
while (count < wanted) run(`mutation ${count} of seed ${seed}`, mutate(random.pick(files), files, random))
const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(JSON.stringify({ count, outcomes, failures: failures.slice(0, 5), slowest, peakMegabytes }))
