import { expect, test } from 'vitest'
import { numbersOf } from '../graph/tensor-values.ts'
import { addHeads } from '../model/heads/add-heads.ts'
import type { DetectHead } from '../model/heads/head.ts'
import { readMetadata } from '../model/metadata.ts'
import { openSource } from '../model/open-source.ts'
import { applyThresholds, checkThresholds } from './apply-thresholds.ts'
import type { Sweep } from './sweep.ts'

const { model: base } = await openSource('deepseek-vision-tiny')
const labels = ['a', 'b']
const sweep = {
  task: 'detect',
  goal: 'f1',
  samples: 9,
  overall: undefined,
  nms: { iou: 0.4, curve: [] },
  perClass: [
    { class: 'a', threshold: 0.7 },
    { class: 'b', threshold: Number.NaN },
  ],
} as unknown as Sweep

const numbers = (model: typeof base, name: string) =>
  [...numbersOf(model.graph.initializers.get(name)!)].map((value) => Number(value.toFixed(6)))

test('a detector decides by what was swept; a class that nothing is known of keeps its threshold', () => {
  const model = addHeads(base, [{ task: 'detect', labels, confidence: 0.2, iou: 0.6 }])
  const written = applyThresholds({ model, metadata: readMetadata(model) }, sweep)
  const { heads, thresholds } = readMetadata(written)
  const [{ thresholds: names }] = heads as [DetectHead]
  expect([numbers(written, names.confidence), numbers(written, names.iou)]).toEqual([[0.7, 0.2], [0.4]])
  expect(thresholds).toEqual({ goal: { f1: 'best' }, samples: 9, perClass: [0.7, null], nmsIoU: 0.4 })
  expect([numbers(model, names.confidence), numbers(model, names.iou)]).toEqual([[0.2, 0.2], [0.6]])
})

test('of several heads the one that was measured; one that does not decide in the graph is refused before the work', () => {
  const model = addHeads(base, [
    { task: 'classify', labels: ['good', 'bad'] },
    { task: 'detect', labels },
  ])
  const metadata = readMetadata(model)
  const written = applyThresholds({ model, metadata }, sweep, 'detect')
  const { thresholds: names } = readMetadata(written).heads!.find(({ name }) => name === 'detect') as DetectHead
  expect([numbers(written, names.confidence), numbers(written, names.iou)]).toEqual([[0.7, 0.25], [0.4]])
  expect(readMetadata(written).thresholds).toBeUndefined()
  for (const head of [undefined, 'classify'])
    expect(() => checkThresholds(metadata, head)).toThrow(expect.objectContaining({ code: 'EVALUATE_SWEEP' }))
  expect(() => checkThresholds(metadata, 'detect')).not.toThrow()
})
