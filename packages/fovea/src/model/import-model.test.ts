import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { Random } from '../util/random.ts'
import { importModel } from './import-model.ts'
import { readMetadata } from './metadata.ts'
import { replaceHead } from './replace-head.ts'

const list = (n: number) => `{${Array.from({ length: n }, (_, i) => (((i % 7) - 3) / 8).toFixed(4)).join(', ')}}`

function network(input: string, outputs: string, end: string) {
  return readModel(`
    graph main(x: ${input}) -> (${outputs})
      k: float32[4,3,3,3] = ${list(108)}
      w: float32[4,5] = ${list(20)}
      c = Conv(x, k) {strides=[2, 2], pads=[1, 1, 1, 1]}
      m = HardSwish(c)
      p = GlobalAveragePool(m)
      f = Flatten(p)
      ${end}`)
}

describe('importModel', () => {
  it.each([
    ['a last layer', 'y', 'y = Gemm(f, w)', 'classify'],
    ['a softmax', 'y', 'y = Softmax(f)', 'classify'],
    ['an embedding', 'f', '', 'features'],
    ['maps', 'm, c', '', 'features'],
    ['one number for all pictures', 'y', 'y = ReduceMax(f) {keepdims=0}', 'features'],
  ])('sees by its output what a model is: %s', (_, outputs, end, task) => {
    const { model, metadata } = importModel(network('float32[N,3,8,8]', outputs, end), { input: 'unit' })
    verifyModel(model)
    expect(metadata.task).toBe(task)
    expect(readMetadata(model)).toEqual(metadata)
  })

  it('keeps all outputs of a model of features as they were, behind the front', () => {
    const source = network('float32[1,3,8,8]', 'm, f', '')
    const { model, metadata, notes } = importModel(source, { input: 'unit' })
    expect(model.graph.inputs[0]).toMatchObject({ name: 'images', type: { dtype: 'uint8', dims: ['N', 8, 8, 3] } })
    expect(metadata).toMatchObject({ task: 'features', labels: [], stages: { pixels: 'x', embedding: 'f' } })
    expect(notes).toEqual([expect.stringMatching(/no classifier.*predict needs a head/)])
    const bytes = Float64Array.from({ length: 192 }, (_, i) => (i * 37) % 256)
    const planar = Float64Array.from({ length: 192 }, (_, i) => bytes[(i % 64) * 3 + Math.floor(i / 64)]! / 255)
    const wanted = evaluateModel(source, new Map([['x', ndarray('float32', [1, 3, 8, 8], planar)]]))
    const found = evaluateModel(model, new Map([['images', ndarray('uint8', [1, 8, 8, 3], bytes)]]))
    for (const name of ['m', 'f'])
      found.get(name)!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(wanted.get(name)!.data[i]!, 6)
      })
  })

  it('gives features a head that can be trained', () => {
    const { model } = importModel(network('float32[N,3,8,8]', 'm, f', ''), { input: 'unit' })
    const headed = replaceHead(model, ['a', 'b'], new Random(0, 'head'))
    verifyModel(headed)
    expect(readMetadata(headed)).toMatchObject({ task: 'classify', labels: ['a', 'b'], stages: { embedding: 'f', stem: 'm' } })
  })

  it('keeps a batch that cannot be freed, and says so', () => {
    const summed = network('float32[1,3,8,8]', 'y', 'y = ReduceSum(f) {keepdims=0}')
    const fixed = importModel(summed, { input: 'unit' })
    expect(fixed.model.graph.inputs[0]).toMatchObject({ type: { dims: [1, 8, 8, 3] } })
    expect(fixed.notes[0]).toMatch(/one at a time/)
    expect(() => importModel(network('float32[4,3,8,8]', 'y', 'y = ReduceSum(f) {keepdims=0}'), { input: 'unit' })).toThrow(
      /a batch that is free, or 1, found a batch fixed to 4.*MODEL_NOT_VISION/,
    )
  })

  it('takes the task that is asked for', () => {
    const source = network('float32[N,3,8,8]', 'y', 'y = Gemm(f, w)')
    expect(importModel(source, { input: 'unit', task: 'features' }).metadata.task).toBe('features')
    expect(() => importModel(network('float32[N,3,8,8]', 'm', ''), { input: 'unit', task: 'classify' })).toThrow(/MODEL_NOT_CLASSIFIER/)
    expect(() => importModel(source, { input: 'unit', labels: ['a'] })).toThrow(
      /expected 5 labels, one for each class, found 1 .*\[MODEL_LABELS\]/,
    )
    expect(importModel(network('float32[N,3,8,8]', 'f', ''), { input: 'unit', task: 'classify' }).metadata.task).toBe('classify')
  })

  it('refuses what takes no picture alone, and names its inputs', () => {
    const two = readModel(`
      graph main(x: float32[N,3,8,8], prompt: int64[N,4]) -> (y)
        c = Cast(prompt) {to=1}
        s = ReduceSum(c) {keepdims=0}
        y = Add(x, s)`)
    expect(() => importModel(two, { file: 'some.onnx' })).toThrow(
      /x float32\[N,3,8,8\], prompt int64\[N,4\].*some\.onnx.*fovea inspect.*MODEL_NOT_VISION/,
    )
  })

  it('chooses a size where the model takes any, and says why', () => {
    const sized = (keys: Record<string, string>, dims = 'N,3,H,W') => {
      const source = network(`float32[${dims}]`, 'm', '')
      for (const [key, value] of Object.entries(keys)) source.metadata.set(key, value)
      const { metadata, notes, model } = importModel(source, { input: 'unit' })
      expect(inferValues(model).dims('m')?.slice(2)).toEqual(metadata.preprocessing.size!.map((side) => Math.ceil(side / 2)))
      return [metadata.preprocessing.size, notes.find((note) => note.includes('any size'))]
    }
    expect(sized({})).toEqual([[224, 224], expect.stringMatching(/224x224 was chosen, since nothing in the file tells/)])
    expect(sized({ imgsz: '[320, 640]' })).toEqual([[320, 640], expect.stringMatching(/since its metadata state imgsz/)])
    expect(sized({ stride: '32', names: "{0: 'a'}" })).toEqual([[640, 640], expect.stringMatching(/Ultralytics/)])
    expect(sized({ pretrained_cfg: '{"input_size": [3, 288, 288]}' })).toEqual([[288, 288], expect.stringMatching(/input_size/)])
    expect(sized({}, 'N,3,96,W')).toEqual([[96, 224], expect.anything()])
    const source = network('float32[N,3,H,W]', 'm', '')
    expect(importModel(source, { input: { scale: 'unit', size: [64, 32] } }).metadata.preprocessing.size).toEqual([64, 32])
    expect(importModel(source, { input: 'unit', imageSize: [64, 32] }).metadata.preprocessing.size).toEqual([64, 32])
    expect(() => importModel(network('float32[N,3,8,8]', 'm', ''), { imageSize: [64, 32] })).toThrow(
      /expected 8x8, which the model is fixed to.*PREPROCESSING_INVALID/,
    )
    expect(() => importModel(network('float32[N,3,8,8]', 'm', ''), { input: { scale: 'unit', size: [64, 32] } })).toThrow(
      /expected 8x8, which the model is fixed to.*PREPROCESSING_INVALID/,
    )
  })

  it('takes what is given over what the file states, and says what that replaced', () => {
    const source = network('float32[N,3,8,8]', 'm', '')
    source.metadata.set('mean', '[0.5, 0.5, 0.5]')
    source.metadata.set('std', '[0.25, 0.25, 0.25]')
    source.metadata.set('crop_pct', '0.9')
    const { metadata, notes } = importModel(source, { input: { scale: 'unit', resize: 'letterbox' } })
    expect(metadata.preprocessing).toMatchObject({ scale: 'unit', resize: 'letterbox' })
    expect(notes).toContainEqual(
      'What was given of the input replaces what the file states: scale "custom" by "unit", resize "crop" by "letterbox".',
    )
    // A guess is not replaced: it is not made.
    expect(importModel(network('float32[N,3,8,8]', 'm', ''), { input: 'raw' }).notes.join()).not.toMatch(/replaces|guessed/)
  })
})
