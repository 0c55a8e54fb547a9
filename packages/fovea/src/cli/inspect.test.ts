import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { encodeModel } from '../graph/codec/encode.ts'
import type { Model } from '../graph/model.ts'
import { buildClassifier } from '../model/build-classifier.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { isFoveaError } from '../util/errors.ts'
import { inspectCommand } from './inspect.ts'

const model = buildClassifier('small-cnn', { labels: ['a', 'b'], imageSize: [16, 16], options: { widths: [2, 2] } })
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-inspect-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

/** What `fovea inspect` prints of the model with this key. */
async function inspect(key: string, text: string, ...flags: string[]): Promise<{ file: string; printed: string }> {
  const file = join(folder, 'model.onnx')
  const changed: Model = { ...model, metadata: new Map(model.metadata).set(key, text) }
  await writeFile(file, encodeModel(changed))
  const print = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  try {
    await inspectCommand().parseAsync([file, ...flags], { from: 'user' })
    return { file, printed: print.mock.calls.map(([line]) => String(line)).join('') }
  } finally {
    print.mockRestore()
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'the model',
    (error: unknown) => {
      if (isFoveaError(error)) return error.code
      throw error
    },
  )
}

const keys = [
  ...['task', 'labels', 'preprocessing', 'stages', 'framework', 'name', 'version', 'licence', 'architecture', 'recipe'],
  ...['metrics', 'split', 'thresholds'],
]
/** Any JSON, and such as is nearly what a key must be. */
const json = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      name: fc.jsonValue(),
      options: fc.jsonValue(),
      held: fc.jsonValue(),
      trained: fc.jsonValue(),
      goal: fc.jsonValue(),
      samples: fc.nat(),
    },
    { requiredKeys: [] },
  ),
  fc.record({ scale: fc.constantFrom('raw', 'unit', 'custom', 5), size: fc.jsonValue(), color: fc.constantFrom('rgb', 'gray') }),
  fc.dictionary(fc.constantFrom('accuracy', 'p3', 'logits', 'pixels', '__proto__'), fc.jsonValue()),
)

describe('a file whose metadata are not what they should be', () => {
  it('is inspected and loaded, or refused with a code, whatever JSON a key holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...keys), json, fc.constantFrom([], ['--json']), async (key, value, flags) => {
        const text = JSON.stringify(value)
        const inspected = await codeOf(inspect(`fovea.${key}`, text, ...flags))
        const loaded = await codeOf(
          DeepSeekVision.load(join(folder, 'model.onnx'), { worker: false, threads: 1, share: false }).then((opened) => opened.close()),
        )
        for (const code of [inspected, loaded]) expect(code).toMatch(/^(the model|MODEL_[A-Z_]+)$/)
        // What cannot be read is refused by both alike.
        if (inspected !== 'the model') expect(loaded).toBe(inspected)
      }),
      { numRuns: 150, seed: 7 },
    )
  })

  it('is refused by name and key', async () => {
    for (const [key, text] of [
      ['fovea.architecture', 'null'],
      ['fovea.split', '5'],
      ['fovea.metrics', '{"accuracy":"x"}'],
    ] as const)
      await expect(inspect(key, text)).rejects.toThrow(new RegExp(`file ".*model\\.onnx", field "${key}".*\\[MODEL_METADATA\\]`))
  })

  it('is shown without the stages that its graph does not have, which is told', async () => {
    const { printed } = await inspect('fovea.stages', '{"p3":"nope","logits":"logits"}')
    expect(printed).toMatch(/note +Its stages name values that the graph does not have; they are left out: p3 \(nope\)\./)
  })

  it('is shown where nothing is wrong', async () => {
    const { file, printed } = await inspect('fovea.metrics', '{"accuracy":0.5}')
    expect(printed).toContain(file)
    expect(printed).toMatch(/accuracy.*50.* on the pictures held out/)
  })
})
