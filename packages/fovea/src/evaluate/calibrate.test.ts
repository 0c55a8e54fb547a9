import { describe, expect, test } from 'vitest'
import { Tensor } from '../graph/tensor.ts'
import { verifyModel } from '../graph/verifier.ts'
import { buildClassifier } from '../model/build-classifier.ts'
import { buildFeatures } from '../model/build-features.ts'
import { addHeads } from '../model/heads/add-heads.ts'
import { readMetadata } from '../model/metadata.ts'
import { replaceHead } from '../model/replace-head.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { openSession } from '../runtime/session.ts'
import { Random } from '../util/random.ts'
import { createImage } from '../vision/image.ts'
import { softmaxAt } from '../vision/metrics/temperature.ts'
import { applyCalibration, applyRejection, calibrate, chooseRejection } from './calibrate.ts'
import { VisionEvaluator } from './evaluator.ts'

const labels = ['a', 'b', 'c']
const picture = (seed: number) => {
  const random = new Random(seed)
  return createImage(
    32,
    32,
    3,
    Uint8Array.from({ length: 32 * 32 * 3 }, () => random.integer(0, 256)),
  )
}

/** An evaluation of a predictor that is three times too sure: the truth follows the softmax of a third of its logits. */
async function tooSure(count: number) {
  const random = new Random(4, 'too sure')
  const cases = Array.from({ length: count }, () => {
    const logits = labels.map(() => random.normal(0, 2))
    const fair = softmaxAt(logits, 1)
    const drawn = random.next()
    const truth = drawn < fair[0]! ? 0 : drawn < fair[0]! + fair[1]! ? 1 : 2
    return { truth, probabilities: softmaxAt(logits, 1 / 3) }
  })
  const samples = cases.map(({ truth }, i) => ({ path: `${i}`, label: truth, image: createImage(1, 1, 3) }))
  const predict = (_: unknown, { name }: { name: string }) =>
    ({ task: 'classify', probabilities: cases[Number(name)]!.probabilities }) as const
  return new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(predict, { classes: labels, samples })
}

describe('an evaluation', () => {
  test('of a model that is too sure: its temperature, and its figures afterwards', async () => {
    const evaluation = await tooSure(1500)
    const result = calibrate(evaluation)
    expect(result.temperature).toBeGreaterThan(2.6)
    expect(result.temperature).toBeLessThan(3.4)
    expect(result.errorBefore).toBeGreaterThan(0.1)
    expect(result.errorAfter).toBeLessThan(0.04)
    expect(result.lossAfter).toBeLessThan(result.lossBefore)
    const figure = (name: string) => result.evaluation.records.figures.findIndex((one) => one.name === name)
    const [before, after] = [evaluation.records.compute(), result.evaluation.records.compute()]
    expect(after[figure('accuracy')]).toBe(before[figure('accuracy')])
    expect(after[figure('loss')]).toBeCloseTo(result.lossAfter, 6)
    expect(before[figure('loss')]).toBeCloseTo(result.lossBefore, 6)
    // What is calibrated stays so.
    expect(calibrate(result.evaluation).temperature).toBeCloseTo(1, 4)
  })

  test('says below which probability nothing should be said', async () => {
    const evaluation = await tooSure(1500)
    const { accuracy } = evaluation.figures
    const wanted = chooseRejection(evaluation, { accuracy: accuracy! + 0.1 })
    expect(wanted.reached).toBe(true)
    expect(wanted.accuracy).toBeGreaterThanOrEqual(accuracy! + 0.1)
    expect(wanted.coverage).toBeGreaterThan(0.2)
    expect(wanted.coverage).toBeLessThan(1)
    expect(wanted.aurc).toBeCloseTo(evaluation.figures.aurc!, 12)
    expect(chooseRejection(evaluation, { coverage: 0.7 }).coverage).toBeCloseTo(0.7, 2)
    const none = chooseRejection(evaluation, { accuracy: 1 })
    expect(none.reached || none.accuracy < 1).toBe(true)
  })
})

describe('the model', () => {
  test('divides its logits by the temperature, once more if it did already, and states it', async () => {
    const model = buildClassifier('small-cnn', { labels, imageSize: [32, 32] })
    const first = applyCalibration({ model, metadata: readMetadata(model) }, { temperature: 2, samples: 40 })
    const second = applyCalibration(first, { temperature: 1.5, samples: 50 })
    verifyModel(second.model)
    expect(second.model.graph.nodes.length).toBe(model.graph.nodes.length + 1)
    expect(readMetadata(second.model).calibration).toEqual({ '': { temperature: 3, samples: 50 } })
    const images = new Tensor('uint8', [1, 32, 32, 3], picture(1).data)
    const outputs = async (one: typeof model) => {
      const session = await openSession(one, { worker: false })
      const names = one.graph.outputs.map(({ name }) => name)
      const results = await session.run({ images }, { outputs: names })
      await session.close()
      return names.map((name) => results[name]!)
    }
    const [probabilities, logits] = await outputs(second.model)
    const [, raw] = await outputs(model)
    expect(logits!.data).toEqual(raw!.data)
    const expected = softmaxAt(Array.from(raw!.data as Float32Array), 3)
    for (const [i, value] of (probabilities!.data as Float32Array).entries()) expect(value).toBeCloseTo(expected[i]!, 6)
  })

  test('of several heads one is calibrated', () => {
    const heads = [
      { task: 'classify', labels, name: 'one' },
      { task: 'classify', labels, name: 'two' },
    ] as const
    const model = addHeads(buildFeatures('resnet18', { imageSize: [32, 32] }), heads)
    const { model: cooled, metadata } = applyCalibration({ model, metadata: readMetadata(model) }, { temperature: 2, samples: 9 }, 'two')
    verifyModel(cooled)
    expect(metadata.calibration).toEqual({ two: { temperature: 2, samples: 9 } })
    expect(() => applyCalibration({ model, metadata }, { temperature: 2, samples: 9 }, 'three')).toThrowError(
      expect.objectContaining({ code: 'MODEL_TASK' }),
    )
    expect(() => applyCalibration({ model, metadata }, { temperature: 0, samples: 9 })).toThrowError(
      expect.objectContaining({ code: 'MODEL_OPTION' }),
    )
  })

  test('a calibrated one can be given new classes, and knows nothing of the old ones then', () => {
    const model = buildClassifier('small-cnn', { labels, imageSize: [32, 32] })
    const cooled = applyCalibration({ model, metadata: readMetadata(model) }, { temperature: 2, samples: 40 })
    const thresholds = { goal: { f1: 'best' }, samples: 4, perClass: [0.1, 0.2, 0.3] }
    const { model: rejecting } = applyRejection({ model: cooled.model, metadata: { ...cooled.metadata, thresholds } }, rejection(0.5))
    const renewed = replaceHead(rejecting, ['x', 'y'])
    verifyModel(renewed)
    const { calibration, rejection: left, thresholds: found, labels: names } = readMetadata(renewed)
    expect([calibration, left, found, names]).toEqual([undefined, undefined, undefined, ['x', 'y']])
  })

  test('below its threshold it does not know; whoever asks may set another', async () => {
    const model = buildClassifier('small-cnn', { labels, imageSize: [32, 32] })
    const { model: rejecting, metadata } = applyRejection({ model, metadata: readMetadata(model) }, rejection(0.999))
    expect(readMetadata(rejecting).rejection).toEqual({
      '': { threshold: 0.999, goal: { accuracy: 0.9 }, samples: 10, coverage: 0.5, accuracy: 1 },
    })
    await using sure = await DeepSeekVision.of<'classify'>(rejecting, metadata, { worker: false })
    const answer = await sure.predict(picture(2))
    expect(answer.rejected).toBe(true)
    expect(labels).toContain(answer.label)
    expect((await sure.predict(picture(2), { reject: 0 })).rejected).toBeUndefined()
    await expect(sure.predict(picture(2), { reject: 1.5 })).rejects.toThrowError(expect.objectContaining({ code: 'MODEL_OPTION' }))
    await using plain = await DeepSeekVision.of<'classify'>(model, readMetadata(model), { worker: false })
    expect((await plain.predict(picture(2))).rejected).toBeUndefined()
    expect((await plain.predict(picture(2), { reject: 0.999 })).rejected).toBe(true)
  })

  test('a head beside others rejects too; a model without classes takes no such option', async () => {
    const model = addHeads(buildFeatures('resnet18', { imageSize: [32, 32] }), [
      { task: 'classify', labels },
      { task: 'count', labels: ['n'] },
    ])
    const { model: rejecting, metadata } = applyRejection({ model, metadata: readMetadata(model) }, rejection(0.999))
    await using several = await DeepSeekVision.of<'multi'>(rejecting, metadata, { worker: false })
    expect((await several.predict(picture(3))).heads.classify).toMatchObject({ rejected: true })
    expect((await several.predict(picture(3), { reject: 0 })).heads.classify).not.toHaveProperty('rejected')
    const counting = addHeads(buildFeatures('resnet18', { imageSize: [32, 32] }), [{ task: 'count', labels: ['n'] }])
    await using counter = await DeepSeekVision.of<'count'>(counting, readMetadata(counting), { worker: false })
    await expect(counter.predict(picture(3), { reject: 0.5 })).rejects.toThrowError(expect.objectContaining({ code: 'MODEL_OPTION' }))
  })

  test('metadata of another shape are refused', () => {
    const model = buildClassifier('small-cnn', { labels, imageSize: [32, 32] })
    for (const [key, text] of [
      ['calibration', '{"":{"temperature":0,"samples":1}}'],
      ['calibration', '2'],
      ['rejection', '{"":{"threshold":2,"goal":{},"samples":1,"coverage":1,"accuracy":1}}'],
    ] as const)
      expect(() => readMetadata({ ...model, metadata: new Map([...model.metadata, [`fovea.${key}`, text]]) })).toThrowError(
        expect.objectContaining({ code: 'MODEL_METADATA' }),
      )
  })
})

function rejection(threshold: number) {
  return { threshold, goal: { accuracy: 0.9 }, samples: 10, coverage: 0.5, accuracy: 1, reached: true, aurc: 0, curve: [] } as const
}
