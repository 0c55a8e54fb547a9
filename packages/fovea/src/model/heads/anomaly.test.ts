import { describe, expect, test } from 'vitest'
import { Tensor } from '../../graph/tensor.ts'
import { openSession } from '../../runtime/session.ts'
import { Random } from '../../util/random.ts'
import { placementOf } from '../../vision/placement.ts'
import { createPreprocessing } from '../../vision/preprocessing.ts'
import { buildFeatures } from '../build-features.ts'
import { readMetadata, writeMetadata } from '../metadata.ts'
import { type AnomalyHeadSpec, addAnomalyHead, patchModel, readAnomaly } from './anomaly.ts'
import { areHeads } from './head.ts'

const backbone = () => {
  const model = buildFeatures('small-cnn', { imageSize: [32, 48] })
  return writeMetadata(model, { ...readMetadata(model), preprocessing: { ...readMetadata(model).preprocessing, size: [32, 48] } })
}
const stage = 'conv2'
const random = new Random(5, 'anomaly head')

/** A head with a made-up memory. */
function specOf(changes: Partial<AnomalyHeadSpec> = {}): AnomalyHeadSpec {
  const channels = patchModel(backbone(), [{ layer: stage }]).maps[0]!.channels
  const normal = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  return {
    layers: [{ layer: stage }],
    projection: { weight: normal(5 * channels), bias: normal(5), position: 0 },
    bank: { data: normal(7 * 5), dims: [7, 5] },
    scoring: { neighbours: 2, smoothing: 0, share: 0.25 },
    limits: { falseAlarmRate: 0.01, by: 'quantile', samples: 9, score: { quantile: 1, extreme: 2 }, cell: { quantile: 3, extreme: 4 } },
    ...changes,
  }
}

describe('the head of a detector of anomalies', () => {
  test('computes what plain loops compute of the features, in batches, with thresholds that a run may replace', async () => {
    const spec = specOf()
    const { model: features, features: value, grid } = patchModel(backbone(), spec.layers)
    const model = addAnomalyHead(backbone(), spec)
    const [head] = readMetadata(model).heads!
    if (head?.task !== 'anomaly') throw new Error('another head')
    const images = new Tensor(
      'uint8',
      [2, 32, 48, 3],
      Uint8Array.from({ length: 2 * 32 * 48 * 3 }, () => random.integer(0, 256)),
    )
    const [bare, whole] = [await openSession(features, { worker: false }), await openSession(model, { worker: false })]
    const [maps, found] = [await bare.run({ images }), await whole.run({ images })]
    await bare.close()
    await whole.close()
    const { data, dims } = maps[value]!
    const [cells, channels] = [grid.height * grid.width, dims[1]!]
    const expected = Array.from({ length: 2 * cells }, (_, i) => {
      const [n, cell] = [Math.floor(i / cells), i % cells]
      const row = Array.from({ length: 5 }, (__, r) => {
        let sum = spec.projection.bias[r]!
        for (let c = 0; c < channels; c++)
          sum += spec.projection.weight[r * channels + c]! * Number(data[(n * channels + c) * cells + cell])
        return sum
      })
      const distances = Array.from({ length: 7 }, (__, m) => Math.hypot(...row.map((value, k) => value - spec.bank.data[m * 5 + k]!)))
      const [first, second] = distances.sort((a, b) => a - b)
      return (first! + second!) / 2
    })
    const map = found[head.outputs.map]!
    expect(map.dims).toEqual([2, grid.height, grid.width])
    expected.forEach((value, i) => {
      expect(Math.abs(Number(map.data[i]) / value - 1)).toBeLessThan(1e-3)
    })
    const highest = Math.round(0.25 * cells)
    for (let n = 0; n < 2; n++) {
      const sorted = expected.slice(n * cells, (n + 1) * cells).sort((a, b) => b - a)
      const score = sorted.slice(0, highest).reduce((a, b) => a + b) / highest
      expect(Number(found[head.outputs.scores]!.data[n]) / score).toBeCloseTo(1, 3)
      expect(Number(found[head.outputs.alarms]!.data[n])).toBe(score > 1 ? 1 : 0)
    }
    expect([...(found[head.outputs.odd]!.data as Uint8Array)]).toEqual(expected.map((value) => (value > 3 ? 1 : 0)))
  })

  test('is fixed to the size of its pictures, and holds only what it needs of the backbone', () => {
    const model = addAnomalyHead(backbone(), specOf({ name: 'odd', good: 'fine' }))
    const metadata = readMetadata(model)
    expect([metadata.task, metadata.labels]).toEqual(['anomaly', ['fine', 'anomaly']])
    expect(metadata.heads![0]).toMatchObject({ name: 'odd', thresholds: { score: 'odd_threshold', cell: 'odd_cellThreshold' } })
    const [images] = model.graph.inputs
    expect(images!.type).toMatchObject({ dims: ['N', 32, 48, 3] })
    expect(model.graph.nodes.length).toBeLessThan(backbone().graph.nodes.length + 40)
    expect(Object.keys(metadata.stages)).toContain(stage)
    expect(metadata.stages).not.toHaveProperty('embedding')
  })

  test('what a file says of it is checked', () => {
    const heads = readMetadata(addAnomalyHead(backbone(), specOf())).heads!
    expect(areHeads(heads)).toBe(true)
    const [head] = heads
    for (const broken of [{ limits: {} }, { thresholds: { score: 'x' } }, { outputs: { scores: 'x', map: 'y' } }])
      expect(areHeads([{ ...head, ...broken }])).toBe(false)
  })

  test('a layer that is no map is refused', () => {
    expect(() => patchModel(backbone(), [{ layer: 'embedding' }])).toThrowError(/MODEL_LAYER|map \[N, C, H, W\]/)
    expect(() => patchModel(backbone(), [{ layer: 'nothing' }])).toThrowError(/nothing/)
  })
})

test('an answer is about the picture, not about the square that it was laid in', () => {
  // Twice as wide as high, in the middle of a square: the first and last quarter of the rows are border.
  const placement = placementOf(128, 64, createPreprocessing({ size: [64, 64], resize: 'letterbox' }))
  const map = Float32Array.from({ length: 64 }, (_, i) => (i < 16 || i >= 48 ? 100 : i === 20 ? 7 : 1))
  const answer = readAnomaly(
    { scores: Float32Array.of(0, 5), map: Float32Array.of(...new Float32Array(64), ...map), dims: [2, 8, 8] },
    1,
    placement,
    {
      threshold: 4,
      pixelThreshold: 3,
    },
  )
  expect([answer.score, answer.isAnomalous, answer.width, answer.height]).toEqual([5, true, 128, 64])
  expect([answer.map.width, answer.map.height]).toEqual([8, 4])
  expect(Math.max(...answer.map.data)).toBe(7)
  expect(answer.regions).toHaveLength(1)
})
