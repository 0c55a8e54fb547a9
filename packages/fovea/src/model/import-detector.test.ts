import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { createImage } from '../vision/image.ts'
import { checkContract } from './check-contract.ts'
import { detectorLayouts, guessLayout } from './heads/detector-layouts.ts'
import { importModel } from './import-model.ts'
import { readMetadata } from './metadata.ts'
import { DeepSeekVision } from './vision-model.ts'
import { withOptions } from './with-options.ts'

const list = (n: number) => `{${Array.from({ length: n }, (_, i) => (((i % 7) - 3) / 8).toFixed(4)).join(', ')}}`

/** A network whose one map of 6 channels and 16 cells becomes [N, 6, 16]: 4 sides and two classes. */
function detector(metadata: Readonly<Record<string, string>>, end = 'y = Reshape(m, r)') {
  const model = readModel(`
    graph main(x: float32[N,3,8,8]) -> (y)
      k: float32[6,3,3,3] = ${list(162)}
      r: int64[3] = {0, 6, -1}
      c = Conv(x, k) {strides=[2, 2], pads=[1, 1, 1, 1]}
      m = Sigmoid(c)
      ${end}`)
  return { ...model, metadata: new Map(Object.entries(metadata)) }
}

const ultralytics = { task: 'detect', stride: '32', names: "{0: 'nut', 1: 'bolt'}", imgsz: '[8, 8]' }

describe('importModel of detectors', () => {
  it('sees by its metadata a detector of Ultralytics', async () => {
    const { model, metadata } = importModel(detector(ultralytics))
    verifyModel(model)
    checkContract(model, metadata)
    expect(readMetadata(model)).toEqual(metadata)
    expect(metadata).toMatchObject({
      task: 'detect',
      labels: ['nut', 'bolt'],
      preprocessing: { resize: 'letterbox', scale: 'unit', size: [8, 8] },
    })
    expect(metadata.heads?.[0]).toMatchObject({ task: 'detect', suppression: 'class' })
    const opened = await DeepSeekVision.of<'detect'>(model, metadata, { worker: false })
    const found = await opened.predict(createImage(8, 8, 3), { confidence: 0, iou: 1 })
    // Every cell answers for each of the classes, 0.5 throughout: cells whose boxes have a size stay.
    expect(found.length).toBeGreaterThan(0)
    expect(new Set(found.detections.map(({ name }) => name))).toEqual(new Set(['nut', 'bolt']))
    await opened.close()
  })

  it('refuses a layout for a file that states its answers itself', () => {
    const { model, metadata } = importModel(detector(ultralytics))
    expect(() => withOptions({ model, metadata }, { detector: 'yolov5' })).toThrow(expect.objectContaining({ code: 'MODEL_OPTION' }))
  })

  it('tells the two layouts of six numbers apart by how many there are, and guesses neither where that is open', () => {
    const metadata = new Map([
      ['names', "{0: 'nut'}"],
      ['task', 'detect'],
    ])
    const guess = (points: number | null) => guessLayout([{ name: 'y', dims: ['N', points, 6] }], metadata, 1)
    expect([guess(300), guess(25_200), guess(null)]).toEqual(['end-to-end', 'yolov5', undefined])
    expect(guessLayout([{ name: 'y', dims: ['N', null, 6] }], metadata, 3)).toBe('end-to-end')
    const named = new Map([...metadata, ['description', 'Ultralytics RTDETR-l model']])
    const rows = (columns: number) => [{ name: 'y', dims: ['N', 300, columns] }]
    expect([guessLayout(rows(84), metadata, 80), guessLayout(rows(6), named, 2), guessLayout(rows(6), metadata, 2)]).toEqual([
      'ultralytics-rt-detr',
      'ultralytics-rt-detr',
      'end-to-end',
    ])
  })

  it('wants names where answers do not tell how many classes there are, and says when a scaling is guessed', () => {
    const sixes = detector({}, 'q = Reshape(m, r)\n      y = Transpose(q) {perm=[0, 2, 1]}')
    expect(() => importModel(sixes, { detector: 'end-to-end' })).toThrow(expect.objectContaining({ code: 'MODEL_LABELS' }))
    expect(importModel(sixes, { detector: 'end-to-end', labels: ['a', 'b'] }).metadata.heads![0]).toMatchObject({ suppression: 'none' })
    expect(importModel(detector({}), { detector: 'ultralytics' }).metadata.scaleIsGuessed).toBe(true)
    expect(importModel(detector(ultralytics)).metadata.scaleIsGuessed).toBeUndefined()
    expect(importModel(detector({}), { detector: 'ultralytics', input: 'unit' }).metadata.scaleIsGuessed).toBeUndefined()
    expect(importModel(detector({}), { detector: 'ultralytics', input: { resize: 'squash' } }).metadata.scaleIsGuessed).toBe(true)
    // Sixteen answers are not those of the cells of three levels.
    expect(() => importModel(sixes, { detector: 'yolox', labels: ['a'] })).toThrow(expect.objectContaining({ code: 'MODEL_NOT_DETECTOR' }))
  })

  it('takes scores by their name where there are hidden states beside them, and nothing where no name tells', () => {
    const output = (name: string, size: number) => ({ name, dims: ['N', 100, size] })
    const fits = detectorLayouts['rt-detr'].fits
    expect(fits([output('last_hidden_state', 256), output('logits', 80), output('pred_boxes', 4)])).toEqual({
      values: ['logits', 'pred_boxes'],
      classes: 80,
    })
    expect(fits([output('x', 256), output('y', 80), output('pred_boxes', 4)])).toBeUndefined()
    expect(fits([output('x', 80), output('y', 4)])).toEqual({ values: ['x', 'y'], classes: 80 })
  })

  it('takes the names that are given, and refuses another number of them', () => {
    expect(importModel(detector(ultralytics), { labels: ['a', 'b'] }).metadata.labels).toEqual(['a', 'b'])
    expect(() => importModel(detector(ultralytics), { labels: ['a'] })).toThrow(expect.objectContaining({ code: 'MODEL_LABELS' }))
    expect(importModel(detector({}), { detector: 'ultralytics' }).metadata.labels).toEqual(['0', '1'])
  })

  it('takes a model of features for one where metadata tell of another task, or its shape does not fit', () => {
    expect(importModel(detector({ ...ultralytics, task: 'segment' })).metadata.task).toBe('features')
    expect(importModel(detector({ ...ultralytics, names: "{0: 'nut'}" })).metadata.task).toBe('features')
    expect(importModel(detector(ultralytics), { task: 'features' }).metadata.task).toBe('features')
    expect(importModel(detector({})).metadata.task).toBe('features')
  })
})
