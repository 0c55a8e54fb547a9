import { describe, expect, it } from 'vitest'
import type { Model } from '../graph/model.ts'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { type NDArray, ndarray } from '../ops/ndarray.ts'
import { Random } from '../util/random.ts'
import { importClassifier, readNames } from './import-classifier.ts'
import { readMetadata } from './metadata.ts'

const list = (n: number) => `{${Array.from({ length: n }, (_, i) => ((i % 7) - 3) / 4).join(', ')}}`

/** Bytes of pictures [N, H, W, C]. */
function pictures(n: number, height: number, width: number, channels: number): NDArray {
  const random = new Random(2, 'pictures')
  const data = Float64Array.from({ length: n * height * width * channels }, () => random.integer(0, 256))
  return ndarray('uint8', [n, height, width, channels], data)
}

/** The i-th picture as the float input [1, C, H, W] of a model that takes 0 to 1. */
function planar({ dims, data }: NDArray, i: number): NDArray {
  const [, height, width, channels] = dims as [number, number, number, number]
  const plane = height * width
  const values = Float64Array.from({ length: plane * channels }, (_, k) => {
    const [c, at] = [Math.floor(k / plane), k % plane]
    return data[(i * plane + at) * channels + c]! / 255
  })
  return ndarray('float32', [1, channels, height, width], values)
}

function softmax(values: readonly number[]): number[] {
  const total = values.reduce((sum, value) => sum + Math.exp(value), 0)
  return values.map((value) => Math.exp(value) / total)
}

function run(model: Model, feeds: Record<string, NDArray>): number[][] {
  verifyModel(model)
  const results = evaluateModel(model, new Map(Object.entries(feeds)))
  return model.graph.outputs.map(({ name }) => [...results.get(name)!.data])
}

function expectNear(found: readonly number[], wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length)
  wanted.forEach((value, i) => {
    expect(found[i]).toBeCloseTo(value, 5)
  })
}

/** Imports, runs two pictures, and gives what the source, or an equal one, gives for each. */
function expectSameScores(text: string, equal = text, { input = 'x', channels = 3 } = {}) {
  const source = readModel(text)
  const imported = importClassifier(source, { input: 'unit' })
  expect(printModel(source), 'the model that was given').toBe(printModel(readModel(text)))
  const [height, width] = imported.metadata.preprocessing.size!
  const images = pictures(2, height, width, channels)
  const [probabilities, logits] = run(imported.model, { images })
  const wanted = [0, 1].flatMap((i) => run(readModel(equal), { [input]: planar(images, i) })[0]!)
  const classes = imported.metadata.labels.length
  const rows = (values: readonly number[]) => [values.slice(0, classes), values.slice(classes)]
  expectNear(probabilities!, rows(logits!).flatMap(softmax))
  return { ...imported, probabilities: probabilities!, logits: logits!, wanted }
}

/** [N, 3, 4, 4] to four scores. */
const network = (batch: string, head: string) => `
  graph main(x: float32[${batch},3,4,4]) -> (y: float32[${batch},4])
    k: float32[4,3,3,3] = ${list(108)}
    w: float32[16,4] = ${list(64)}
    c = Conv(x, k)
    f = Flatten(c)
    ${head}`

describe('importClassifier', () => {
  it('takes logits, and adds the probabilities', () => {
    const { logits, wanted, metadata, notes, model } = expectSameScores(network('N', 'y = MatMul(f, w)'))
    expectNear(logits, wanted)
    expect(metadata).toMatchObject({ task: 'classify', labels: ['0', '1', '2', '3'], stages: { logits: 'y', pixels: 'x' } })
    expect(notes).toEqual([])
    expect(model.graph.outputs).toHaveLength(2)
  })

  it('takes probabilities, and finds the logits', () => {
    const { probabilities, wanted, metadata } = expectSameScores(network('N', 'g = MatMul(f, w)\n    y = Softmax(g)'))
    expectNear(probabilities, wanted)
    expect(metadata.stages).toMatchObject({ pixels: 'x', logits: 'g', probabilities: 'y' })
  })

  it('raises an old file, frees its batch, and clears away what its exporter left', () => {
    const { model, logits, wanted } = expectSameScores(`
      model ir=3 opset=8
      graph main(x: float32[1,3,4,4], k: float32[4,3,3,3], w: float32[4,2,8], row: int64[2], flat: int64[2]) -> (y: float32[1,8])
        k: float32[4,3,3,3] = ${list(108)}
        w: float32[4,2,8] = ${list(64)}
        row: int64[2] = {1, 8}
        flat: int64[2] = {8, 8}
        c = Conv(x, k)
        i = Identity(c)
        d = Dropout(i) {ratio=0.25}
        p = AveragePool(d) {kernel_shape=[2,1]}
        f = Reshape(p, row)
        v = Reshape(w, flat)
        m = MatMul(f, v)
        y = Identity(m)`)
    expectNear(logits, wanted)
    expect(printModel(model).split('metadata')[0]).toContain('ir=10 opset=21')
    expect(model.graph.inputs.map(({ name }) => name)).toEqual(['images'])
    expect(model.graph.nodes.map(({ op }) => op).slice(3)).toEqual(['Conv', 'Dropout', 'AveragePool', 'Reshape', 'MatMul', 'Softmax'])
  })

  it('puts a Transpose before a model that takes the channels last', () => {
    const source = readModel(`
      graph main(x: float32[1,5,4,3]) -> (y: float32[1,4])
        w: float32[60,4] = ${list(240)}
        f = Flatten(x)
        y = MatMul(f, w)`)
    const { model, metadata } = importClassifier(source, { input: 'unit' })
    expect(metadata.preprocessing.size).toEqual([5, 4])
    const images = pictures(1, 5, 4, 3)
    const wanted = run(source, {
      x: ndarray(
        'float32',
        images.dims,
        images.data.map((value) => value / 255),
      ),
    })[0]!
    expectNear(run(model, { images })[1]!, wanted)
  })

  it('takes grey pictures', () => {
    const text = `
      graph main(x: float32[N,1,4,4]) -> (y: float32[N,2])
        w: float32[16,2] = ${list(32)}
        f = Flatten(x)
        y = MatMul(f, w)`
    const { metadata, logits, wanted } = expectSameScores(text, text, { channels: 1 })
    expect(metadata.preprocessing.color).toBe('gray')
    expectNear(logits, wanted)
  })

  it('makes rows of scores that still are maps of one pixel', () => {
    const { probabilities, wanted, model, metadata } = expectSameScores(`
      model ir=6 opset=11
      graph main(x: float32[1,3,4,4]) -> (y: float32[1,4,1,1])
        k: float32[4,3,3,3] = ${list(108)}
        c = Conv(x, k)
        r = Relu(c)
        p = GlobalAveragePool(r)
        y = Softmax(p) {axis=1}`)
    expectNear(probabilities, wanted)
    expect(model.graph.outputs.map(({ name }) => name)).toEqual([metadata.stages.probabilities, metadata.stages.logits])
  })

  it('takes log-softmax for logits', () => {
    const { probabilities, wanted } = expectSameScores(network('N', 'g = MatMul(f, w)\n    y = LogSoftmax(g)'))
    expectNear(probabilities, wanted.map(Math.exp))
  })

  it('takes the first output of several', () => {
    const text = network('N', 'y = MatMul(f, w)\n    z = Neg(c)').replace('-> (y: float32[N,4])', '-> (y: float32[N,4], z)')
    const { model, logits, wanted } = expectSameScores(text)
    expectNear(logits, wanted)
    expect(model.graph.nodes.some(({ op }) => op === 'Neg')).toBe(false)
  })

  it('computes half precision in float32', () => {
    const text = (type: string) => network('N', 'y = MatMul(f, w)').replaceAll('float32', type)
    const half = importClassifier(readModel(text('float16')), { input: 'unit' })
    const full = importClassifier(readModel(text('float32')), { input: 'unit' })
    expect(half.notes).toEqual(['The model is of half precision; it is computed and trained in float32.'])
    expect(printModel(half.model)).toBe(printModel(full.model))
  })

  it('inlines functions of other opsets than the model', () => {
    const { model, logits, wanted } = expectSameScores(
      `
  model ir=8 opset=13 opset:local=1${network('N', 'y = MatMul(f, w)').replace('Flatten(c)', 'local::Rows(c)')}
  function local::Rows(v) -> (r) opset=11
    u = Clip(v) {min=-9.0}
    r = Flatten(u)`,
      network('N', 'y = MatMul(f, w)')
        .replace('Flatten(c)', 'Flatten(u)')
        .replace('f =', 'low: float32[] = {-9.0}\n    u = Clip(c, low)\n    f ='),
    )
    expect(model.functions).toEqual([])
    expectNear(logits, wanted)
  })

  it('gives way where the model uses the names of what is put around it', () => {
    const text = network('N', 'loss = MatMul(f, w)\n    y = Mul(loss, step)')
      .replace('x: float32', 'images: float32')
      .replace('Conv(x, k)', 'Conv(images, k)')
      .replace('k: float32', 'step: float32[4] = {1.0, 2.0, 3.0, 4.0}\n    k: float32')
    const { model, logits, wanted } = expectSameScores(text, text, { input: 'images' })
    expectNear(logits, wanted)
    expect(model.graph.initializers.has('step_1')).toBe(true)
    expect(model.graph.nodes.flatMap(({ outputs }) => outputs)).toContain('loss_1')
  })

  it('reads class names, and tells a guess of the pixel scaling', () => {
    const source = readModel(network('N', 'y = MatMul(f, w)'))
    source.metadata.set('names', "{0: 'ok', 1: 'scratch', 2: 'dent', 3: \"it's a hole\"}")
    const { metadata, notes, model } = importClassifier(source)
    expect(metadata.labels).toEqual(['ok', 'scratch', 'dent', "it's a hole"])
    expect(notes).toEqual([
      expect.stringMatching(
        /^Pixel scaling guessed as "unit", since .*; the option input \(--input\) states it: raw\|unit\|imagenet\|symmetric\|caffe\.$/,
      ),
    ])
    expect(model.metadata.get('fovea.task')).toBe('classify')
    const stated = importClassifier(source, { labels: ['a', 'b', 'c', 'd'], input: 'raw' }).metadata
    expect(stated.labels).toEqual(['a', 'b', 'c', 'd'])
    // What is written holds neither: a file that is ours is no guess.
    expect([metadata.scaleIsGuessed, stated.scaleIsGuessed, readMetadata(model).scaleIsGuessed]).toEqual([true, undefined, undefined])
    source.metadata.set('pretrained_cfg', '{"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}')
    expect(importClassifier(source).metadata.scaleIsGuessed).toBeUndefined()
  })

  it.each([
    ['no float picture', 'x: int64[N,4]', 'y: int64[N,4]', 'y = Neg(x)', /expected one picture input.*found x int64\[N,4\]/],
    ['two inputs', 'x: float32[N,3,4,4], z: float32[N,3,4,4]', 'y', 'y = Add(x, z)', /found x float32\[N,3,4,4\], z float32\[N,3,4,4\]/],
    ['a picture of four channels', 'x: float32[N,4,8,8]', 'y', 'y = GlobalAveragePool(x)', /expected one picture input/],
    ['no scores', 'x: float32[N,3,4,4]', 'y', 'y = Neg(x)', /expected one score per class.*found \[N,3,4,4\].*field "y"/],
    [
      'no known number of scores',
      'x: float32[N,3,4,4]',
      'y',
      'y = Unknown::Op(x)',
      /expected one score per class.*found \[...\].*field "y"/,
    ],
  ])('refuses a model with %s', (_, inputs, outputs, node, message) => {
    const model = readModel(`
      model ir=10 opset=21 opset:Unknown=1
      graph main(${inputs}) -> (${outputs})
        ${node}`)
    expect(() => importClassifier(model, { file: 'some.onnx', input: 'unit' })).toThrow(message)
  })

  it('refuses labels of another number', () => {
    const source = readModel(network('N', 'y = MatMul(f, w)'))
    expect(() => importClassifier(source, { labels: ['a', 'b'], input: 'raw' })).toThrow(
      /expected 4 labels, one for each class, found 2 \(field "labels"\).*MODEL_LABELS/,
    )
  })
})

describe('readNames', () => {
  it.each([
    ["{0: 'cat', 1: 'dog'}", ['cat', 'dog']],
    ["{1: 'dog', 0: 'cat'}", ['cat', 'dog']],
    ["['cat', \"dog's\"]", ['cat', "dog's"]],
    [String.raw`{0: 'it\'s', 1: 'back\\slash'}`, ["it's", String.raw`back\slash`]],
    ["{0: 'cat'}", undefined],
    ["{0: 'cat', 2: 'dog'}", undefined],
    ['', undefined],
    [undefined, undefined],
  ])('reads %s', (text, wanted) => {
    expect(readNames(text, 2)).toEqual(wanted)
  })
})
