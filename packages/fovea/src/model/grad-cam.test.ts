import { describe, expect, it } from 'vitest'
import type { Model } from '../graph/model.ts'
import { readModel } from '../graph/reader.ts'
import { Tensor } from '../graph/tensor.ts'
import { verifyModel } from '../graph/verifier.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { type NDArray, ndarray } from '../ops/ndarray.ts'
import { extract } from '../passes/extract.ts'
import { openSession } from '../runtime/session.ts'
import { Random } from '../util/random.ts'
import { buildGradCam, lastMap } from './grad-cam.ts'

const random = new Random(8, 'grad-cam')
const numbers = (n: number) => Array.from({ length: n }, () => Math.fround(random.uniform(-1, 1)))
const list = (n: number) =>
  `{${numbers(n)
    .map((value) => value.toPrecision(6))
    .join(', ')}}`

/** Two convolutions, a smooth function of what they find, three scores. */
const model = readModel(`
  graph main(images: float32[N,2,6,6]) -> (probabilities)
    k: float32[3,2,3,3] = ${list(54)}
    v: float32[4,3,3,3] = ${list(108)}
    w: float32[4,3] = ${list(12)}
    a = Conv(images, k)
    b = Relu(a)
    map = Conv(b, v)
    t = Tanh(map)
    p = GlobalAveragePool(t)
    f = Flatten(p)
    logits = MatMul(f, w)
    probabilities = Softmax(logits)`)

const images = ndarray('float32', [1, 2, 6, 6], Float64Array.from(numbers(72)))

function oneHot(index: number): NDArray {
  return ndarray(
    'float32',
    [1, 3],
    Float64Array.from([0, 1, 2], (i) => (i === index ? 1 : 0)),
  )
}

function heatmapOf(graph: Model, index: number): NDArray {
  verifyModel(graph)
  return evaluateModel(
    graph,
    new Map([
      ['images', images],
      ['class_weights', oneHot(index)],
    ]),
  ).get('heatmap')!
}

/** The paper's formula by central differences on the layer's values. */
function byDifferences(layer: string, index: number): number[] {
  const values = evaluateModel(model, new Map([['images', images]]), [layer]).get(layer)!
  const [, channels, height, width] = values.dims as [number, number, number, number]
  const behind = extract(model, { inputs: [layer], outputs: ['logits'] })
  const score = (data: Float64Array) =>
    evaluateModel(behind, new Map([[layer, ndarray('float32', values.dims, data)]])).get('logits')!.data[index]!
  const gradient = values.data.map((_, i) => {
    const moved = (step: number) => score(values.data.map((value, k) => (k === i ? value + step : value)))
    return (moved(1e-5) - moved(-1e-5)) / 2e-5
  })
  const plane = height * width
  const importance = Array.from(
    { length: channels },
    (_, c) => gradient.slice(c * plane, (c + 1) * plane).reduce((sum, g) => sum + g, 0) / plane,
  )
  const map = Array.from({ length: plane }, (_, at) =>
    Math.max(
      0,
      importance.reduce((sum, weight, c) => sum + weight * values.data[c * plane + at]!, 0),
    ),
  )
  const peak = Math.max(...map)
  return map.map((value) => value / peak)
}

describe('lastMap', () => {
  it('finds the last value that still is a map', () => {
    expect(lastMap(model, 'logits')).toBe('t')
    expect(lastMap(model, 'map')).toBe('map')
  })

  it('says where there is none', () => {
    const flat = readModel(`
      graph main(x: float32[N,3,1,1]) -> (y)
        y = Flatten(x)`)
    expect(() => lastMap(flat, 'y')).toThrow(/a feature map before the scores.*MODEL_NOT_CLASSIFIER/)
  })
})

describe('buildGradCam', () => {
  it.each([
    ['t', 0],
    ['t', 2],
    ['map', 1],
    ['b', 0],
  ] as const)('weighs the channels of "%s" by their mean gradient, class %d', (layer, index) => {
    const found = heatmapOf(buildGradCam(model, 'logits', layer), index)
    const wanted = byDifferences(layer, index)
    expect(found.dims).toEqual(layer === 'b' ? [4, 4] : [2, 2])
    expect(Math.max(...wanted)).toBe(1)
    found.data.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i]!, 6)
    })
  })

  it('takes the last map by default, and leaves the model alone', () => {
    const before = model.graph.nodes.length
    expect([...heatmapOf(buildGradCam(model, 'logits'), 1).data]).toEqual([...heatmapOf(buildGradCam(model, 'logits', 't'), 1).data])
    expect(model.graph.nodes).toHaveLength(before)
  })

  it('gives zeros, not NaN, where nothing spoke for the class', () => {
    const graph = buildGradCam(model, 'logits', 't')
    const nothing = ndarray('float32', [1, 3], new Float64Array(3))
    const { data } = evaluateModel(
      graph,
      new Map([
        ['images', images],
        ['class_weights', nothing],
      ]),
    ).get('heatmap')!
    expect([...data]).toEqual([0, 0, 0, 0])
  })

  it('runs on ONNX Runtime', async () => {
    const graph = buildGradCam(model, 'logits')
    const session = await openSession(graph, { worker: false, threads: 1 })
    try {
      const feeds = {
        images: Tensor.float32(images.dims, Float32Array.from(images.data)),
        class_weights: Tensor.float32([1, 3], [0, 1, 0]),
      }
      const { heatmap } = await session.run(feeds)
      heatmapOf(graph, 1).data.forEach((value, i) => {
        expect(heatmap!.data[i]).toBeCloseTo(value, 4)
      })
    } finally {
      await session.close()
    }
  })
})
